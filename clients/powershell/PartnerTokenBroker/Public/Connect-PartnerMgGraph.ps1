function Connect-PartnerMgGraph {
    <#
    .SYNOPSIS
    Connects the Microsoft Graph PowerShell module to a customer tenant.

    .DESCRIPTION
    Gets a token from the broker and hands it to Connect-MgGraph. The connection lasts as long as the token. If it fails,
    a connection made before is ended: what follows in a script must not run in another tenant.

    .PARAMETER Tenant
    Tenant id, or a domain of the tenant.

    .PARAMETER Grant
    delegated: in the name of the service account. application: of the application itself.

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
