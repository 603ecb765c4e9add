function Write-RunProgress($Run) {
    $percent = if ($Run.Total -gt 0) { [int](100 * $Run.Done / $Run.Total) } else { 0 }
    $text = if ($Run.Outcome -eq 'starting') { 'listing the tenants' } else { "$($Run.Done) of $($Run.Total) tenants, $($Run.Failed) failed, $($Run.Outcome -replace '_', ' ')" }
    Write-Progress -Id 1 -Activity $Run.RunId -Status $text -PercentComplete ([Math]::Min(100, $percent))
}

# Time without a finished tenant after which a warning explains it.
$script:StandstillSeconds = 45

# The current time, in a function so that tests can replace it.
function Get-UtcNow { [DateTime]::UtcNow }

# Warns once if a run has not moved for a while. State belongs to one wait and is empty at its start.
function Write-StandstillWarning([hashtable] $State, $Run) {
    $progress = Get-Field $Run 'progress'
    $position = "$(Get-Field $Run 'status') $(Get-Field $progress 'done') $(Get-Field $progress 'retrying')"
    if ($State['Position'] -ne $position) {
        $State.Position = $position
        $State.Since = Get-UtcNow
    }
    elseif (-not $State['IsWarned'] -and ((Get-UtcNow) - $State.Since).TotalSeconds -ge $script:StandstillSeconds) {
        $State.IsWarned = $true
        if ((Get-Field $Run 'window') -match '^apply-[0-9a-f]{32}$') {
            Write-Warning "No tenant has finished for $script:StandstillSeconds seconds. An apply looks again for minutes, pauses between waves, and may wait for a person: Get-PartnerPlan shows it."
            return
        }
        Write-Warning "No tenant has finished for $script:StandstillSeconds seconds. If an instance of the broker was stopped, its work continues on another one, about 75 seconds later."
    }
}
