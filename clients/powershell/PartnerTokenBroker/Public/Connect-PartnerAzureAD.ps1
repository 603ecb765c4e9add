function Connect-PartnerAzureAD {
    <#
    .SYNOPSIS
    Connects the retired AzureAD module to a customer tenant.

    .DESCRIPTION
    Gets tokens for Azure AD Graph and Microsoft Graph from the broker and passes them, with the id of the customer tenant,
    to Connect-AzureAD. Microsoft retired the module in 2025. Use Connect-PartnerMgGraph instead.

    .PARAMETER Tenant
    Tenant id, a domain of the tenant, or its name.

    .PARAMETER AccountId
    The account of the tokens. Default: the account that the token names.

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
