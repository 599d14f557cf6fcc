// The whole deployment: a resource group and what Mailferry needs in it. A module knows one thing; here they are put
// together, and only here are names chosen. Run it as often as you like: what is there already is brought up to date.
targetScope = 'subscription'

// ---------------------------------------------------------------- what it is called and where it lives

@minLength(1)
@maxLength(40)
@description('Name of this deployment, such as "prod". The resource group is called rg-mailferry-<name>; another name makes a second, independent deployment.')
param environmentName string

@minLength(1)
@description('Azure region, such as "westeurope". It must offer Flex Consumption with Python 3.13 (az functionapp list-flexconsumption-locations). Close to your Microsoft 365 tenant is fastest.')
param location string

// ---------------------------------------------------------------- people

@minLength(3)
@description('E-mail address that alerts go to, best a shared mailbox that is not itself being migrated.')
param alertEmail string

@secure()
@description('Optional: https address that alerts are posted to as well, in the common alert schema. It often holds a key, so it is treated as a secret.')
param alertWebhook string = ''

@description('Optional: object id of the Entra group whose members upload CSVs and read reports. Empty: whoever deploys.')
param operatorsGroupId string = ''

@description('Object id of whoever deploys; azd fills it in. Gets the rights of an operator when there is no operators group. Empty: nobody does.')
param deployerId string = ''

@allowed(['User', 'ServicePrincipal'])
@description('What deployerId is: a person, or the service principal of a pipeline; azd fills it in.')
param deployerType string = 'User'

// ---------------------------------------------------------------- the migration

@description('Host name of the source server, such as "imap.example.com". A batch may name another one, so it may be empty.')
param sourceHost string = ''

@minValue(1)
@maxValue(65535)
@description('Port of the source server.')
param sourcePort int = 993

@allowed(['ssl', 'starttls', 'none'])
@description('How the connection to the source server is encrypted.')
param sourceSecurity string = 'ssl'

@minValue(1)
@maxValue(1000)
@description('Mailboxes of one source server that are migrated at the same time.')
param sourceMaxConcurrent int = 20

@description('Client id of the app registration that scripts/setup-entra.sh made. Empty: the managed identity signs in to Exchange Online by itself (setup-entra.sh --identity-only).')
param entraClientId string = ''

@description('Optional: address of the mailbox that messages to users and administrators are sent from. Empty: none are sent.')
param notifyFrom string = ''

@description('NCRONTAB of the incremental sync, six fields, in UTC. Empty: every night at 02:00.')
param syncSchedule string = ''

@description('Other settings of docs/settings.md that are to differ from their defaults, by name, as text: {"WINDOW_MESSAGES": "100"}.')
param engineSettings object = {}

// ---------------------------------------------------------------- the function app

@allowed([512, 2048, 4096])
@description('Memory of one instance in MB. 2048 suits the default limits; with 512 lower WINDOW_BYTES and MAX_MESSAGE_BYTES.')
param instanceMemory int = 2048

@minValue(1)
@maxValue(1000)
@description('Most instances of each function at once. Some regions take no fewer than 40. How many mailboxes run is limited by sourceMaxConcurrent.')
param maximumInstances int = 40

@minValue(0)
@maxValue(20)
@description('Instances of the copying function that are kept running and paid for around the clock. 0 is right unless first copies must start within seconds.')
param alwaysReadyInstances int = 0

@allowed(['Recreate', 'RollingUpdate'])
@description('What an update does to running copies: Recreate ends them (they go on from their checkpoint within minutes), RollingUpdate (a preview of Azure) lets them finish.')
param updateStrategy string = 'Recreate'

@description('Optional: client id of an app registration of yours. With it, dashboard and HTTP API ask for Entra sign-in and a role (docs/dashboard.md) instead of a function key.')
param apiClientId string = ''

// ---------------------------------------------------------------- the network

@description('Close storage and Key Vault to the internet and reach them through private endpoints. Makes a virtual network.')
param privateEndpoints bool = false

@description('Public addresses or ranges (IPv4, separated by commas) from which CSVs may be uploaded to a closed storage account: "203.0.113.7,198.51.100.0/28". Naming one switches privateEndpoints on.')
param uploadAddresses string = ''

@description('Let all outgoing connections come from one fixed public address, for source servers behind a firewall. Makes a NAT gateway and a virtual network.')
param fixedOutboundAddress bool = false

@description('Address range of the virtual network, if there is one: a /24 that overlaps with nothing you will peer with it. Empty: 10.93.0.0/24.')
param networkRange string = ''

// ---------------------------------------------------------------- safety and cost

@allowed(['Standard_LRS', 'Standard_ZRS'])
@description('Redundancy of the storage with the state of the migration: three copies in one data centre (LRS) or over three zones (ZRS, where the region has them).')
param storageRedundancy string = 'Standard_LRS'

@minValue(7)
@maxValue(90)
@description('Days for which Azure keeps a deleted Key Vault. Nobody can shorten that afterwards, so it is also how long a trace of a removed deployment stays.')
param keyVaultRetentionDays int = 7

@allowed(['default', 'recover'])
@description('"recover" brings back the Key Vault of a deployment of this name that was removed less than keyVaultRetentionDays ago. The preprovision hook sets it.')
param keyVaultCreateMode string = 'default'

@minValue(30)
@maxValue(730)
@description('Days for which logs and telemetry are kept.')
param logRetentionDays int = 90

@allowed(['hashed', 'plain'])
@description('How mailbox addresses appear in telemetry and alerts: as a keyed hash, or as they are.')
param telemetryAddresses string = 'hashed'

@sealed()
@description('What alerts go by: the limits of infra/queries/alerts.json, with their defaults, and storageAvailability in per cent. Azure refuses any other name.')
type alertLimits = {
  signInFailures: int?
  throttledQuarters: int?
  stalledHours: int?
  syncLateHours: int?
  checkpointErrors: int?
  expiryDays: int?
  watchSilentMinutes: int?
  syncSilentHours: int?
  functionFailures: int?
  backlogMinutes: int?
  storageAvailability: int?
}

@description('Thresholds of alerts that are to differ from their defaults, by name.')
param alertThresholds alertLimits = {}

@minValue(0)
@description('Monthly budget of the resource group, in the currency of your invoice; whoever gets the alerts is told at 80 and 100 per cent. 0: none.')
param budgetAmount int = 0

@description('First day of the month in which the budget begins. Azure refuses to change it later: the preprovision hook finds the one of an existing budget.')
param budgetStart string = utcNow('yyyy-MM-01')

// ---------------------------------------------------------------- what follows from that

var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = { 'azd-env-name': environmentName }
var closed = privateEndpoints || !empty(uploadAddresses)
var addressSpace = empty(networkRange) ? '10.93.0.0/24' : networkRange
var networked = closed || fixedOutboundAddress
var operatorId = empty(operatorsGroupId) ? deployerId : operatorsGroupId
var operatorType = empty(operatorsGroupId) ? deployerType : 'Group'
var addresses = empty(uploadAddresses) ? [] : split(replace(uploadAddresses, ' ', ''), ',')

// The names that the code uses: mailferry/state, mailferry/intake, mailferry/report.
var containers = ['batches', 'reports']
var tables = ['batches', 'domains', 'endpoints', 'mailboxes', 'notices', 'plans']
var queues = [
  'mailbox-jobs'
  'mailbox-jobs-poison'
  'folder-jobs'
  'folder-jobs-poison'
  'plan-jobs'
  'plan-jobs-poison'
  'batch-jobs'
  'batch-jobs-poison'
  // Where the platform puts events about CSVs that its blob trigger gave up on; the watch finds the CSVs themselves.
  'webjobs-blobtrigger-poison'
]
var packageContainer = 'app-package'

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: 'rg-mailferry-${environmentName}'
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  name: 'identity'
  scope: group
  params: {
    name: 'id-mailferry-${token}'
    location: location
    tags: tags
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    name: 'mailferry-${token}'
    location: location
    tags: tags
    retentionDays: logRetentionDays
  }
}

module network 'modules/network.bicep' = if (networked) {
  name: 'network'
  scope: group
  params: {
    name: 'mailferry-${token}'
    location: location
    tags: tags
    addressSpace: addressSpace
    // Half for the instances, a quarter for the endpoints.
    functionsRange: cidrSubnet(addressSpace, 25, 0)
    endpointsRange: cidrSubnet(addressSpace, 26, 2)
    fixedOutboundAddress: fixedOutboundAddress
  }
}

// The platform's own bookkeeping and the deployed code. Apart from the migration's data, because the host needs more
// rights on its account than anybody should have on passwords and mail.
module hostStorage 'modules/storage.bicep' = {
  name: 'host-storage'
  scope: group
  params: {
    name: 'stmfhost${token}'
    location: location
    tags: tags
    redundancy: 'Standard_LRS'
    closed: closed
    containers: [packageContainer]
  }
}

module migrationStorage 'modules/storage.bicep' = {
  name: 'migration-storage'
  scope: group
  params: {
    name: 'stmfdata${token}'
    location: location
    tags: tags
    redundancy: storageRedundancy
    closed: closed
    allowedAddresses: addresses
    containers: containers
    queues: queues
    tables: tables
    deletedAfterADay: ['batches/']
    auditWorkspaceId: monitoring.outputs.workspaceId
  }
}

module keyVault 'modules/key-vault.bicep' = {
  name: 'key-vault'
  scope: group
  params: {
    name: 'kv-mf-${token}'
    location: location
    tags: tags
    closed: closed
    retentionDays: keyVaultRetentionDays
    createMode: keyVaultCreateMode
    workspaceId: monitoring.outputs.workspaceId
  }
}

module endpoints 'modules/private-endpoints.bicep' = if (closed) {
  name: 'private-endpoints'
  scope: group
  params: {
    location: location
    tags: tags
    networkId: networked ? network!.outputs.networkId : ''
    subnetId: networked ? network!.outputs.endpointsSubnetId : ''
    endpoints: [
      { name: 'host-blob', target: hostStorage.outputs.id, service: 'blob' }
      { name: 'host-queue', target: hostStorage.outputs.id, service: 'queue' }
      { name: 'host-table', target: hostStorage.outputs.id, service: 'table' }
      { name: 'data-blob', target: migrationStorage.outputs.id, service: 'blob' }
      { name: 'data-queue', target: migrationStorage.outputs.id, service: 'queue' }
      { name: 'data-table', target: migrationStorage.outputs.id, service: 'table' }
      { name: 'key-vault', target: keyVault.outputs.id, service: 'vault' }
    ]
  }
}

module roles 'modules/roles.bicep' = {
  name: 'roles'
  scope: group
  params: {
    principalId: identity.outputs.principalId
    operatorId: operatorId
    operatorType: operatorType
    hostStorageName: hostStorage.outputs.name
    migrationStorageName: migrationStorage.outputs.name
    queues: queues
    keyVaultName: keyVault.outputs.name
    keyName: keyVault.outputs.keyName
    applicationInsightsName: monitoring.outputs.applicationInsightsName
  }
}

module functionApp 'modules/function-app.bicep' = {
  name: 'function-app'
  scope: group
  params: {
    name: 'func-mailferry-${token}'
    location: location
    tags: tags
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    hostStorageName: hostStorage.outputs.name
    migrationStorageName: migrationStorage.outputs.name
    packageContainer: packageContainer
    applicationInsightsName: monitoring.outputs.applicationInsightsName
    keyId: keyVault.outputs.keyId
    instanceMemory: instanceMemory
    maximumInstances: maximumInstances
    alwaysReadyInstances: alwaysReadyInstances
    updateStrategy: updateStrategy
    subnetId: networked ? network!.outputs.functionsSubnetId : ''
    sourceHost: sourceHost
    sourcePort: sourcePort
    sourceSecurity: sourceSecurity
    sourceMaxConcurrent: sourceMaxConcurrent
    entraClientId: entraClientId
    syncSchedule: empty(syncSchedule) ? '0 0 2 * * *' : syncSchedule
    telemetryAddresses: telemetryAddresses
    notifyFrom: notifyFrom
    engineSettings: engineSettings
  }
  // The host must find its rights and its way to the storage when it starts for the first time.
  dependsOn: [roles, endpoints]
}

module auth 'modules/auth.bicep' = if (!empty(apiClientId)) {
  name: 'auth'
  scope: group
  params: {
    functionAppName: functionApp.outputs.name
    clientId: apiClientId
  }
}

module alerts 'modules/alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    applicationInsightsId: monitoring.outputs.applicationInsightsId
    storageAccountIds: [hostStorage.outputs.id, migrationStorage.outputs.id]
    email: alertEmail
    webhook: alertWebhook
    thresholds: alertThresholds
  }
}

module workbook 'modules/workbook.bicep' = {
  name: 'workbook'
  scope: group
  params: {
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    applicationInsightsId: monitoring.outputs.applicationInsightsId
  }
}

module budget 'modules/budget.bicep' = if (budgetAmount > 0) {
  name: 'budget'
  scope: group
  params: {
    amount: budgetAmount
    start: budgetStart
    actionGroupId: alerts.outputs.actionGroupId
  }
}

// ---------------------------------------------------------------- what a person, and the hooks, need next

var exchangeOfIdentity = '-AppId ${identity.outputs.clientId} -ObjectId ${identity.outputs.principalId}'
var exchangeOfApp = '-AppId ${entraClientId} -ObjectId <ObjectId that setup-entra.sh printed>'
var exchangeApp = empty(entraClientId) ? exchangeOfIdentity : exchangeOfApp
var portal = '${environment().portal}/#@${tenant().tenantId}/resource'

output AZURE_LOCATION string = location
output AZURE_RESOURCE_GROUP string = group.name
output FUNCTION_APP_NAME string = functionApp.outputs.name
output HEALTH_URL string = 'https://${functionApp.outputs.hostName}/api/health'
output DASHBOARD_URL string = 'https://${functionApp.outputs.hostName}/api/dashboard'
output MIGRATION_STORAGE_NAME string = migrationStorage.outputs.name
output BATCHES_URL string = '${migrationStorage.outputs.blobEndpoint}batches'
output REPORTS_URL string = '${migrationStorage.outputs.blobEndpoint}reports'
output UPLOAD_COMMAND string = 'az storage blob upload --auth-mode login --account-name ${migrationStorage.outputs.name} --container-name batches --name batch1.csv --file batch1.csv'
output WORKBOOK_URL string = '${portal}${workbook.outputs.id}/workbook'
output RESOURCE_GROUP_URL string = '${portal}${group.id}/overview'
output IDENTITY_CLIENT_ID string = identity.outputs.clientId
output IDENTITY_PRINCIPAL_ID string = identity.outputs.principalId
output ENTRA_COMMAND string = 'scripts/setup-entra.sh --identity ${identity.outputs.clientId} --graph'
output EXCHANGE_COMMAND string = 'scripts/setup-exchange.ps1 -TenantId ${tenant().tenantId} ${exchangeApp} -Csv batch1.csv'
output KEY_VAULT_NAME string = keyVault.outputs.name
output KEY_VAULT_RETENTION_DAYS int = keyVaultRetentionDays
output OUTBOUND_ADDRESS string = fixedOutboundAddress ? network!.outputs.outboundAddress : ''
