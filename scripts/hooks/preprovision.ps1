# Before anything is made: says in words what would otherwise fail halfway, and prepares the subscription.
# azd runs it with the values of its environment (azd env set NAME value). preprovision.sh is the same elsewhere.
Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'
$PSNativeCommandUseErrorActionPreference = $false

$script:problems = 0
function Add-Problem([string] $text) {
    $script:problems++
    [Console]::Error.WriteLine("* $text")
}
function Stop-Hook([string] $text) {
    [Console]::Error.WriteLine("Error: $text")
    exit 1
}

# Each value against the pattern of parameters.tsv.
function Test-Parameters {
    foreach ($line in Get-Content -LiteralPath "$PSScriptRoot/parameters.tsv" | Select-Object -Skip 1) {
        $name, $pattern, $words = $line -split "`t"
        $value = [Environment]::GetEnvironmentVariable($name)
        if ($value -and $value -cnotmatch "^(?:$pattern)$") {
            Add-Problem "$name is '$value'. It must be $words. Set it with: azd env set $name '<value>'"
        }
    }
}

function Test-SignIn {
    if (-not (Get-Command az -ErrorAction SilentlyContinue)) {
        Stop-Hook 'This needs the Azure CLI: https://learn.microsoft.com/cli/azure/install-azure-cli'
    }
    az account show --subscription $subscription --output none 2>$null
    if ($LASTEXITCODE -ne 0) {
        $tenant = if ($env:AZURE_TENANT_ID) { $env:AZURE_TENANT_ID } else { '<tenant>' }
        Stop-Hook ("The Azure CLI is not signed in to the subscription $subscription. " +
            "Run az login --tenant $tenant, then this again.")
    }
}

# Only a warning: a custom role may allow it, too.
function Test-Rights {
    $account = az account show --subscription $subscription --query user.name --output tsv
    $held = @(az role assignment list --assignee $account --include-groups --include-inherited `
            --scope "/subscriptions/$subscription" --query '[].roleDefinitionName' --output tsv 2>$null)
    $enough = 'Owner', 'User Access Administrator', 'Role Based Access Control Administrator'
    if (-not ($held | Where-Object { $enough -contains $_ })) {
        Write-Warning ("$account seems not to be allowed to give roles on this subscription. If the deployment ends " +
            'with AuthorizationFailed, have somebody give you Owner, or Contributor and Role Based Access Control ' +
            'Administrator.')
    }
}

function Test-Region {
    $regions = @(az functionapp list-flexconsumption-locations --query '[].name' --output tsv 2>$null)
    if ($regions.Count -and $env:AZURE_LOCATION -and $regions -notcontains $env:AZURE_LOCATION) {
        Add-Problem ("$env:AZURE_LOCATION has no Flex Consumption. Choose one of these with " +
            "azd env set AZURE_LOCATION <region>: $regions")
    }
}

# A subscription knows a service only after it was registered there, once.
function Register-Services {
    foreach ($service in 'Microsoft.App', 'Microsoft.AlertsManagement', 'Microsoft.Consumption', 'Microsoft.EventGrid',
        'Microsoft.Insights', 'Microsoft.KeyVault', 'Microsoft.ManagedIdentity', 'Microsoft.Network',
        'Microsoft.OperationalInsights', 'Microsoft.Storage', 'Microsoft.Web') {
        $state = az provider show --subscription $subscription --namespace $service `
            --query registrationState --output tsv
        if ($state -ne 'Registered') {
            Write-Output "Registering $service in the subscription; this takes a minute."
            az provider register --subscription $subscription --namespace $service --wait
            if ($LASTEXITCODE -ne 0) {
                Add-Problem ("$service could not be registered. Have an Owner or Contributor of the subscription " +
                    "run: az provider register --namespace $service")
            }
        }
    }
}

# What only Azure knows, for infra/main.parameters.json.
function Save-Knowledge {
    $kind = az account show --subscription $subscription --query user.type --output tsv
    azd env set AZURE_PRINCIPAL_TYPE $(if ($kind -eq 'servicePrincipal') { 'ServicePrincipal' } else { 'User' })

    # A removed deployment of this name left its vault behind, which can be neither purged nor made a second time.
    $here = "contains(properties.vaultId, '/resourceGroups/$group/') && properties.location=='$env:AZURE_LOCATION'"
    $deleted = az keyvault list-deleted --subscription $subscription --resource-type vault `
        --query "[?$here].name" --output tsv 2>$null
    if ($deleted) {
        Write-Output "The Key Vault $deleted of an earlier deployment is recovered."
        azd env set KEY_VAULT_CREATE_MODE recover
    }
    else {
        azd env set KEY_VAULT_CREATE_MODE default
    }

    # Azure refuses another first month for a budget that exists.
    $url = "https://management.azure.com/subscriptions/$subscription/resourceGroups/$group" +
    '/providers/Microsoft.Consumption/budgets/mailferry?api-version=2023-11-01'
    $budget = az rest --method get --query properties.timePeriod.startDate --output tsv --url $url 2>$null
    $start = if ($budget) { ([string] $budget).Substring(0, 10) } else { [DateTime]::UtcNow.ToString('yyyy-MM-01') }
    azd env set BUDGET_START $start
}

Test-Parameters
$subscription = $env:AZURE_SUBSCRIPTION_ID
$group = "rg-mailferry-$env:AZURE_ENV_NAME"
# The very first time azd asks for the subscription only after this: what is unknown is then caught by Azure itself.
if ($subscription) {
    Test-SignIn
    Test-Rights
    Test-Region
    Register-Services
    Save-Knowledge
}
if ($script:problems) {
    Stop-Hook "$($script:problems) to mend, see above; nothing was made. Then run this again."
}
