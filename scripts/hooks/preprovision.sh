#!/bin/sh
# Before anything is made: says in words what would otherwise fail halfway, and prepares the subscription.
# azd runs it with the values of its environment (azd env set NAME value). preprovision.ps1 is the same for Windows.
set -eu
cd "$(dirname "$0")"

problems=0
say() { printf '%s\n' "$*" >&2; }
problem() { problems=$((problems + 1)); say "* $*"; }
stop() { say "Error: $*"; exit 1; }

# Each value against the pattern of parameters.tsv.
check_parameters() {
  tab=$(printf '\t')
  while IFS=$tab read -r name pattern words; do
    value=$(printenv "$name" || true)
    if [ -n "$value" ] && ! printf '%s' "$value" | grep -Eqx "$pattern"; then
      problem "$name is '$value'. It must be $words. Set it with: azd env set $name '<value>'"
    fi
  done <parameters.tsv
}

check_sign_in() {
  command -v az >/dev/null || stop 'This needs the Azure CLI: https://learn.microsoft.com/cli/azure/install-azure-cli'
  az account show --subscription "$subscription" --output none 2>/dev/null ||
    stop "The Azure CLI is not signed in to the subscription $subscription." \
      "Run az login --tenant ${AZURE_TENANT_ID:-<tenant>}, then this again."
}

# Only a warning: a custom role may allow it, too.
check_rights() {
  account=$(az account show --subscription "$subscription" --query user.name --output tsv)
  held=$(az role assignment list --assignee "$account" --include-groups --include-inherited \
    --scope "/subscriptions/$subscription" --query '[].roleDefinitionName' --output tsv 2>/dev/null || true)
  case "$held" in
    *Owner* | *'User Access Administrator'* | *'Role Based Access Control Administrator'*) ;;
    *) say "Warning: $account seems not to be allowed to give roles on this subscription. If the deployment ends with
AuthorizationFailed, have somebody give you Owner, or Contributor and Role Based Access Control Administrator." ;;
  esac
}

check_region() {
  regions=$(az functionapp list-flexconsumption-locations --query '[].name' --output tsv 2>/dev/null || true)
  if [ -n "$regions" ] && [ -n "${AZURE_LOCATION:-}" ] && ! printf '%s\n' "$regions" | grep -qix "$AZURE_LOCATION"; then
    problem "$AZURE_LOCATION has no Flex Consumption. Choose one of these with azd env set AZURE_LOCATION <region>:" \
      "$(printf '%s' "$regions" | tr '\n' ' ')"
  fi
}

# A subscription knows a service only after it was registered there, once.
register_services() {
  for service in Microsoft.App Microsoft.AlertsManagement Microsoft.Consumption Microsoft.EventGrid Microsoft.Insights \
    Microsoft.KeyVault Microsoft.ManagedIdentity Microsoft.Network Microsoft.OperationalInsights Microsoft.Storage \
    Microsoft.Web; do
    state=$(az provider show --subscription "$subscription" --namespace "$service" \
      --query registrationState --output tsv)
    if [ "$state" != Registered ]; then
      say "Registering $service in the subscription; this takes a minute."
      az provider register --subscription "$subscription" --namespace "$service" --wait ||
        problem "$service could not be registered. Have an Owner or Contributor of the subscription run:" \
          "az provider register --namespace $service"
    fi
  done
}

# What only Azure knows, for infra/main.parameters.json.
remember() {
  kind=$(az account show --subscription "$subscription" --query user.type --output tsv)
  if [ "$kind" = servicePrincipal ]; then kind=ServicePrincipal; else kind=User; fi
  azd env set AZURE_PRINCIPAL_TYPE "$kind"

  # A removed deployment of this name left its vault behind, which can be neither purged nor made a second time.
  here="contains(properties.vaultId, '/resourceGroups/$group/') && properties.location=='${AZURE_LOCATION:-}'"
  deleted=$(az keyvault list-deleted --subscription "$subscription" --resource-type vault \
    --query "[?$here].name" --output tsv 2>/dev/null || true)
  if [ -n "$deleted" ]; then
    say "The Key Vault $deleted of an earlier deployment is recovered."
    azd env set KEY_VAULT_CREATE_MODE recover
  else
    azd env set KEY_VAULT_CREATE_MODE default
  fi

  # Azure refuses another first month for a budget that exists.
  url=https://management.azure.com/subscriptions/$subscription/resourceGroups/$group
  url="$url/providers/Microsoft.Consumption/budgets/mailferry?api-version=2023-11-01"
  budget=$(az rest --method get --url "$url" --query properties.timePeriod.startDate --output tsv 2>/dev/null || true)
  if [ -n "$budget" ]; then start=$(printf %.10s "$budget"); else start=$(date -u +%Y-%m-01); fi
  azd env set BUDGET_START "$start"
}

check_parameters
subscription=${AZURE_SUBSCRIPTION_ID:-}
group=rg-mailferry-${AZURE_ENV_NAME:-}
# The very first time azd asks for the subscription only after this: what is unknown is then caught by Azure itself.
if [ -n "$subscription" ]; then
  check_sign_in
  check_rights
  check_region
  register_services
  remember
fi
[ "$problems" = 0 ] || stop "$problems to mend, see above; nothing was made. Then run this again."
