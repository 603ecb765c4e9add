function Get-PartnerTenant {
    <#
    .SYNOPSIS
    Lists the customer tenants with delegated administration, and the reason why each is or is not reachable.

    .PARAMETER Tenant
    Tenant id, default domain or name, with or without wildcards. Default: all tenants.

    .PARAMETER Reachable
    Only reachable tenants.

    .EXAMPLE
    Get-PartnerTenant -Reachable

    .EXAMPLE
    Get-PartnerTenant | Where-Object Tags -Contains managed

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
