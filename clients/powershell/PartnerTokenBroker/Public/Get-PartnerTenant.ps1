function Get-PartnerTenant {
    <#
    .SYNOPSIS
    Lists the customer tenants that have delegated administration, and why each can or cannot be reached.

    .PARAMETER Tenant
    Tenant id, default domain or name; wildcards may be used. Without it: all.

    .PARAMETER Reachable
    Only those that can be reached.

    .EXAMPLE
    Get-PartnerTenant -Reachable

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
        [switch] $Reachable
    )
    begin { $known = Get-TenantList }
    process {
        $chosen = if ($Tenant) { foreach ($name in $Tenant) { Select-Tenant $known $name } } else { $known }
        $chosen | Where-Object { -not $Reachable -or $_.Reachable }
    }
}
