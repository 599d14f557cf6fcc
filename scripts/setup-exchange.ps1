<#
.SYNOPSIS
Lets Mailferry's app or managed identity into mailboxes of Exchange Online, and shuts it out again.

.DESCRIPTION
Registers the service principal in Exchange Online, gives it FullAccess to the mailboxes of a batch's CSV or to all,
switches IMAP on where it is off, and keeps Exchange from sending read receipts for old mail that arrives as read. Runs
as often as you like: what is done already is left as it is. With -Remove it takes all of that away again, and gives the
mailboxes' IMAP settings back the values they had before.

Needs Windows PowerShell 5.1 or PowerShell 7 with the module ExchangeOnlineManagement 3 or newer, and the role
Exchange Administrator. See docs/exchange-setup.md.

.PARAMETER AppId
The application (client) id, as scripts/setup-entra.sh prints it.

.PARAMETER ObjectId
The object id of the enterprise application or managed identity (not of the app registration), printed there as well.

.PARAMETER TenantId
The id of the tenant. Refuses to do anything in another one.

.PARAMETER Csv
The batch's CSV; its column EmailAddress names the mailboxes.

.PARAMETER All
All user, shared, room and equipment mailboxes, instead of those of a CSV.

.PARAMETER Remove
Take everything away again from these mailboxes; with -All, the service principal as well.

.PARAMETER DisplayName
What the service principal is called in Exchange Online (Mailferry).

.PARAMETER Record
The file that remembers which settings of which mailboxes were changed.

.EXAMPLE
./setup-exchange.ps1 -TenantId <id> -AppId <id> -ObjectId <id> -Csv batch1.csv -WhatIf

.EXAMPLE
./setup-exchange.ps1 -TenantId <id> -AppId <id> -ObjectId <id> -All -Remove
#>
[CmdletBinding(SupportsShouldProcess = $true, DefaultParameterSetName = 'Csv')]
param(
    [Parameter(Mandatory = $true)] [guid] $AppId,
    [Parameter(Mandatory = $true)] [guid] $ObjectId,
    [Parameter(Mandatory = $true)] [guid] $TenantId,
    [Parameter(Mandatory = $true, ParameterSetName = 'Csv')] [string] $Csv,
    [Parameter(Mandatory = $true, ParameterSetName = 'All')] [switch] $All,
    [switch] $Remove,
    [string] $DisplayName = 'Mailferry',
    [string] $Record = 'mailferry-changed-mailboxes.txt'
)
Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'

function Connect-Tenant {
    if (-not (Get-Module -ListAvailable -Name ExchangeOnlineManagement)) {
        throw 'The module is missing. Run: Install-Module ExchangeOnlineManagement -Scope CurrentUser'
    }
    Import-Module ExchangeOnlineManagement
    if (-not (Get-ConnectionInformation)) {
        Connect-ExchangeOnline -ShowBanner:$false
    }
    $there = @(Get-ConnectionInformation | ForEach-Object { [string] $_.TenantID })
    if ($there -notcontains [string] $TenantId) {
        throw "Connected to the tenant $there, not to $TenantId. Run Disconnect-ExchangeOnline, then this again."
    }
}

# Get-ServicePrincipal -Identity answers with all of them when there is none of that id, so we look ourselves.
function Find-Principal {
    @(Get-ServicePrincipal | Where-Object { [string] $_.AppId -eq [string] $AppId })
}

function Register-Principal {
    foreach ($wrong in @(Find-Principal | Where-Object { [string] $_.ObjectId -ne [string] $ObjectId })) {
        if ($PSCmdlet.ShouldProcess("$($wrong.ObjectId)", 'Remove the service principal with the wrong object id')) {
            Remove-ServicePrincipal -Identity ([string] $wrong.ObjectId) -Confirm:$false
        }
    }
    if (-not @(Find-Principal | Where-Object { [string] $_.ObjectId -eq [string] $ObjectId })) {
        if ($PSCmdlet.ShouldProcess("$ObjectId", 'Register the service principal')) {
            New-ServicePrincipal -AppId ([string] $AppId) -ObjectId ([string] $ObjectId) -DisplayName $DisplayName |
                Out-Null
        }
    }
}

function Get-Address {
    if ($All) {
        $kinds = 'UserMailbox', 'SharedMailbox', 'RoomMailbox', 'EquipmentMailbox'
        return @(Get-EXOMailbox -ResultSize Unlimited -RecipientTypeDetails $kinds |
                ForEach-Object { $_.UserPrincipalName })
    }
    # Excel writes semicolons in most of Europe, and Mailferry takes them.
    $header = [string] (Get-Content -LiteralPath $Csv -TotalCount 1)
    $separator = if ($header.Contains(';')) { ';' } else { ',' }
    $rows = @(Import-Csv -LiteralPath $Csv -Delimiter $separator)
    if ($rows.Count -eq 0 -or -not $rows[0].PSObject.Properties['EmailAddress']) {
        throw "$Csv has no rows, or no column EmailAddress."
    }
    return @($rows | ForEach-Object { ([string] $_.EmailAddress).Trim() } | Where-Object { $_ })
}

function Get-Grant([string] $address) {
    @(Get-MailboxPermission -Identity $address -User ([string] $ObjectId) |
            Where-Object { $_.AccessRights -contains 'FullAccess' -and -not $_.Deny })
}

function Grant-Mailbox([string] $address) {
    if (-not (Get-Grant $address) -and $PSCmdlet.ShouldProcess($address, 'Give FullAccess')) {
        Add-MailboxPermission -Identity $address -User ([string] $ObjectId) -AccessRights FullAccess | Out-Null
    }
    $cas = Get-CASMailbox -Identity $address
    if (-not $cas.ImapEnabled) { Edit-Imap $address 'ImapEnabled' $true 'Switch IMAP on' }
    # Exchange takes a mailbox's own word about receipts only when that does not follow the protocol's defaults.
    if ($cas.ImapUseProtocolDefaults) {
        Edit-Imap $address 'ImapUseProtocolDefaults' $false 'Give it IMAP settings of its own'
    }
    if (-not $cas.ImapSuppressReadReceipt) {
        Edit-Imap $address 'ImapSuppressReadReceipt' $true 'Keep read receipts from being sent'
    }
}

# A line of the record is a setting, a blank and an address, and is written before the setting is changed.
function Edit-Imap([string] $address, [string] $setting, [bool] $value, [string] $what) {
    if ($PSCmdlet.ShouldProcess($address, $what)) {
        $line = "$setting $address"
        if ($script:changed -notcontains $line) {
            Add-Content -LiteralPath $Record -Value $line -Encoding UTF8
            $script:changed = @($script:changed) + $line
        }
        $change = @{ Identity = $address }
        $change[$setting] = $value
        Set-CASMailbox @change
    }
}

function Undo-Imap([string] $address, [string] $setting, [bool] $before, [string] $what) {
    $line = "$setting $address"
    if ($script:changed -contains $line -and $PSCmdlet.ShouldProcess($address, $what)) {
        $change = @{ Identity = $address }
        $change[$setting] = $before
        Set-CASMailbox @change
        $script:changed = @($script:changed | Where-Object { $_ -ne $line })
        Set-Content -LiteralPath $Record -Value $script:changed -Encoding UTF8
    }
}

function Revoke-Mailbox([string] $address) {
    if ($registered -and (Get-Grant $address) -and $PSCmdlet.ShouldProcess($address, 'Take FullAccess')) {
        Remove-MailboxPermission -Identity $address -User ([string] $ObjectId) -AccessRights FullAccess -Confirm:$false
    }
    Undo-Imap $address 'ImapSuppressReadReceipt' $false 'Let read receipts be sent again'
    Undo-Imap $address 'ImapUseProtocolDefaults' $true 'Give it the default IMAP settings again'
    Undo-Imap $address 'ImapEnabled' $false 'Switch IMAP off again'
}

Connect-Tenant
$addresses = @(Get-Address)
$registered = [bool] @(Find-Principal | Where-Object { [string] $_.ObjectId -eq [string] $ObjectId })
$script:changed = @()
if (Test-Path -LiteralPath $Record) {
    $script:changed = @(Get-Content -LiteralPath $Record -Encoding UTF8 | Where-Object { $_ })
}
if (-not $Remove) {
    Register-Principal
    if ($WhatIfPreference -and -not $registered) {
        Write-Output "Then FullAccess, IMAP where it is off, and no read receipts, for $($addresses.Count) mailboxes."
        return
    }
}

$failed = 0
foreach ($address in $addresses) {
    try {
        if ($Remove) { Revoke-Mailbox $address } else { Grant-Mailbox $address }
    }
    catch {
        $failed++
        Write-Warning "$address : $($_.Exception.Message)"
    }
}
if ($Remove -and $All -and $failed -eq 0 -and $registered) {
    if ($PSCmdlet.ShouldProcess("$ObjectId", 'Remove the service principal')) {
        Remove-ServicePrincipal -Identity ([string] $ObjectId) -Confirm:$false
    }
}
Write-Output "$($addresses.Count - $failed) of $($addresses.Count) mailboxes are done; changes show within an hour."
if ($failed) {
    throw "$failed mailboxes failed; see the warnings. Mend that and run this again: what is done stays as it is."
}
