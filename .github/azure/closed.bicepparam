// A deployment with everything switched on, for PSRule and what-if. Nothing of it is ever made.
using '../../infra/main.bicep'

param environmentName = 'check-closed'
param location = 'westeurope'
param alertEmail = 'mailferry@example.com'
param sourceHost = 'imap.example.com'
param privateEndpoints = true
param fixedOutboundAddress = true
param apiClientId = '00000000-0000-4000-8000-000000000001'
param storageRedundancy = 'Standard_ZRS'
param updateStrategy = 'RollingUpdate'
param budgetAmount = 100
