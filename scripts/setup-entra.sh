#!/usr/bin/env bash
# Makes what Mailferry signs in to Microsoft 365 with, and takes it away again. Runs as often as you like.
# Needs the Azure CLI, signed in (az login). See docs/exchange-setup.md.
set -euo pipefail

usage() {
  cat <<'END'
Usage: scripts/setup-entra.sh [options]

Makes an app registration with its enterprise application, lets a managed identity vouch for it (federated credential,
no secret anywhere), and gives it the app role IMAP.AccessAsApp with admin consent. Prints the settings of the function
app and what to run next in Exchange Online.

  --identity ID   the function app's managed identity, by client id or object id
  --identity-only no app registration: the identity itself gets the app roles
  --graph         also give the Microsoft Graph app roles with which mailboxes are checked beforehand
                  (User.Read.All, MailboxSettings.Read, Mail.ReadBasic.All) and a domain's records looked up
                  before it is cut over (Domain.Read.All); all of them only read
  --notify        also give the Microsoft Graph app role Mail.Send, for messages to users and administrators; it holds for
                  every mailbox of the tenant: docs/notifications.md says how to give it for one
  --categories    also give Mail.ReadWrite, with which Gmail's labels become Outlook categories; it lets the app change and
                  delete mail in every mailbox of the tenant: take it away afterwards (docs/gmail.md)
  --provision     also give the Microsoft Graph app roles with which users are made and licensed from a CSV
                  (User.ReadWrite.All, Organization.Read.All); take them away afterwards (docs/provisioning.md)
  --name NAME     display name of the app registration (Mailferry)
  --remove        take it all away again; with --identity-only, the app roles (those of Microsoft Graph only with the
                  options that give them)
  --what-if       only say what would be done
  --help

You need the Entra roles Application Administrator and Privileged Role Administrator (or Global Administrator).
END
}

readonly GRAPH=https://graph.microsoft.com/v1.0
readonly EXCHANGE_APP=00000002-0000-0ff1-ce00-000000000000
readonly GRAPH_APP=00000003-0000-0000-c000-000000000000
readonly READ_ROLES='User.Read.All MailboxSettings.Read Mail.ReadBasic.All Domain.Read.All'
readonly NOTIFY_ROLES='Mail.Send'
readonly CATEGORIES_ROLES='Mail.ReadWrite'
readonly PROVISION_ROLES='User.ReadWrite.All Organization.Read.All'
readonly TAG=mailferry       # marks an app registration as made here: no other one is ever changed or removed
readonly CREDENTIAL=mailferry
readonly PENDING='(new)'     # stands for an id that --what-if can't know
readonly TRIES=8             # what was just made shows everywhere only after some seconds

identity='' name=Mailferry app_wanted=yes graph_roles='' removing=no what_if=no
errors=$(mktemp)
trap 'rm -f "$errors"' EXIT

say() { printf '%s\n' "$*" >&2; }
fail() { say "Error: $*"; exit 1; }

# call METHOD PATH QUERY [BODY]: one request to Microsoft Graph; prints what the JMESPath QUERY finds, tab-separated.
call() {
  local tries=0
  while ! attempt "$@" 2>"$errors"; do
    tries=$((tries + 1))
    if [ "$tries" -ge "$TRIES" ] || ! grep -qiE 'does not exist|not ?found' "$errors"; then
      explain "$1 $2"
    fi
    sleep "${SETUP_PAUSE_SECONDS:-5}"
  done
}

attempt() {
  local method=$1 path=$2 query=$3 body=${4:-} found
  set -- rest --method "$method" --url "$GRAPH${path// /%20}" --output tsv
  if [ -n "$query" ]; then set -- "$@" --query "$query"; fi
  if [ -n "$body" ]; then set -- "$@" --headers Content-Type=application/json --body "$body"; fi
  found=$(az "$@") || return
  printf '%s' "${found//$'\r'/}"
}

explain() {
  cat "$errors" >&2
  if grep -qiE 'Authorization_RequestDenied|Insufficient privileges|Forbidden' "$errors"; then
    fail "$1 is not allowed for you. Sign in as Privileged Role Administrator, then run this again."
  elif grep -qiE 'az login|expired|AADSTS' "$errors"; then
    fail 'The Azure CLI is not signed in any more. Run az login and then this again.'
  fi
  fail "$1 failed; see above. Run this again when that is mended: what is done already stays as it is."
}

# change WHAT METHOD PATH QUERY [BODY]: the same, said first, and only said with --what-if.
change() {
  say "$([ "$what_if" = no ] || echo 'Would: ')$1"
  shift
  if [ "$what_if" = yes ]; then echo "$PENDING"; else call "$@"; fi
}

# Prints object id, client id and kind of the managed identity.
find_identity() {
  local found key
  for key in appId id; do
    found=$(call GET "/servicePrincipals?\$filter=$key eq '$identity'" \
      "value[].[id, appId, servicePrincipalType, join(' ', alternativeNames)]") || exit
    if [ -n "$found" ]; then break; fi
  done
  case $found in
    '') fail "There is no identity $identity in the tenant $tenant. Look for it under the function app's Identity." ;;
    *ManagedIdentity*) printf '%s\n' "$found" ;;
    *) fail "$identity is no managed identity but an application." ;;
  esac
}

# Prints object id and client id of our app registration, nothing when there is none.
find_app() {
  local found
  found=$(call GET "/applications?\$filter=displayName eq '$name'" "value[].[id, appId, join(' ', tags)]") || exit
  case $found in
    '') ;;
    *$'\n'*) fail "There are several app registrations called $name. Choose another --name." ;;
    *$'\t'*"$TAG"*) printf '%s\n' "$found" ;;
    *) fail "The app registration $name was not made by this script, which leaves it alone. Choose another --name." ;;
  esac
}

make_app() {
  local found
  found=$(find_app)
  if [ -z "$found" ]; then
    found=$(change "Make the app registration $name" POST /applications '[[id, appId]]' \
      "{\"displayName\": \"$name\", \"signInAudience\": \"AzureADMyOrg\", \"tags\": [\"$TAG\"]}")
  fi
  IFS=$'\t' read -r app_object app _ <<<"$found"
  app=${app:-$PENDING}
  if [ "$app" != "$PENDING" ]; then
    principal=$(call GET "/servicePrincipals?\$filter=appId eq '$app'" 'value[].id')
  fi
  if [ -z "$principal" ]; then
    principal=$(change "Make the enterprise application $name" POST /servicePrincipals id "{\"appId\": \"$app\"}")
  fi
}

trust_identity() {
  local issuer="https://login.microsoftonline.com/$tenant/v2.0" found='' credential='' subject='' body
  local path="/applications/$app_object/federatedIdentityCredentials"
  if [ "$app_object" != "$PENDING" ]; then
    found=$(call GET "$path" "value[?name=='$CREDENTIAL'].[id, subject]")
    IFS=$'\t' read -r credential subject <<<"$found"
  fi
  body="\"issuer\": \"$issuer\", \"subject\": \"$identity_object\", \"audiences\": [\"api://AzureADTokenExchange\"]"
  if [ -z "$credential" ]; then
    change "Let the managed identity $identity_object vouch for $name" POST "$path" id \
      "{\"name\": \"$CREDENTIAL\", $body}" >/dev/null
  elif [ "$subject" != "$identity_object" ]; then
    change "Let the managed identity $identity_object vouch for $name, and no longer $subject" \
      PATCH "$path/$credential" '' "{$body}" >/dev/null
  fi
}

# find_role RESOURCE ROLE: prints the object id of the resource in this tenant and the id of its app role.
find_role() {
  local found
  found=$(call GET "/servicePrincipals?\$filter=appId eq '$1'" "value[].[id, appRoles[?value=='$2'].id | [0]]") || exit
  case $found in
    '') fail "The tenant $tenant has no Exchange Online: there is nobody there who gives $2." ;;
    *$'\t'*-*) printf '%s\n' "$found" ;;
    *) fail "$1 knows no app role $2." ;;
  esac
}

# find_grant RESOURCE_OBJECT ROLE_ID: prints the id of the assignment to our principal, nothing when there is none.
find_grant() {
  if [ "$principal" != "$PENDING" ]; then
    call GET "/servicePrincipals/$principal/appRoleAssignments" "value[?resourceId=='$1' && appRoleId=='$2'].id"
  fi
}

give_role() {
  local found resource role grant
  found=$(find_role "$1" "$2")
  IFS=$'\t' read -r resource role <<<"$found"
  grant=$(find_grant "$resource" "$role")
  if [ -z "$grant" ]; then
    change "Give the app role $2, with admin consent" POST "/servicePrincipals/$principal/appRoleAssignments" id \
      "{\"principalId\": \"$principal\", \"resourceId\": \"$resource\", \"appRoleId\": \"$role\"}" >/dev/null
  fi
}

take_role() {
  local found resource role grant
  found=$(find_role "$1" "$2")
  IFS=$'\t' read -r resource role <<<"$found"
  grant=$(find_grant "$resource" "$role")
  if [ -n "$grant" ]; then
    change "Take the app role $2" DELETE "/servicePrincipals/$principal/appRoleAssignments/$grant" '' >/dev/null
  fi
}

each_role() {
  local role
  "$1" "$EXCHANGE_APP" IMAP.AccessAsApp
  for role in $graph_roles; do "$1" "$GRAPH_APP" "$role"; done
}

remove() {
  local found app_object
  if [ "$app_wanted" = no ]; then
    principal=$identity_object
    each_role take_role
  else
    found=$(find_app)
    IFS=$'\t' read -r app_object _ <<<"$found"
    if [ -z "$app_object" ]; then say "There is no app registration $name: nothing to remove."; return; fi
    change "Remove the app registration $name, with its enterprise application, app roles and credentials" \
      DELETE "/applications/$app_object" '' >/dev/null
    say "Entra keeps it for 30 days under App registrations, Deleted applications."
  fi
}

print_settings() {
  echo 'Settings of the function app:'
  echo "  ENTRA_TENANT_ID=$tenant"
  if [ "$app_wanted" = yes ]; then echo "  ENTRA_CLIENT_ID=$app"; fi
  if [ "$identity_kind" = system ]; then
    echo '  ENTRA_MANAGED_IDENTITY=system'
  elif [ -n "$identity" ]; then
    echo "  ENTRA_MANAGED_IDENTITY=$identity_client"
  else
    echo '  ENTRA_CERTIFICATE_PATH=<a PEM file with key and certificate>, after'
    echo "    az ad app credential reset --id $app --append --cert @certificate.pem"
  fi
  echo 'Next, in PowerShell:'
  echo "  scripts/setup-exchange.ps1 -TenantId $tenant -AppId $app -ObjectId $principal -Csv <batch>.csv"
}

while [ $# -gt 0 ]; do
  case $1 in
    --identity | --name)
      [ -n "${2:-}" ] || fail "$1 needs a value."
      if [ "$1" = --name ]; then name=$2; else identity=$2; fi
      shift ;;
    --identity-only) app_wanted=no ;;
    --graph) graph_roles="$graph_roles $READ_ROLES" ;;
    --provision) graph_roles="$graph_roles $PROVISION_ROLES" ;;
    --notify) graph_roles="$graph_roles $NOTIFY_ROLES" ;;
    --categories) graph_roles="$graph_roles $CATEGORIES_ROLES" ;;
    --remove) removing=yes ;;
    --what-if) what_if=yes ;;
    --help) usage; exit ;;
    *) usage >&2; fail "unknown option $1" ;;
  esac
  shift
done

[[ $name =~ ^[A-Za-z0-9._\ -]+$ ]] || fail '--name may hold letters, digits, blanks, dots, hyphens and underscores.'
[[ -z $identity || $identity =~ ^[0-9A-Fa-f-]{36}$ ]] || fail '--identity is a client id or an object id (a GUID).'
[ "$app_wanted" = yes ] || [ -n "$identity" ] || fail '--identity-only needs --identity.'
command -v az >/dev/null || fail 'This needs the Azure CLI: https://learn.microsoft.com/cli/azure/install-azure-cli'
tenant=$(az account show --query tenantId --output tsv 2>"$errors") \
  || fail 'The Azure CLI is not signed in. Run az login (with --allow-no-subscriptions for a tenant without Azure).'
tenant=${tenant//$'\r'/}

app='' app_object='' principal='' identity_object='' identity_client='' identity_kind=''
if [ -n "$identity" ]; then
  found=$(find_identity)
  IFS=$'\t' read -r identity_object identity_client _ names <<<"$found"
  case $names in *isExplicit=False*) identity_kind=system ;; esac
fi
if [ "$removing" = yes ]; then
  remove
  say 'In Exchange Online, scripts/setup-exchange.ps1 -Remove takes the mailbox permissions away.'
  exit
fi
if [ "$app_wanted" = yes ]; then
  if [ "$identity_kind" = system ]; then
    say "$identity is the function app's own (system-assigned) identity."
    fail 'Entra lets only a user-assigned identity vouch for an app. Use one of those, or --identity-only.'
  fi
  make_app
  if [ -n "$identity" ]; then trust_identity; fi
else
  principal=$identity_object app=$identity_client
fi
each_role give_role
say 'Done. New permissions need some minutes; for a managed identity itself, up to 24 hours.'
print_settings
