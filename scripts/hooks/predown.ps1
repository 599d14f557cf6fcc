# Before everything is removed: says what azd does not remove. predown.sh is the same for Linux and macOS.
$exchange = $env:EXCHANGE_COMMAND -replace ' -Csv .*$', ''
$days = if ($env:KEY_VAULT_RETENTION_DAYS) { $env:KEY_VAULT_RETENTION_DAYS } else { 7 }
Write-Output @"
Outside of the resource group there are rights that azd does not take away. If that is not done yet, answer "no" now and
run, while the identity still exists:
  $exchange -All -Remove
  scripts/setup-entra.sh --remove
State, reports, unread CSVs and telemetry go for good. The Key Vault $env:KEY_VAULT_NAME stays for
$days days, deleted and free of charge, because it is protected against being purged: it holds
the wrapping key and no password. Until then, "azd up" with this name recovers it. Nothing else is left by
"azd down --purge".
"@
