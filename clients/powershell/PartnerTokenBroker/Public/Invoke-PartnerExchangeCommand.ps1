function Invoke-PartnerExchangeCommand {
    <#
    .SYNOPSIS
    Runs an Exchange Online command in a customer tenant without the Exchange module.

    .DESCRIPTION
    Uses the administration API of the Exchange module (InvokeCommand) with a token from the broker, and returns all pages.
    Unlike connections of the module, calls for several tenants can run in parallel. Microsoft does not document this
    API.

    .PARAMETER Tenant
    Tenant id, a domain of the tenant, or its name.

    .PARAMETER CmdletName
    Name of the command, for example Get-Mailbox.

    .PARAMETER Parameters
    Parameters of the command.

    .PARAMETER Anchor
    Mailbox that Exchange uses to route the request. Default: a system mailbox that exists in every organization.

    .PARAMETER Grant
    delegated: token of the service account. application: token of the application.

    .EXAMPLE
    Invoke-PartnerExchangeCommand -Tenant contoso.com -CmdletName Get-Mailbox -Parameters @{ ResultSize = 10 }

    .EXAMPLE
    Get-PartnerTenant -Reachable | Invoke-PartnerExchangeCommand -CmdletName Get-OrganizationConfig

    .LINK
    https://github.com/partner-token-broker/partner-token-broker/blob/main/docs/powershell.md
    #>
    [CmdletBinding(SupportsShouldProcess)]
    [OutputType([psobject])]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipelineByPropertyName)]
        [Alias('TenantId', 'CustomerId', 'DefaultDomain', 'DefaultDomainName')] [ValidateNotNullOrEmpty()] [string] $Tenant,
        [Parameter(Mandatory, Position = 1)] [ValidatePattern('^[A-Za-z]+-[A-Za-z0-9]+$')] [string] $CmdletName,
        [Parameter(Position = 2)] [hashtable] $Parameters = @{},
        [string] $Anchor,
        [ValidateSet('delegated', 'application')] [string] $Grant = 'delegated'
    )
    process {
        $isReading = $CmdletName -match '^(Get|Test|Search|Resolve)-'
        if (-not $isReading -and -not $PSCmdlet.ShouldProcess($Tenant, $CmdletName)) { return }
        Invoke-ForTenant $_ $Tenant {
            $exchange = Get-TokenRecord @{ Tenant = $Tenant; Resource = 'exchange'; Grant = $Grant; MinimumLifetimeSeconds = 300 }
            $routing = if ($Anchor) { $Anchor } else { "UPN:$script:SystemMailbox@$($exchange.TenantId)" }
            Invoke-ExchangeRest $exchange $CmdletName $Parameters $routing
        }
    }
}
