function Get-PartnerJob {
    <#
    .SYNOPSIS
    Lists the jobs that the broker can run over the tenants, and when each runs by itself.

    .PARAMETER Job
    Name of a job; wildcards may be used. Without it: all.

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
