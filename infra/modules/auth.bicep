// Entra sign-in in front of the HTTP API, by tokens only: no browser is led to a login page, so there is no client
// secret. A caller needs a token of this app registration *and* a function key.
param functionAppName string
param clientId string

resource app 'Microsoft.Web/sites@2025-05-01' existing = {
  name: functionAppName
}

resource settings 'Microsoft.Web/sites/config@2025-05-01' = {
  parent: app
  name: 'authsettingsV2'
  properties: {
    platform: { enabled: true }
    globalValidation: {
      requireAuthentication: true
      unauthenticatedClientAction: 'Return401'
      // Event Grid brings a key instead of a token, and the health page is for everybody.
      excludedPaths: ['/runtime/webhooks/blobs', '/api/health']
    }
    httpSettings: { requireHttps: true }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          clientId: clientId
          openIdIssuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
        }
        validation: { allowedAudiences: [clientId, 'api://${clientId}'] }
      }
    }
    login: { tokenStore: { enabled: false } }
  }
}
