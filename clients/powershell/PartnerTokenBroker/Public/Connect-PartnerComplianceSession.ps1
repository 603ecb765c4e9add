function Connect-PartnerComplianceSession {
    <#
    .SYNOPSIS
    Connects Security & Compliance PowerShell to a customer tenant.

    .DESCRIPTION
    Gets a token for the compliance service from the broker and passes it to Connect-IPPSSession of the module
    ExchangeOnlineManagement, with the initial domain of the tenant. The consent for Exchange Online suffices. If the
    command fails, it ends earlier connections of the module.

    .PARAMETER Tenant
    Tenant id, a domain of the tenant, or its name.

    .PARAMETER Organization
    The initial onmicrosoft.com domain. Default: the one that Exchange Online names.

    .PARAMETER CommandName
    Import only these commands, which is faster.

    .PARAMETER Prefix
    Prefix for the nouns of the imported commands.

    .EXAMPLE
    Connect-PartnerComplianceSession -Tenant contoso.com
    Get-DlpCompliancePolicy

    .LINK
    https://github.com/partner-token-broker/partner-token-broker/blob/main/docs/powershell.md
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipelineByPropertyName)]
        [Alias('TenantId', 'CustomerId', 'DefaultDomain', 'DefaultDomainName')] [ValidateNotNullOrEmpty()] [string] $Tenant,
        [string] $Organization,
        [string[]] $CommandName,
        [string] $Prefix
    )
    process { Invoke-ConnectCommand IPPSSession @{ Tenant = $Tenant; Organization = $Organization; CommandName = $CommandName; Prefix = $Prefix } }
}
