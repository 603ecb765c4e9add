# Reports how a query ended: an error for each tenant that failed, a warning for rows that are missing. Ends the running command
# with an error if the query as a whole did not come to its end.
function Write-QueryOutcome([string] $RunId, [bool] $AllPages) {
    $item = (Invoke-BrokerApi @{ Method = 'GET'; Path = (Get-RunPath $RunId); Patient = $true }).Value
    $stop = Get-Field $item 'stoppedBy'
    if ($stop) { Write-TerminatingError -Problem (ConvertTo-Problem -Document $stop) }
    if ($item.status -ne 'completed') { Write-TerminatingError run_cancelled "The query $RunId was cancelled, so its rows are not all." }
    foreach ($warning in @(Get-Field $item 'warnings')) { if ($warning) { Write-Warning $warning } }
    Write-MissingRowWarning $RunId $AllPages
    foreach ($failure in @((ConvertTo-Run $item).Failures)) {
        if ($null -eq $failure) { continue }
        Write-TenantError (ConvertTo-Problem -Document $failure) $failure.TenantId $failure.Name
    }
}

function Write-MissingRowWarning([string] $RunId, [bool] $AllPages) {
    $tenants = (Invoke-BrokerApi @{ Method = 'GET'; Path = "$(Get-RunPath $RunId)/tenants?outcome=succeeded"; Patient = $true }).Value.tenants
    $cut = @($tenants | Where-Object { Get-Field $_ 'more' })
    if ($cut.Count -eq 0) { return }
    $which = if ($cut.Count -eq 1) { $cut[0].name } else { "$($cut.Count) tenants, for example $($cut[0].name)" }
    $advice = if ($AllPages) { '' } else { ' -AllPages reads them.' }
    Write-Warning "Microsoft Graph has more rows: $which. $(Get-Field $cut[0] 'detail')$advice"
}
