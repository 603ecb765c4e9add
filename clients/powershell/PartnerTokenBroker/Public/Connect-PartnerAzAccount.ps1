function Connect-PartnerAzAccount {
    <#
    .SYNOPSIS
    Connects the Az PowerShell modules to a customer tenant.

    .DESCRIPTION
    Gets tokens for Azure Resource Manager and Microsoft Graph from the broker and passes them to Connect-AzAccount. The
    connection is limited to this process. If the command fails, it ends an earlier connection of the module.

    .PARAMETER Tenant
    Tenant id, a domain of the tenant, or its name.

    .PARAMETER AccountId
    The account of the tokens. Default: the account that the token names.

    .PARAMETER Subscription
    Subscription to select.

    .PARAMETER SkipGraph
    Do not request a token for Microsoft Graph. Only the Get-AzAD commands need it.

    .EXAMPLE
    Connect-PartnerAzAccount -Tenant contoso.com
    Get-AzSubscription

    .LINK
    https://github.com/partner-token-broker/partner-token-broker/blob/main/docs/powershell.md
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipelineByPropertyName)]
        [Alias('TenantId', 'CustomerId', 'DefaultDomain', 'DefaultDomainName')] [ValidateNotNullOrEmpty()] [string] $Tenant,
        [string] $AccountId,
        [string] $Subscription,
        [switch] $SkipGraph
    )
    process { Invoke-ConnectCommand AzAccount @{ Tenant = $Tenant; AccountId = $AccountId; Subscription = $Subscription; SkipGraph = [bool]$SkipGraph } }
}
