#!/bin/sh
# After the code: has Event Grid announce CSVs to the app (infra/eventgrid.bicep), and says what to do next.
# azd runs it with the outputs of infra/main.bicep. postdeploy.ps1 is the same for Windows.
set -eu
cd "$(dirname "$0")/../.."

readonly TRIES=30 # with the pause between them, five minutes: a first start takes one or two

say() { printf '%s\n' "$@"; }
stop() {
  printf '%s\n' "Error: $*" 'CSVs are found all the same, but minutes late. Run: azd hooks run postdeploy' >&2
  exit 1
}
pause() { sleep "${HOOK_PAUSE_SECONDS:-10}"; }

has_key() {
  found=$(az functionapp keys list --subscription "$AZURE_SUBSCRIPTION_ID" --resource-group "$AZURE_RESOURCE_GROUP" \
    --name "$FUNCTION_APP_NAME" --query "systemKeys.blobs_extension && 'there'" --output tsv 2>/dev/null || true)
  [ -n "$found" ]
}

# The app makes the key when it starts, and it starts when somebody calls.
wait_for_key() {
  tries=0
  until has_key; do
    tries=$((tries + 1))
    [ "$tries" -lt "$TRIES" ] ||
      stop "$FUNCTION_APP_NAME does not start, or has no function. Look at $HEALTH_URL and at the app's log stream."
    curl --silent --max-time 20 --output /dev/null "$HEALTH_URL" || true
    pause
  done
}

# Event Grid calls the app once to see that it is there, which may take several tries right after a deployment.
announce() {
  for _ in 1 2 3; do
    if az deployment group create --subscription "$AZURE_SUBSCRIPTION_ID" --resource-group "$AZURE_RESOURCE_GROUP" \
      --name event-grid --template-file infra/eventgrid.bicep --output none \
      --parameters functionAppName="$FUNCTION_APP_NAME" storageAccountName="$MIGRATION_STORAGE_NAME"; then
      return
    fi
    pause
  done
  stop 'Event Grid could not be told to announce CSVs; see above.'
}

command -v az >/dev/null || stop 'This needs the Azure CLI: https://learn.microsoft.com/cli/azure/install-azure-cli'
say 'Waiting for the app to start ...'
wait_for_key
say 'Telling Event Grid to announce CSVs ...'
announce

say '' "What the app says of itself ($HEALTH_URL):"
curl --silent --max-time 60 "$HEALTH_URL" || say 'nothing yet'
say '' '' 'Next:'
if [ -n "${OUTBOUND_ADDRESS:-}" ]; then say "  0. Let $OUTBOUND_ADDRESS through the firewall of the source server."; fi
say "  1. Entra:    $ENTRA_COMMAND" \
  '               then azd env set ENTRA_CLIENT_ID <id that it prints>, and azd provision' \
  "  2. Exchange: $EXCHANGE_COMMAND" \
  "  3. Upload:   $UPLOAD_COMMAND" \
  "  4. Watch:    $WORKBOOK_URL"
