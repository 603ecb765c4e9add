function Connect-PartnerAzureAD {
    <#
    .SYNOPSIS
    Connects the retired AzureAD module to a customer tenant, where it still works.

    .DESCRIPTION
    Gets tokens for Azure AD Graph and Microsoft Graph from the broker and hands them to Connect-AzureAD, as the published
    scripts did with theirs, with the customer's tenant. Microsoft retired the module in 2025; use Connect-PartnerMgGraph.

    .PARAMETER Tenant
    Tenant id, or a domain of the tenant.

    .PARAMETER AccountId
    The account that the tokens are of. Without it: what the token says.

    .EXAMPLE
    Connect-PartnerAzureAD -Tenant contoso.com

    .LINK
    https://github.com/partner-token-broker/partner-token-broker/blob/main/docs/powershell.md
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipelineByPropertyName)]
        [Alias('TenantId', 'CustomerId', 'DefaultDomain', 'DefaultDomainName')] [ValidateNotNullOrEmpty()] [string] $Tenant,
        [string] $AccountId
    )
    process { Invoke-ConnectCommand AzureAD @{ Tenant = $Tenant; AccountId = $AccountId } }
}
