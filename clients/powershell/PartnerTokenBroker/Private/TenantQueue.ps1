# Processes a queue of tenants, up to Limit at a time, and returns each result as soon as it is available.
function Invoke-TenantQueue($Queue, $Portable, $Session, [int] $Limit) {
    $total = $Queue.Count
    $done = $failed = 0
    $stoppedBy = $null
    $running = [Collections.Generic.List[object]]::new()
    $pool = Get-RunspacePool $Limit
    try {
        while ($Queue.Count -gt 0 -or $running.Count -gt 0) {
            while ($Queue.Count -gt 0 -and $running.Count -lt $Limit) { $running.Add((Invoke-TenantScript $pool $Queue.Dequeue() $Portable $Session)) }
            $handles = [Threading.WaitHandle[]]@($running | ForEach-Object { $_.Handle.AsyncWaitHandle })
            $index = [Threading.WaitHandle]::WaitAny($handles, 200)
            if ($index -ne [Threading.WaitHandle]::WaitTimeout) {
                $work = $running[$index]
                $running.RemoveAt($index)
                $result = Receive-TenantScript $work
                $done++
                if ($result.Status -eq 'failed') { $failed++ }
                if (-not $stoppedBy -and $result.Code -in $script:SessionWideCodes) { $stoppedBy = $result }
                $result
            }
            if ($stoppedBy) {
                while ($Queue.Count -gt 0) { ConvertTo-SkippedResult -Tenant $Queue.Dequeue() -Code not_attempted -Detail "Stopped after $($stoppedBy.Code): $($stoppedBy.Detail)" }
            }
            Write-Progress -Id 2 -Activity 'Tenants' -Status "$done of $total, $failed failed" -PercentComplete ([int](100 * $done / $total))
        }
    }
    finally {
        # Also runs on Ctrl+C.
        foreach ($work in $running) { $work.Shell.Stop(); $work.Shell.Dispose() }
        $pool.Dispose()
        Write-Progress -Id 2 -Activity 'Tenants' -Completed
    }
}

function ConvertTo-SkippedResult($Tenant, [string] $Code, [string] $Detail) {
    $result = ConvertTo-TenantResult -Tenant $Tenant -Status skipped
    $result.Code = $Code
    $result.Detail = $Detail
    $result
}

# Returns objects of Get-PartnerTenant unchanged. Other values are looked up in the directory, which is read once. Those that
# Except names are left out.
function Resolve-Tenant($Chosen, [string[]] $Except) {
    $known = $null
    $left = @(if ($Except) { Get-TenantList (Get-TenantQuery $null $Except) | ForEach-Object TenantId })
    foreach ($each in $Chosen) {
        if ($each.PSObject.TypeNames -contains 'PartnerTokenBroker.Tenant') { if (-not $Except -or $each.TenantId -in $left) { $each }; continue }
        $name = if ($each -is [string]) { $each } else { @('TenantId', 'CustomerId', 'DefaultDomainName' | ForEach-Object { Get-Field $each $_ }) | Where-Object { $_ } | Select-Object -First 1 }
        if (-not $name) { $name = [string]$each }
        if ($null -eq $known) { $known = @(Get-TenantList) }
        Invoke-ForTenant $each $name { Select-Tenant $known $name | Where-Object { -not $Except -or $_.TenantId -in $left } }
    }
}

# Tests whether a script connects a module. Such a connection applies to the whole process.
function Test-Connecting([scriptblock] $ScriptBlock) {
    $commands = $ScriptBlock.Ast.FindAll({ param($node) $node -is [Management.Automation.Language.CommandAst] }, $true)
    [bool](@($commands) | Where-Object { $_.GetCommandName() -like 'Connect-Partner*' })
}

# The session for runspaces, with the same tokens and the same lock. IsParallel forbids connections of modules.
function Get-SharedSession($Session, [bool] $IsParallel) {
    # Sign in once before copying. Otherwise each copy would start without a token.
    [void](Get-CallerToken)
    $copy = $Session.PSObject.Copy()
    $copy.IsParallel = $IsParallel
    $copy
}
