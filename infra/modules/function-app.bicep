// The function app on Flex Consumption. Every setting of docs/settings.md is here by name, but for those that are of no
// use in Azure (infra/settings-not-in-azure.json says why).
param name string
param location string
param tags object

param identityId string
param identityClientId string
param hostStorageName string
param migrationStorageName string
param packageContainer string
param applicationInsightsName string

@description('Address of the wrapping key without a version: what is wrapped next uses the newest.')
param keyId string

@allowed([512, 2048, 4096])
param instanceMemory int

param maximumInstances int
param alwaysReadyInstances int

@allowed(['Recreate', 'RollingUpdate'])
param updateStrategy string

@description('Subnet in which the functions run; empty: none of ours.')
param subnetId string

param sourceHost string
param sourcePort int
param sourceSecurity string
param sourceMaxConcurrent int
param entraClientId string
param syncSchedule string
param telemetryAddresses string
param notifyFrom string

@description('Settings by name that take the place of those below.')
param engineSettings object

resource hostStorage 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: hostStorageName
}

resource migrationStorage 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: migrationStorageName
}

resource applicationInsights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: applicationInsightsName
}

var settings = {
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  AzureWebJobsStorage__blobServiceUri: hostStorage.properties.primaryEndpoints.blob
  AzureWebJobsStorage__queueServiceUri: hostStorage.properties.primaryEndpoints.queue
  AzureWebJobsStorage__tableServiceUri: hostStorage.properties.primaryEndpoints.table
  MigrationStorage__credential: 'managedidentity'
  MigrationStorage__clientId: identityClientId
  MigrationStorage__blobServiceUri: migrationStorage.properties.primaryEndpoints.blob
  MigrationStorage__queueServiceUri: migrationStorage.properties.primaryEndpoints.queue
  MigrationStorage__tableServiceUri: migrationStorage.properties.primaryEndpoints.table

  APPLICATIONINSIGHTS_CONNECTION_STRING: applicationInsights.properties.ConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  // The app sends its own telemetry; the host then no longer sends the worker's log a second time.
  PYTHON_ENABLE_OPENTELEMETRY: 'true'
  TELEMETRY_ADDRESSES: telemetryAddresses

  // At least six times batchSize + newBatchThreshold of host.json.
  PYTHON_THREADPOOL_THREAD_COUNT: '24'

  KEY_VAULT_KEY_ID: keyId

  SOURCE_HOST: sourceHost
  SOURCE_PORT: string(sourcePort)
  SOURCE_SECURITY: sourceSecurity
  SOURCE_CERTIFICATE: 'check'
  SOURCE_MAX_CONCURRENT: string(sourceMaxConcurrent)

  TARGET_HOST: 'outlook.office365.com'
  TARGET_PORT: '993'
  TARGET_SECURITY: 'ssl'
  TARGET_CERTIFICATE: 'check'
  TARGET_AUTH: 'xoauth2'
  TARGET_PROFILE: ''
  // An identity vouches only for an app registration of its own tenant.
  ENTRA_TENANT_ID: tenant().tenantId
  ENTRA_CLIENT_ID: entraClientId
  ENTRA_MANAGED_IDENTITY: identityClientId
  ENTRA_AUTHORITY: environment().authentication.loginEndpoint
  GRAPH_URL: 'https://graph.microsoft.com/v1.0'
  NOTIFY_FROM: notifyFrom

  SYNC_SCHEDULE: syncSchedule
  WATCH_SCHEDULE: '0 */5 * * * *'
  CHUNK_SECONDS: '240'
  LEASE_SECONDS: '120'
  WINDOW_MESSAGES: '200'
  WINDOW_BYTES: '16777216'
  MAX_MESSAGE_BYTES: '157286400'
  MAILBOX_CONNECTIONS: '2'
  IMAP_TIMEOUT_SECONDS: '60'
  RETRY_ATTEMPTS: '5'
  RETRY_SECONDS: '15'
  STALLED_SECONDS: '900'
}

var alwaysReady = [{ name: 'function:copy_chunk', instanceCount: alwaysReadyInstances }]

resource plan 'Microsoft.Web/serverfarms@2025-05-01' = {
  name: 'plan-${name}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2025-05-01' = {
  name: name
  location: location
  // The second tag is how azd finds the app that it deploys the code to.
  tags: union(tags, { 'azd-service-name': 'mailferry' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    // Event Grid calls in from outside. What is behind the address asks for a key, or with apiClientId for sign-in.
    publicNetworkAccess: 'Enabled'
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    functionAppConfig: {
      runtime: { name: 'python', version: '3.13' }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemory
        maximumInstanceCount: maximumInstances
        alwaysReady: (alwaysReadyInstances == 0) ? [] : alwaysReady
      }
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${hostStorage.properties.primaryEndpoints.blob}${packageContainer}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      siteUpdateStrategy: { type: updateStrategy }
    }
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      ftpsState: 'Disabled'
      http20Enabled: true
    }
  }

  // Deployments take Entra tokens, never a publishing password.
  resource scm 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: { allow: false }
  }

  resource ftp 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: { allow: false }
  }
}

resource appSettings 'Microsoft.Web/sites/config@2025-05-01' = {
  parent: app
  name: 'appsettings'
  properties: union(settings, engineSettings)
}

output name string = app.name
output hostName string = app.properties.defaultHostName
