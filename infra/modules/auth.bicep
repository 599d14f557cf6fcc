// Entra sign-in in front of the HTTP API: a session of the dashboard's, or a token of this app registration. The app then
// asks for the role reader or operator instead of a function key. Browsers bring an ID token back from the login page
// (the registration must issue them), so there is no client secret.
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
      // Event Grid brings a key instead of a token. The health page is for everybody, and so is the dashboard's own: it
      // holds no data, and leads to the login page.
      excludedPaths: ['/runtime/webhooks/blobs', '/api/health', '/api/dashboard', '/api/dashboard/*']
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
