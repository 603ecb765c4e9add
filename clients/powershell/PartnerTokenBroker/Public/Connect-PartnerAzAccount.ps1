function Connect-PartnerAzAccount {
    <#
    .SYNOPSIS
    Connects the Az PowerShell modules to a customer tenant.

    .DESCRIPTION
    Gets tokens for Azure Resource Manager and Microsoft Graph from the broker and hands them to Connect-AzAccount, for
    this process alone. If the connection fails, one made before is ended.

    .PARAMETER Tenant
    Tenant id, or a domain of the tenant.

    .PARAMETER AccountId
    The account that the tokens are of. Without it: what the token says.

    .PARAMETER Subscription
    Subscription to work in.

    .PARAMETER SkipGraph
    Do not ask for a token for Microsoft Graph, which only Get-AzAD commands need.

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
