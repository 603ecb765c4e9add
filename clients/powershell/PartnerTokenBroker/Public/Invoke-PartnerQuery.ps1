function Invoke-PartnerQuery {
    <#
    .SYNOPSIS
    Asks Microsoft Graph the same in many customer tenants, and returns the rows while they arrive.

    .DESCRIPTION
    The broker sends one GET in each tenant, under the permissions of the caller's rule. Each row starts with tenantId,
    tenantName and tenantDomain, then has the properties of the object. Rows come in the order in which tenants answer.

    Each tenant that failed is a non-terminating error at the end, whose TargetObject has TenantId, Code and Advice. The
    command warns if Microsoft Graph has more rows than were read. A pipeline that ends early, as with Select-Object -First, and
    Ctrl+C cancel the query.

    .PARAMETER Path
    Path and query at Microsoft Graph, for example /users. Without a version it is v1.0. Use single quotes because of the
    dollar signs.

    .PARAMETER Tenant
    Tenant ids, domains, names, group:NAME, tag:NAME or tag:NAME=VALUE. All tenants from the pipeline form one query. Default: every
    customer that the caller may read, or that one of its rules covers.

    .PARAMETER Except
    Tenants that are not asked, written like -Tenant.

    .PARAMETER Select
    Properties to return, for $select.

    .PARAMETER AllPages
    Read all pages of each answer, and not the first one alone.

    .EXAMPLE
    Invoke-PartnerQuery /users -Select id, displayName, accountEnabled -AllPages | Export-Csv users.csv

    .EXAMPLE
    Invoke-PartnerQuery '/devices?$filter=isCompliant eq false' -Tenant group:gold -Except fabrikam.com

    .EXAMPLE
    Get-PartnerTenant -Tenant con* | Invoke-PartnerQuery /organization -ErrorVariable failed -ErrorAction SilentlyContinue

    .LINK
    https://github.com/partner-token-broker/partner-token-broker/blob/main/docs/powershell.md
    #>
    [CmdletBinding(SupportsShouldProcess)]
    [OutputType([psobject])]
    param(
        [Parameter(Mandatory, Position = 0)] [ValidateNotNullOrEmpty()] [string] $Path,
        [Parameter(Position = 1, ValueFromPipeline, ValueFromPipelineByPropertyName)]
        [Alias('TenantId', 'CustomerId', 'DefaultDomain', 'DefaultDomainName')] [string[]] $Tenant,
        [string[]] $Except,
        [string[]] $Select,
        [switch] $AllPages
    )
    begin { $chosen = [Collections.Generic.List[string]]::new() }
    process { if ($Tenant) { $chosen.AddRange($Tenant) } }
    end {
        # An empty pipeline means no tenant. It must not ask all tenants.
        if ($MyInvocation.ExpectingInput -and $chosen.Count -eq 0) {
            Write-Warning 'The pipeline contained no tenant. Nothing was asked.'
            return
        }
        $target = if ($chosen.Count -eq 0) { 'all customers' } elseif ($chosen.Count -eq 1) { $chosen[0] } else { "$($chosen.Count) tenants" }
        if ($Except) { $target += " except $($Except -join ', ')" }
        if (-not $PSCmdlet.ShouldProcess($target, "GET $Path")) { return }
        $body = @{ path = $Path }
        if ($chosen.Count -gt 0) { $body.tenants = @(Resolve-TenantName $chosen) }
        if ($Except) { $body.except = @(Resolve-TenantName $Except) }
        if ($Select) { $body.select = @($Select) }
        if ($AllPages) { $body.allPages = $true }
        $runId = (Invoke-BrokerApi @{ Method = 'POST'; Path = '/queries'; Body = $body; Start = $true }).Value.runId
        Write-Verbose "The run of the query is $runId."
        $isRead = $false
        $shown = if ($Select) { @('tenantName') + ($Select -split '\s*,\s*' -replace '/.*' | Select-Object -Unique) }
        try {
            Read-ResultPage $runId 'jsonl' '&order=arrival' { param($Body) Read-Row $Body $shown }
            $isRead = $true
        }
        finally {
            # Also runs if the pipeline ends early. Whatever the answer, the run ends by itself.
            if (-not $isRead) { $null = Request-BrokerApi @{ Method = 'POST'; Path = "$(Get-RunPath $runId)/cancel"; Body = @{} } }
        }
        Write-QueryOutcome $runId ([bool]$AllPages)
    }
}
