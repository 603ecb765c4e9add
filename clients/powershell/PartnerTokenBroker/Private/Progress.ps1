function Write-RunProgress($Run) {
    $percent = if ($Run.Total -gt 0) { [int](100 * $Run.Done / $Run.Total) } else { 0 }
    $text = if ($Run.Outcome -eq 'starting') { 'listing the tenants' } else { "$($Run.Done) of $($Run.Total) tenants, $($Run.Failed) failed, $($Run.Outcome -replace '_', ' ')" }
    Write-Progress -Id 1 -Activity $Run.RunId -Status $text -PercentComplete ([Math]::Min(100, $percent))
}
