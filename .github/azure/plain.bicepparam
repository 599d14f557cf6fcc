// A deployment as most will have it, for PSRule and what-if. Nothing of it is ever made.
using '../../infra/main.bicep'

param environmentName = 'check'
param location = 'westeurope'
param alertEmail = 'mailferry@example.com'
param sourceHost = 'imap.example.com'
