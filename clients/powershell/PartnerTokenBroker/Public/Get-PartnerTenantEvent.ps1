# Maximum number of events in one answer of the broker.
$script:EventPage = 500

function Get-PartnerTenantEvent {
    <#
    .SYNOPSIS
    Lists what happened to customer tenants, newest first: access, relationships, consent, roles, exclusion and tags.

    .DESCRIPTION
    Needs the role Tenants.Read. The time of an event is when the broker noticed it.

    .PARAMETER Tenant
    Tenant ids, domains, group:NAME, tag:NAME or tag:NAME=VALUE. Default: all tenants.

    .PARAMETER Except
    Tenants that are left out, written like -Tenant.

    .PARAMETER Kind
    Only events of this kind.

    .PARAMETER Since
    Only events that the broker noticed at this time or later. A time without a zone is local time.

    .PARAMETER After
    Only events with a higher Sequence. To wait for later events, give the highest that you have seen.

    .PARAMETER First
    Maximum number of events, newest first. The command warns if there may be more.

    .EXAMPLE
    Get-PartnerTenantEvent -Kind lost -Since (Get-Date).AddDays(-7)

    .EXAMPLE
    Get-PartnerTenantEvent group:gold -Except tag:trial | Format-List TenantName, Explanation, Advice

    .EXAMPLE
    Get-PartnerTenant fabrikam.com | Get-PartnerTenantEvent

    .LINK
    https://github.com/partner-token-broker/partner-token-broker/blob/main/docs/events.md
    #>
    [CmdletBinding()]
    [OutputType('PartnerTokenBroker.TenantEvent')]
    param(
        [Parameter(Position = 0, ValueFromPipelineByPropertyName)] [Alias('TenantId', 'CustomerId', 'DefaultDomain', 'DefaultDomainName')] [ValidateNotNullOrEmpty()] [string[]] $Tenant,
        [string[]] $Except,
        [ValidateSet(
            'appeared', 'reachable', 'back', 'lost', 'excluded', 'included', 'ending', 'extended', 'consent_missing', 'consent_differs',
            'consent_given', 'role_missing', 'role_given', 'tags_changed', 'auto_consented', 'auto_consent_failed'
        )] [string] $Kind,
        [Nullable[datetime]] $Since,
        [ValidateRange(0, 999999999999)] [Nullable[long]] $After,
        [ValidateRange(1, 100000)] [int] $First = 100
    )
    process {
        Invoke-ForTenant $_ "$Tenant" {
            # Of one tenant, the broker says whether it exists.
            $isOne = Test-OneTenant $Tenant $Except
            $path = if ($isOne) { "/tenants/$([Uri]::EscapeDataString((Resolve-TenantName $Tenant)))/events" } else { '/events' }
            $chosen = if (-not $isOne) { Get-TenantQuery $Tenant $Except }
            $query = @{ kind = $Kind; since = ConvertTo-WireTime $Since; after = $After }
            $left = $First
            do {
                $query.limit = [Math]::Min($script:EventPage, $left)
                $page = (Invoke-BrokerApi @{ Method = 'GET'; Path = "${path}?$(ConvertTo-Query $query)$chosen" }).Value
                foreach ($item in @($page.events)) { ConvertTo-TenantEvent $item }
                $left -= @($page.events).Count
                $query.continuation = Get-Field $page 'continuation'
            } while ($query.continuation -and $left -gt 0)
            if ($query.continuation) { Write-Warning 'There may be more events. Increase -First, or limit them with -Since.' }
        }
    }
}
