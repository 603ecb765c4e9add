# Starts a run of a job, or a plan, over tenants: the end of the public command that has collected them. Kind is runs or plans.
function Start-JobOver([string] $Job, [string] $Kind, [string[]] $Chosen, [string[]] $Except, [hashtable] $Parameters, [string] $Window) {
    $noun = if ($Kind -eq 'plans') { 'plan' } else { 'run' }
    # An empty pipeline means no tenant. It must not start a run for all tenants.
    if ($PSCmdlet.MyInvocation.ExpectingInput -and -not $Chosen) {
        Write-Warning "The pipeline contained no tenant. No $noun was started."
        return
    }
    $target = if (-not $Chosen) { 'all delegated tenants' } elseif ($Chosen.Count -eq 1) { $Chosen[0] } else { "$($Chosen.Count) tenants" }
    if ($Except) { $target += " except $($Except -join ', ')" }
    if (-not $PSCmdlet.ShouldProcess($target, "Start a $noun of the job $Job")) { return }
    $body = @{}
    if ($Chosen) { $body.tenants = @(Resolve-TenantName $Chosen) }
    if ($Except) { $body.except = @(Resolve-TenantName $Except) }
    if ($Parameters) { $body.parameters = $Parameters }
    if ($Window) { $body.window = $Window }
    (Invoke-BrokerApi @{ Method = 'POST'; Path = "/jobs/$([Uri]::EscapeDataString($Job))/$Kind"; Body = $body; Start = -not $Window }).Value
}
