// Who may do what, each at the narrowest scope that its calls work with. Said beside each: which calls need it.
param principalId string

@description('Object id of the group or person who uploads CSVs and reads reports; empty: nobody.')
param operatorId string

@allowed(['Group', 'User', 'ServicePrincipal'])
param operatorType string

param hostStorageName string
param migrationStorageName string
param queues array
param keyVaultName string
param keyName string
param applicationInsightsName string

var roles = {
  blobOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b' // Storage Blob Data Owner
  blobContributor: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe' // Storage Blob Data Contributor
  blobReader: '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1' // Storage Blob Data Reader
  queueContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88' // Storage Queue Data Contributor
  tableContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3' // Storage Table Data Contributor
  keyWrapper: 'e147488a-f6f5-4113-8e2d-b22465e65bf6' // Key Vault Crypto Service Encryption User
  metricsPublisher: '3913510d-42f4-4e42-8a64-420c390055eb' // Monitoring Metrics Publisher
}

resource hostStorage 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: hostStorageName
}

resource migrationStorage 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: migrationStorageName

  resource blobService 'blobServices' existing = {
    name: 'default'

    resource batches 'containers' existing = {
      name: 'batches'
    }

    resource reports 'containers' existing = {
      name: 'reports'
    }
  }
}

resource queueService 'Microsoft.Storage/storageAccounts/queueServices@2025-06-01' existing = {
  parent: migrationStorage
  name: 'default'
}

resource queue 'Microsoft.Storage/storageAccounts/queueServices/queues@2025-06-01' existing = [
  for name in queues: {
    parent: queueService
    name: name
  }
]

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' existing = {
  name: keyVaultName

  resource key 'keys' existing = {
    name: keyName
  }
}

resource applicationInsights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: applicationInsightsName
}

// The host: timer locks, function keys, blob receipts, in containers that it makes and names itself; and the deployed
// package, which the platform reads and azd's deployment writes. Hence the whole account, which holds nothing else.
resource hostBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: hostStorage
  name: guid(hostStorage.id, principalId, roles.blobOwner)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.blobOwner)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

// The host: the queue between Event Grid's call and the blob trigger, which it makes and names itself.
resource hostQueues 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: hostStorage
  name: guid(hostStorage.id, principalId, roles.queueContributor)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.queueContributor)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

// The host: its diagnostic events, in a table a month that it makes and names itself.
resource hostTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: hostStorage
  name: guid(hostStorage.id, principalId, roles.tableContributor)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.tableContributor)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

// Intake: read, list and delete CSVs and their options. Owner, and not Contributor, is what Azure Functions asks for on
// the container of a blob trigger.
resource batches 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: migrationStorage::blobService::batches
  name: guid(migrationStorage::blobService::batches.id, principalId, roles.blobOwner)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.blobOwner)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

// Reports: write and delete them, and the skipped messages beside them.
resource reports 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: migrationStorage::blobService::reports
  name: guid(migrationStorage::blobService::reports.id, principalId, roles.blobContributor)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.blobContributor)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

// Jobs: send them, take them, count them; the host moves what failed to the poison queues.
resource jobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (name, index) in queues: {
    scope: queue[index]
    name: guid(migrationStorage.id, name, principalId, roles.queueContributor)
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.queueContributor)
      principalId: principalId
      principalType: 'ServicePrincipal'
    }
  }
]

// State: rows, transactions, and create_table_if_not_exists, which is a call to the account and not to a table.
resource state 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: migrationStorage
  name: guid(migrationStorage.id, principalId, roles.tableContributor)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.tableContributor)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

// Secrets: wrap and unwrap the data key of a batch, with this one key; read which versions it has. Nothing else.
resource wrapping 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: vault::key
  name: guid(vault::key.id, principalId, roles.keyWrapper)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.keyWrapper)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

// Telemetry: send it, the host and the worker alike, with a token instead of an instrumentation key.
resource telemetry 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: applicationInsights
  name: guid(applicationInsights.id, principalId, roles.metricsPublisher)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.metricsPublisher)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

// Operators: upload a CSV, correct it, take it back.
resource uploading 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(operatorId)) {
  scope: migrationStorage::blobService::batches
  name: guid(migrationStorage::blobService::batches.id, operatorId, roles.blobContributor)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.blobContributor)
    principalId: operatorId
    principalType: operatorType
  }
}

// Operators: read the reports.
resource reading 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(operatorId)) {
  scope: migrationStorage::blobService::reports
  name: guid(migrationStorage::blobService::reports.id, operatorId, roles.blobReader)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.blobReader)
    principalId: operatorId
    principalType: operatorType
  }
}
