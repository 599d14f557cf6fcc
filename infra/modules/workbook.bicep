// The workbook: batches, progress, rates, errors, throttling and cost on one page.
param location string
param tags object
param workspaceId string
param applicationInsightsId string

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, 'mailferry')
  location: location
  tags: union(tags, { 'hidden-link:${applicationInsightsId}': 'Resource' })
  kind: 'shared'
  properties: {
    displayName: 'Mailferry'
    category: 'workbook'
    sourceId: workspaceId
    version: 'Notebook/1.0'
    serializedData: loadTextContent('../workbook.json')
  }
}

output id string = workbook.id
