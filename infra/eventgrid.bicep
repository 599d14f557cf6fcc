// Tells the app at once when a CSV has arrived. A deployment of its own, after the code: the address that Event Grid
// calls holds a system key that the app makes when it first runs. Without it the watch finds the CSV, minutes later.
@description('Name of the function app, with its code deployed.')
param functionAppName string

@description('Name of the storage account with the container batches.')
param storageAccountName string

param location string = resourceGroup().location

resource app 'Microsoft.Web/sites@2025-05-01' existing = {
  name: functionAppName
}

resource storage 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: storageAccountName
}

// The platform keeps the key of the blob trigger's endpoint under this name.
var key = listKeys('${app.id}/host/default', '2025-05-01').systemKeys.blobs_extension
// intake is the function's name in functions/intake.py.
var path = '/runtime/webhooks/blobs?functionName=Host.Functions.intake'

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: 'evgt-${storageAccountName}'
  location: location
  tags: resourceGroup().tags
  properties: {
    source: storage.id
    topicType: 'Microsoft.Storage.StorageAccounts'
  }
}

resource csvArrived 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: 'csv-arrived'
  properties: {
    eventDeliverySchema: 'EventGridSchema'
    destination: {
      endpointType: 'WebHook'
      properties: {
        endpointUrl: 'https://${app.properties.defaultHostName}${path}&code=${key}'
        maxEventsPerBatch: 1
        preferredBatchSizeInKilobytes: 64
      }
    }
    filter: {
      includedEventTypes: ['Microsoft.Storage.BlobCreated']
      subjectBeginsWith: '/blobServices/default/containers/batches/blobs/'
      subjectEndsWith: '.csv'
      // The calls after which a blob is complete.
      advancedFilters: [
        {
          operatorType: 'StringIn'
          key: 'data.api'
          values: ['PutBlob', 'PutBlobFromUrl', 'PutBlockList', 'CopyBlob', 'FlushWithClose']
        }
      ]
    }
    retryPolicy: {
      maxDeliveryAttempts: 30
      eventTimeToLiveInMinutes: 1440
    }
  }
}
