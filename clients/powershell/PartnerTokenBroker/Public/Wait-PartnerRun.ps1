function Wait-PartnerRun {
    <#
    .SYNOPSIS
    Waits for a run to end, with a progress bar, and returns the run.

    .DESCRIPTION
    If no tenant finishes for 45 seconds, the command warns once: after an instance of the broker was stopped, its work
    continues on another one about 75 seconds later.

    .PARAMETER RunId
    Id of the run.

    .PARAMETER TimeoutSeconds
    Maximum time to wait. Default: no limit. The run continues after a timeout.

    .PARAMETER PollIntervalSeconds
    Time between two requests to the broker.

    .EXAMPLE
    Start-PartnerRun -Job access-check | Wait-PartnerRun -TimeoutSeconds 900

    .LINK
    https://github.com/partner-token-broker/partner-token-broker/blob/main/docs/powershell.md
    #>
    [CmdletBinding()]
    [OutputType('PartnerTokenBroker.Run')]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipelineByPropertyName)] [ValidateNotNullOrEmpty()] [string] $RunId,
        [ValidateRange(0, 604800)] [int] $TimeoutSeconds = 0,
        [ValidateRange(0.1, 600)] [double] $PollIntervalSeconds = 2
    )
    process {
        $endsAt = if ($TimeoutSeconds -gt 0) { (Get-UtcNow).AddSeconds($TimeoutSeconds) } else { [DateTime]::MaxValue }
        $failedInARow = 0
        $standstill = @{}
        try {
            while ($true) {
                $answer = Request-BrokerApi @{ Method = 'GET'; Path = (Get-RunPath $RunId) }
                if (-not $answer.Problem) {
                    $failedInARow = 0
                    $run = ConvertTo-Run $answer.Value
                    if (Test-RunEnded $run) { return $run }
                    Write-RunProgress $run
                    Write-StandstillWarning $standstill $answer.Value
                }
                # A restart or a short network failure must not end a long wait. Five failures in a row do.
                elseif ($answer.Problem.Status -in 400, 401, 403, 404 -or ++$failedInARow -ge 5) { Write-TerminatingError -Problem $answer.Problem }
                if ((Get-UtcNow) -ge $endsAt) { Write-TerminatingError wait_timed_out "The run $RunId did not end within $TimeoutSeconds seconds." }
                Start-Sleep -Milliseconds ([int](1000 * $PollIntervalSeconds))
            }
        }
        finally { Write-Progress -Id 1 -Activity $RunId -Completed }
    }
}
