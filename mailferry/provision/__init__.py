"""Provisioning: a CSV of users becomes Entra users with licences; a dry run first."""
