// One fixed public address for everything that goes out.
param name string
param location string
param tags object

resource address 'Microsoft.Network/publicIPAddresses@2024-05-01' = {
  name: 'pip-${name}'
  location: location
  tags: tags
  sku: { name: 'Standard' }
  properties: {
    publicIPAllocationMethod: 'Static'
    publicIPAddressVersion: 'IPv4'
  }
}

resource gateway 'Microsoft.Network/natGateways@2024-05-01' = {
  name: 'ng-${name}'
  location: location
  tags: tags
  sku: { name: 'Standard' }
  properties: {
    publicIpAddresses: [{ id: address.id }]
    // An IMAP connection may be silent while a long command runs; Azure's default of 4 minutes is too short for that.
    idleTimeoutInMinutes: 30
  }
}

output id string = gateway.id
output address string = address.properties.ipAddress
