function Connect-PartnerMgGraph {
    <#
    .SYNOPSIS
    Connects the Microsoft Graph PowerShell module to a customer tenant.

    .DESCRIPTION
    Gets a token from the broker and passes it to Connect-MgGraph. The connection lasts as long as the token. If the
    command fails, it ends an earlier connection of the module, so that the next commands of a script do not run in
    another tenant.

    .PARAMETER Tenant
    Tenant id, a domain of the tenant, or its name.

    .PARAMETER Grant
    delegated: token of the service account. application: token of the application.

    .EXAMPLE
    Connect-PartnerMgGraph -Tenant contoso.com
    Get-MgUser -Top 5

    .LINK
    https://github.com/partner-token-broker/partner-token-broker/blob/main/docs/powershell.md
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipelineByPropertyName)]
        [Alias('TenantId', 'CustomerId', 'DefaultDomain', 'DefaultDomainName')] [ValidateNotNullOrEmpty()] [string] $Tenant,
        [ValidateSet('delegated', 'application')] [string] $Grant = 'delegated'
    )
    process { Invoke-ConnectCommand MgGraph @{ Tenant = $Tenant; Grant = $Grant } }
}
