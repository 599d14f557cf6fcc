// The virtual network: a subnet in which the functions run and one for private endpoints.
param name string
param location string
param tags object

@description('Address range of the network.')
param addressSpace string

@description('The part of it in which the functions run.')
param functionsRange string

@description('The part of it for private endpoints.')
param endpointsRange string

param fixedOutboundAddress bool

module nat 'nat.bicep' = if (fixedOutboundAddress) {
  name: 'nat'
  params: {
    name: name
    location: location
    tags: tags
  }
}

resource endpointsGuard 'Microsoft.Network/networkSecurityGroups@2024-05-01' = {
  name: 'nsg-endpoints-${name}'
  location: location
  tags: tags
  properties: {
    securityRules: [
      {
        name: 'https-from-network'
        properties: {
          description: 'The functions, and machines of peered networks from which CSVs are uploaded.'
          direction: 'Inbound'
          access: 'Allow'
          priority: 100
          protocol: 'Tcp'
          sourceAddressPrefix: 'VirtualNetwork'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '443'
        }
      }
      {
        name: 'nothing-else'
        properties: {
          direction: 'Inbound'
          access: 'Deny'
          priority: 4096
          protocol: '*'
          sourceAddressPrefix: '*'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '*'
        }
      }
    ]
  }
}

// The functions only connect outwards; nothing may come in.
resource functionsGuard 'Microsoft.Network/networkSecurityGroups@2024-05-01' = {
  name: 'nsg-functions-${name}'
  location: location
  tags: tags
}

resource network 'Microsoft.Network/virtualNetworks@2024-05-01' = {
  name: 'vnet-${name}'
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: [addressSpace] }
    subnets: [
      {
        name: 'functions'
        properties: {
          addressPrefix: functionsRange
          networkSecurityGroup: { id: functionsGuard.id }
          // The way out where there is no NAT gateway; new networks are to lose it unless it is asked for.
          defaultOutboundAccess: true
          natGateway: fixedOutboundAddress ? { id: nat!.outputs.id } : null
          // Flex Consumption runs in this environment.
          delegations: [
            {
              name: 'flex'
              properties: { serviceName: 'Microsoft.App/environments' }
            }
          ]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: endpointsRange
          networkSecurityGroup: { id: endpointsGuard.id }
          privateEndpointNetworkPolicies: 'NetworkSecurityGroupEnabled'
        }
      }
    ]
  }

  resource functions 'subnets' existing = {
    name: 'functions'
  }

  resource endpoints 'subnets' existing = {
    name: 'endpoints'
  }
}

output networkId string = network.id
output functionsSubnetId string = network::functions.id
output endpointsSubnetId string = network::endpoints.id
output outboundAddress string = fixedOutboundAddress ? nat!.outputs.address : ''
