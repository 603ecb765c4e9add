function Connect-PartnerMsolService {
    <#
    .SYNOPSIS
    Connects the retired MSOnline module to a customer tenant.

    .DESCRIPTION
    Gets tokens for Microsoft Graph and Azure AD Graph from the broker and passes them to Connect-MsolService. Microsoft
    retired MSOnline in May 2025. Use Connect-PartnerMgGraph instead.

    .PARAMETER Tenant
    Tenant id, a domain of the tenant, or its name.

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
