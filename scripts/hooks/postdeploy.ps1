# After the code: has Event Grid announce CSVs to the app (infra/eventgrid.bicep), and says what to do next.
# azd runs it with the outputs of infra/main.bicep. postdeploy.sh is the same for Linux and macOS.
Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'
$PSNativeCommandUseErrorActionPreference = $false

# With the pause between them, five minutes: a first start takes one or two.
$tries = 30
$pauseSeconds = 10

function Stop-Hook([string] $text) {
    [Console]::Error.WriteLine("Error: $text")
    [Console]::Error.WriteLine('CSVs are found all the same, but minutes late. Run: azd hooks run postdeploy')
    exit 1
}

function Get-Health {
    try {
        return (Invoke-WebRequest -Uri $env:HEALTH_URL -TimeoutSec 60 -SkipHttpErrorCheck).Content
    }
    catch {
        return 'nothing yet'
    }
}

# The app makes the key when it starts, and it starts when somebody calls.
function Wait-Key {
    foreach ($try in 1..$tries) {
        $found = az functionapp keys list --subscription $env:AZURE_SUBSCRIPTION_ID `
            --resource-group $env:AZURE_RESOURCE_GROUP --name $env:FUNCTION_APP_NAME `
            --query "systemKeys.blobs_extension && 'there'" --output tsv 2>$null
        if ($found) {
            return
        }
        Get-Health | Out-Null
        Start-Sleep -Seconds $pauseSeconds
    }
    Stop-Hook ("$env:FUNCTION_APP_NAME does not start, or has no function. " +
        "Look at $env:HEALTH_URL and at the app's log stream.")
}

# Event Grid calls the app once to see that it is there, which may take several tries right after a deployment.
function Add-Announcement {
    foreach ($try in 1..3) {
        az deployment group create --subscription $env:AZURE_SUBSCRIPTION_ID `
            --resource-group $env:AZURE_RESOURCE_GROUP --name event-grid `
            --template-file "$PSScriptRoot/../../infra/eventgrid.bicep" --output none `
            --parameters functionAppName=$env:FUNCTION_APP_NAME storageAccountName=$env:MIGRATION_STORAGE_NAME
        if ($LASTEXITCODE -eq 0) {
            return
        }
        Start-Sleep -Seconds $pauseSeconds
    }
    Stop-Hook 'Event Grid could not be told to announce CSVs; see above.'
}

if (-not (Get-Command az -ErrorAction SilentlyContinue)) {
    Stop-Hook 'This needs the Azure CLI: https://learn.microsoft.com/cli/azure/install-azure-cli'
}
Write-Output 'Waiting for the app to start ...'
Wait-Key
Write-Output 'Telling Event Grid to announce CSVs ...'
Add-Announcement

Write-Output '' "What the app says of itself ($env:HEALTH_URL):" (Get-Health) '' 'Next:'
if ($env:OUTBOUND_ADDRESS) {
    Write-Output "  0. Let $env:OUTBOUND_ADDRESS through the firewall of the source server."
}
Write-Output "  1. Entra:    $env:ENTRA_COMMAND (a bash script: in WSL or Azure Cloud Shell)",
'               then azd env set ENTRA_CLIENT_ID <id that it prints>, and azd provision',
"  2. Exchange: $env:EXCHANGE_COMMAND",
"  3. Upload:   $env:UPLOAD_COMMAND",
"  4. Watch:    $env:WORKBOOK_URL"
