function Get-PartnerJob {
    <#
    .SYNOPSIS
    Lists the jobs of the broker and their schedules.

    .DESCRIPTION
    Needs the role Runs.Read. Jobs without a schedule run when somebody starts them, with Start-PartnerRun.

    .PARAMETER Job
    Name of a job, with or without wildcards. Default: all jobs.

    .EXAMPLE
    Get-PartnerJob

    .LINK
    https://github.com/partner-token-broker/partner-token-broker/blob/main/docs/powershell.md
    #>
    [CmdletBinding()]
    [OutputType('PartnerTokenBroker.Job')]
    param([Parameter(Position = 0)] [SupportsWildcards()] [string] $Job = '*')
    $value = (Invoke-BrokerApi @{ Method = 'GET'; Path = '/jobs' }).Value
    foreach ($item in @($value.jobs)) { if ($item.name -like $Job) { ConvertTo-Job $item } }
}
