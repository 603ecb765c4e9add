function Connect-PartnerExchangeOnline {
    <#
    .SYNOPSIS
    Connects the Exchange Online PowerShell module to a customer tenant.

    .DESCRIPTION
    Gets a token from the broker and hands it to Connect-ExchangeOnline, with -DelegatedOrganization for the service
    account or -Organization for the application. Module 3.1 or later is needed. Where the module does not take a
    delegated token, Invoke-PartnerExchangeCommand reaches the same commands. If the connection fails, connections made
    before are ended: what follows in a script must not run in another tenant.

    .PARAMETER Tenant
    Tenant id, or a domain of the tenant.

    .PARAMETER Grant
    delegated: in the name of the service account. application: of the application itself.

    .PARAMETER Organization
    What the module is told of the organization, where it is not the tenant id: the primary onmicrosoft.com domain.

    .PARAMETER CommandName
    Only these commands are imported, which is faster.

    .PARAMETER Prefix
    Put before the nouns of the imported commands.

    .EXAMPLE
    Connect-PartnerExchangeOnline -Tenant contoso.com
    Get-EXOMailbox -ResultSize 10

    .LINK
    https://github.com/partner-token-broker/partner-token-broker/blob/main/docs/powershell.md
    #>
    [CmdletBinding()]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipelineByPropertyName)]
        [Alias('TenantId', 'CustomerId', 'DefaultDomain', 'DefaultDomainName')] [ValidateNotNullOrEmpty()] [string] $Tenant,
        [ValidateSet('delegated', 'application')] [string] $Grant = 'delegated',
        [string] $Organization,
        [string[]] $CommandName,
        [string] $Prefix
    )
    process { Invoke-ConnectCommand ExchangeOnline @{ Tenant = $Tenant; Grant = $Grant; Organization = $Organization; CommandName = $CommandName; Prefix = $Prefix } }
}
