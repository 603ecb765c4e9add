function Connect-PartnerMsolService {
    <#
    .SYNOPSIS
    Connects the retired MSOnline module to a customer tenant, where it still works.

    .DESCRIPTION
    Gets tokens for Microsoft Graph and Azure AD Graph from the broker and hands them to Connect-MsolService, as the
    published scripts did with theirs. Microsoft retired MSOnline in May 2025; use Connect-PartnerMgGraph.

    .PARAMETER Tenant
    Tenant id, or a domain of the tenant.

    .EXAMPLE
    Connect-PartnerMsolService -Tenant contoso.com

    .LINK
    https://github.com/partner-token-broker/partner-token-broker/blob/main/docs/powershell.md
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipelineByPropertyName)]
        [Alias('TenantId', 'CustomerId', 'DefaultDomain', 'DefaultDomainName')] [ValidateNotNullOrEmpty()] [string] $Tenant
    )
    process { Invoke-ConnectCommand MsolService @{ Tenant = $Tenant } }
}
