function Connect-PartnerExchangeOnline {
    <#
    .SYNOPSIS
    Connects the Exchange Online PowerShell module to a customer tenant.

    .DESCRIPTION
    Gets a token from the broker and passes it to Connect-ExchangeOnline, with -DelegatedOrganization for the service
    account or -Organization for the application. The module must have version 3.1 or later. If it does not accept a
    delegated token, use Invoke-PartnerExchangeCommand, which runs the same commands. If the command fails, it ends
    earlier connections of the module, so that the next commands of a script do not run in another tenant.

    .PARAMETER Tenant
    Tenant id, a domain of the tenant, or its name.

    .PARAMETER Grant
    delegated: token of the service account. application: token of the application.

    .PARAMETER Organization
    Organization to pass to the module instead of the tenant id: the primary onmicrosoft.com domain.

    .PARAMETER CommandName
    Import only these commands, which is faster.

    .PARAMETER Prefix
    Prefix for the nouns of the imported commands.

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
