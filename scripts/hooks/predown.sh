#!/bin/sh
# Before everything is removed: says what azd does not remove. predown.ps1 is the same for Windows.
set -eu
exchange=${EXCHANGE_COMMAND:-scripts/setup-exchange.ps1}
cat <<END
Outside of the resource group there are rights that azd does not take away. If that is not done yet, answer "no" now and
run, while the identity still exists:
  ${exchange%% -Csv *} -All -Remove
  scripts/setup-entra.sh --remove
State, reports, unread CSVs and telemetry go for good. The Key Vault ${KEY_VAULT_NAME:-} stays for
${KEY_VAULT_RETENTION_DAYS:-7} days, deleted and free of charge, because it is protected against being purged: it holds
the wrapping key and no password. Until then, "azd up" with this name recovers it. Nothing else is left by
"azd down --purge".
END
