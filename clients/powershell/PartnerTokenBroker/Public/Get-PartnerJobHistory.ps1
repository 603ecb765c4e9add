function Get-PartnerJobHistory {
    <#
    .SYNOPSIS
    Shows how the numbers of a job developed, run by run, newest first: in one tenant, or their sums over several.

    .DESCRIPTION
    Each run has its number of Rows, and in Numbers the sum of each column of numbers and the rows with each value of a column
    of booleans. A number that is not known is $null, not 0: the tenant did not succeed. Counted tells how many tenants are in
    a sum. The command warns if there are older runs than the newest 1,000, and if runs with other parameters were left out.

    .PARAMETER Job
    Name of a job.

    .PARAMETER Tenant
    One tenant id or domain for the numbers of this tenant. Several, group:NAME, tag:NAME or tag:NAME=VALUE for their sums.
    Default: the sums over all tenants.

    .PARAMETER Except
    Tenants that are left out, written like -Tenant.

    .PARAMETER Value
    Only rows with this value of the column by which the job splits its history.

    .PARAMETER Since
    Only runs that started at this time or later. Default: 90 days before the end. A time without a zone is local time.

    .PARAMETER Until
    Only runs that started before. Default: now.

    .EXAMPLE
    Get-PartnerJobHistory licence-report -Tenant fabrikam.com | Select-Object StartedAt, Outcome, { $_.Numbers.free }

    .EXAMPLE
    Get-PartnerJobHistory mfa-report group:gold -Since (Get-Date).AddDays(-30)

    .EXAMPLE
    Get-PartnerTenant | Get-PartnerJobHistory licence-report -Value 'Microsoft 365 Business Premium'

    .LINK
    https://github.com/partner-token-broker/partner-token-broker/blob/main/docs/history.md
    #>
    [CmdletBinding()]
    [OutputType('PartnerTokenBroker.RunInHistory')]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipelineByPropertyName)] [ValidateNotNullOrEmpty()] [string] $Job,
        [Parameter(Position = 1, ValueFromPipelineByPropertyName)] [Alias('TenantId', 'CustomerId', 'DefaultDomain', 'DefaultDomainName')] [ValidateNotNullOrEmpty()] [string[]] $Tenant,
        [string[]] $Except,
        [string] $Value,
        [Nullable[datetime]] $Since,
        [Nullable[datetime]] $Until
    )
    process {
        Invoke-ForTenant $_ "$Tenant" {
            # Of one tenant, the broker says whether it exists, and what became of it in each run.
            $isOne = Test-OneTenant $Tenant $Except
            $path = if ($isOne) { "/tenants/$([Uri]::EscapeDataString((Resolve-TenantName $Tenant)))/history" } else { "/jobs/$([Uri]::EscapeDataString($Job))/history" }
            $query = @{ since = ConvertTo-WireTime $Since; until = ConvertTo-WireTime $Until; value = $Value }
            if ($isOne) { $query.job = $Job }
            $chosen = if (-not $isOne) { Get-TenantQuery $Tenant $Except }
            $history = (Invoke-BrokerApi @{ Method = 'GET'; Path = "${path}?$(ConvertTo-Query $query)$chosen"; Patient = $true }).Value
            foreach ($item in @($history.runs)) { ConvertTo-RunInHistory $item $history }
            if ($history.truncated) { Write-Warning "$Job has older runs. To read them, use -Until '$($history.since)'." }
            if ($history.otherParameters -gt 0) { Write-Warning "Runs of $Job with other parameters were left out: $($history.otherParameters)." }
        }
    }
}
