function Invoke-PartnerTenant {
    <#
    .SYNOPSIS
    Runs a script block for each delegated tenant, or for chosen ones, several at a time.

    .DESCRIPTION
    In the script block $_ is the tenant, as Get-PartnerTenant returns it, and $using:name brings a variable along. Each
    tenant has a result of its own, with its output and its errors; the first error of a tenant ends its script, and hurts
    no other tenant. Tenants that cannot be reached are skipped, with the reason. When the credential or the session is
    what failed, no further tenant is begun.

    The Connect-Partner commands keep one connection a process. A script block that has one of them runs for one tenant
    at a time.

    .PARAMETER ScriptBlock
    What to run.

    .PARAMETER Tenant
    Tenants: objects from Get-PartnerTenant, or ids, default domains or names. Without it: all delegated tenants.

    .PARAMETER ThrottleLimit
    How many tenants at a time. Without it 5, or 1 where the script block connects.

    .EXAMPLE
    Invoke-PartnerTenant { Invoke-RestMethod https://graph.microsoft.com/v1.0/organization -Authentication Bearer -Token ($_ | Get-PartnerToken -Resource graph) }

    .EXAMPLE
    Get-PartnerTenant -Tenant con* | Invoke-PartnerTenant { Connect-PartnerMgGraph -Tenant $_.TenantId; Get-MgUser -All } | Where-Object Status -eq failed

    .LINK
    https://github.com/partner-token-broker/partner-token-broker/blob/main/docs/powershell.md
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'Low')]
    [OutputType('PartnerTokenBroker.TenantResult')]
    param(
        [Parameter(Mandatory, Position = 0)] [scriptblock] $ScriptBlock,
        [Parameter(ValueFromPipeline)] [psobject[]] $Tenant,
        [ValidateRange(1, 64)] [int] $ThrottleLimit
    )
    begin { $chosen = [Collections.Generic.List[object]]::new() }
    process { if ($Tenant) { $chosen.AddRange([object[]]$Tenant) } }
    end {
        $session = Get-Session
        $connects = Test-Connecting $ScriptBlock
        if ($connects -and $ThrottleLimit -gt 1) {
            Write-TerminatingError connection_shared 'The script block connects a module, and a connection belongs to the whole process.'
        }
        if (-not $ThrottleLimit) { $ThrottleLimit = if ($connects) { 1 } else { 5 } }
        $tenants = @(if ($MyInvocation.ExpectingInput -or $chosen.Count -gt 0) { Resolve-Tenant $chosen } else { Get-TenantList })
        $attempted = [Collections.Generic.Queue[object]]::new()
        foreach ($each in $tenants) {
            if (-not $PSCmdlet.ShouldProcess("$($each.Name) ($($each.TenantId))", 'Run the script block')) { continue }
            if ($each.Reachable) { $attempted.Enqueue($each) } else { ConvertTo-SkippedResult -Tenant $each -Code $each.Reason -Detail $each.Explanation }
        }
        if ($attempted.Count -eq 0) { return }
        $portable = ConvertTo-PortableScript $ScriptBlock $PSCmdlet.SessionState
        $shared = Get-SharedSession $session ($ThrottleLimit -gt 1)
        Invoke-TenantQueue -Queue $attempted -Portable $portable -Session $shared -Limit $ThrottleLimit
    }
}
