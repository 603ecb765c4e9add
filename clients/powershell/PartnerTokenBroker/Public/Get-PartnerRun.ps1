function Get-PartnerRun {
    <#
    .SYNOPSIS
    Lists the runs of jobs, or returns one run with its progress and failures.

    .DESCRIPTION
    Needs the role Runs.Read, or Requests.Send, with which it shows your own queries. Pipe a run to Get-PartnerRunResult for its
    rows.

    .PARAMETER RunId
    Id of a run. Only this form returns the failures.

    .PARAMETER Job
    Only runs of this job.

    .PARAMETER First
    Maximum number of runs, newest first.

    .EXAMPLE
    Get-PartnerRun -Job licence-report -First 5

    .EXAMPLE
    (Get-PartnerRun -RunId $run.RunId).Failures | Group-Object Code

    .LINK
    https://github.com/partner-token-broker/partner-token-broker/blob/main/docs/powershell.md
    #>
    [CmdletBinding(DefaultParameterSetName = 'List')]
    [OutputType('PartnerTokenBroker.Run')]
    param(
        [Parameter(Mandatory, Position = 0, ParameterSetName = 'One', ValueFromPipelineByPropertyName)] [ValidateNotNullOrEmpty()] [string] $RunId,
        [Parameter(ParameterSetName = 'List')] [string] $Job,
        [Parameter(ParameterSetName = 'List')] [ValidateRange(1, 500)] [int] $First = 50
    )
    process {
        if ($PSCmdlet.ParameterSetName -eq 'One') {
            return ConvertTo-Run (Invoke-BrokerApi @{ Method = 'GET'; Path = (Get-RunPath $RunId) }).Value
        }
        $query = "limit=$First"
        if ($Job) { $query += "&job=$([Uri]::EscapeDataString($Job))" }
        foreach ($item in @((Invoke-BrokerApi @{ Method = 'GET'; Path = "/runs?$query" }).Value.runs)) { ConvertTo-Run $item }
    }
}
