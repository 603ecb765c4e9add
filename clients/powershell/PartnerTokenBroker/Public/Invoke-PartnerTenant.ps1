function Invoke-PartnerTenant {
    <#
    .SYNOPSIS
    Runs a script block for all delegated tenants or for the given tenants, several at a time.

    .DESCRIPTION
    In the script block, $_ is the tenant as returned by Get-PartnerTenant, and $using:name passes a variable. The command
    returns one result per tenant, with its output and errors. The first error ends the script of its tenant and does not
    affect other tenants. Unreachable tenants are skipped, with the reason. If the credential or the session fails, the
    command starts no further tenants.

    The Microsoft modules keep one connection per process. A script block with a Connect-Partner command therefore runs
    for one tenant at a time.

    .PARAMETER ScriptBlock
    The script block to run for each tenant.

    .PARAMETER Tenant
    Objects from Get-PartnerTenant, or tenant ids, default domains, names, group:NAME, tag:NAME or tag:NAME=VALUE. The script
    runs once for a tenant that several of them name. Default: all delegated tenants.

    .PARAMETER Except
    Tenants that are left out: tenant ids, domains, names, group:NAME, tag:NAME or tag:NAME=VALUE.

    .PARAMETER ThrottleLimit
    Number of tenants to process at the same time. Default: 5, or 1 if the script block connects a module.

    .EXAMPLE
    Invoke-PartnerTenant { Invoke-RestMethod https://graph.microsoft.com/v1.0/organization -Authentication Bearer -Token ($_ | Get-PartnerToken -Resource graph) }

    .EXAMPLE
    Get-PartnerTenant -Tenant con* | Invoke-PartnerTenant { Connect-PartnerMgGraph -Tenant $_.TenantId; Get-MgUser -All } | Where-Object Status -eq failed

    .EXAMPLE
    Invoke-PartnerTenant { $_ | Invoke-PartnerExchangeCommand -CmdletName Get-OrganizationConfig } -Tenant group:gold -Except tag:trial

    .LINK
    https://github.com/partner-token-broker/partner-token-broker/blob/main/docs/powershell.md
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'Low')]
    [OutputType('PartnerTokenBroker.TenantResult')]
    param(
        [Parameter(Mandatory, Position = 0)] [scriptblock] $ScriptBlock,
        [Parameter(ValueFromPipeline)] [psobject[]] $Tenant,
        [string[]] $Except,
        [ValidateRange(1, 64)] [int] $ThrottleLimit
    )
    begin { $chosen = [Collections.Generic.List[object]]::new() }
    process { if ($Tenant) { $chosen.AddRange([object[]]$Tenant) } }
    end {
        $session = Get-Session
        $connects = Test-Connecting $ScriptBlock
        if ($connects -and $ThrottleLimit -gt 1) {
            Write-TerminatingError connection_shared 'The script block connects a module, and the connection applies to the whole process.'
        }
        if (-not $ThrottleLimit) { $ThrottleLimit = if ($connects) { 1 } else { 5 } }
        $tenants = @(if ($MyInvocation.ExpectingInput -or $chosen.Count -gt 0) { Resolve-Tenant $chosen $Except } else { Get-TenantList (Get-TenantQuery $null $Except) })
        $seen = [Collections.Generic.HashSet[string]]::new()
        $attempted = [Collections.Generic.Queue[object]]::new()
        foreach ($each in $tenants) {
            if (-not $seen.Add($each.TenantId)) { continue }
            if (-not $PSCmdlet.ShouldProcess("$($each.Name) ($($each.TenantId))", 'Run the script block')) { continue }
            if ($each.Reachable) { $attempted.Enqueue($each) } else { ConvertTo-SkippedResult -Tenant $each -Code $each.Reason -Detail $each.Explanation }
        }
        if ($attempted.Count -eq 0) { return }
        $portable = ConvertTo-PortableScript $ScriptBlock $PSCmdlet.SessionState
        $shared = Get-SharedSession $session ($ThrottleLimit -gt 1)
        Invoke-TenantQueue -Queue $attempted -Portable $portable -Session $shared -Limit $ThrottleLimit
    }
}
