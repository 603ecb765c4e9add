function Connect-PartnerTeams {
    <#
    .SYNOPSIS
    Connects the MicrosoftTeams module to a customer tenant.

    .DESCRIPTION
    Gets tokens for Microsoft Graph and for Teams administration from the broker and passes them to
    Connect-MicrosoftTeams. The application needs the permission user_impersonation of Teams administration, which no
    profile contains. If the command fails, it ends an earlier connection of the module.

    .PARAMETER Tenant
    Tenant id, a domain of the tenant, or its name.

    .EXAMPLE
    Connect-PartnerTeams -Tenant contoso.com
    Get-CsTenant

    .LINK
    https://github.com/partner-token-broker/partner-token-broker/blob/main/docs/powershell.md
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipelineByPropertyName)]
        [Alias('TenantId', 'CustomerId', 'DefaultDomain', 'DefaultDomainName')] [ValidateNotNullOrEmpty()] [string] $Tenant
    )
    process { Invoke-ConnectCommand MicrosoftTeams @{ Tenant = $Tenant } }
}
