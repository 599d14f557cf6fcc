// Who is told, and when: an action group, and a rule for each thing that needs a person. The rules are a table,
// infra/queries/alerts.json, beside the queries that they run.
param location string
param tags object
param workspaceId string
param applicationInsightsId string

@description('Storage accounts whose availability is watched.')
param storageAccountIds array

@description('E-mail address that alerts go to.')
param email string

@secure()
@description('https address that alerts are posted to as well; empty: none.')
param webhook string

@description('Thresholds that differ from their defaults, by name: {"stalledHours": 8}. The names and defaults are the limits in infra/queries/alerts.json, and storageAvailability.')
param thresholds object

@description('Where the runbooks can be read; every alert ends with a link to its own.')
param runbooksUrl string = 'docs/runbooks'

var rules = loadJsonContent('../queries/alerts.json')

// Bicep reads files only by names that stand in the source, so they can't come out of the table.
var queries = {
  'mailbox-failed': loadTextContent('../queries/mailbox-failed.kql')
  'poison-message': loadTextContent('../queries/poison-message.kql')
  'intake-refused': loadTextContent('../queries/intake-refused.kql')
  'sign-in-failures': loadTextContent('../queries/sign-in-failures.kql')
  'sustained-throttling': loadTextContent('../queries/sustained-throttling.kql')
  'mailbox-stalled': loadTextContent('../queries/mailbox-stalled.kql')
  'sync-late': loadTextContent('../queries/sync-late.kql')
  'checkpoint-errors': loadTextContent('../queries/checkpoint-errors.kql')
  'credential-expiring': loadTextContent('../queries/credential-expiring.kql')
  'target-full': loadTextContent('../queries/target-full.kql')
  'timers-silent': loadTextContent('../queries/timers-silent.kql')
  'function-failures': loadTextContent('../queries/function-failures.kql')
  'queue-backlog': loadTextContent('../queries/queue-backlog.kql')
}

// A query stands alone with its defaults, so that it can be pasted into the portal as it is: "let a = 1; let b = 2;" in one
// line, sorted by name as items() sorts them. That line is replaced. A rule without limits replaces "let " by itself.
var defaults = toObject(rules, rule => rule.name, rule => join(map(items(rule.limits), limit => '${limit.key} = ${limit.value};'), ' let '))
var chosen = toObject(rules, rule => rule.name, rule => join(map(items(rule.limits), limit => '${limit.key} = ${contains(thresholds, limit.key) ? thresholds[limit.key] : limit.value};'), ' let '))

var webhooks = empty(webhook) ? [] : [{ name: 'webhook', serviceUri: webhook, useCommonAlertSchema: true }]
var availability = union({ storageAvailability: 99 }, thresholds).storageAvailability

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-mailferry'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'mailferry'
    enabled: true
    emailReceivers: [{ name: 'e-mail', emailAddress: email, useCommonAlertSchema: true }]
    webhookReceivers: webhooks
  }
}

// Every row that a query returns is an alert of its own, told apart by the dimensions, which its text shows.
resource alerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for rule in rules: {
  name: rule.name
  location: location
  tags: union(tags, { 'hidden-link:${applicationInsightsId}': 'Resource' })
  properties: {
    displayName: rule.displayName
    description: '${rule.description} Runbook: ${runbooksUrl}/${rule.name}.md'
    severity: rule.severity
    enabled: true
    scopes: [workspaceId]
    evaluationFrequency: rule.frequency
    windowSize: rule.window
    autoMitigate: rule.autoMitigate
    // A new workspace does not know its tables yet.
    skipQueryValidation: true
    criteria: {
      allOf: [
        {
          query: replace(queries[rule.name], 'let ${defaults[rule.name]}', 'let ${chosen[rule.name]}')
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          dimensions: map(rule.dimensions, column => { name: column, operator: 'Include', values: ['*'] })
        }
      ]
    }
    actions: { actionGroups: [people.id] }
  }
}]

resource storageUnavailable 'Microsoft.Insights/metricAlerts@2018-03-01' = [for id in storageAccountIds: {
  name: 'storage-unavailable-${last(split(id, '/'))}'
  location: 'global'
  tags: tags
  properties: {
    description: 'Requests to a storage account fail on its side. Jobs are tried again by themselves; look at the health of Azure Storage in your region. Runbook: ${runbooksUrl}/storage-unavailable.md'
    severity: 1
    enabled: true
    scopes: [id]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          name: 'availability'
          criterionType: 'StaticThresholdCriterion'
          metricNamespace: 'Microsoft.Storage/storageAccounts'
          metricName: 'Availability'
          timeAggregation: 'Average'
          operator: 'LessThan'
          threshold: availability
        }
      ]
    }
    actions: [{ actionGroupId: people.id }]
  }
}]

output actionGroupId string = people.id
