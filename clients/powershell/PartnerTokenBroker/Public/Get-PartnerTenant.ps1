function Get-PartnerTenant {
    <#
    .SYNOPSIS
    Lists the customer tenants with delegated administration, and the reason why each is or is not reachable.

    .DESCRIPTION
    Needs the role Tenants.Read. A tenant that cannot be reached gets no token, and runs leave it out.

    .PARAMETER Tenant
    Tenant id, default domain or name, with or without wildcards, or group:NAME, tag:NAME or tag:NAME=VALUE. Default: all
    tenants.

    .PARAMETER Except
    Tenants that are left out: tenant ids, domains, names, group:NAME, tag:NAME or tag:NAME=VALUE.

    .PARAMETER Reachable
    Only reachable tenants.

    .EXAMPLE
    Get-PartnerTenant -Reachable

    .EXAMPLE
    Get-PartnerTenant group:gold -Except tag:trial

    .EXAMPLE
    Get-PartnerTenant | Where-Object { -not $_.Reachable } | Format-Table Name, Explanation

    .LINK
    https://github.com/partner-token-broker/partner-token-broker/blob/main/docs/powershell.md
    #>
    [CmdletBinding()]
    [OutputType('PartnerTokenBroker.Tenant')]
    param(
        [Parameter(Position = 0, ValueFromPipeline, ValueFromPipelineByPropertyName)]
        [Alias('TenantId', 'CustomerId', 'DefaultDomainName')] [SupportsWildcards()] [string[]] $Tenant,
        [string[]] $Except,
        [switch] $Reachable
    )
    begin {
        $known = Get-TenantList
        $left = if ($Except) { Get-TenantList (Get-TenantQuery $null $Except) } else { $known }
    }
    process {
        $chosen = if ($Tenant) { foreach ($name in $Tenant) {
                Invoke-ForTenant $_ $name { Select-Tenant $known $name | Where-Object TenantId -In @($left | ForEach-Object TenantId) }
            }
        } else { $left }
        $chosen | Where-Object { -not $Reachable -or $_.Reachable }
    }
}
