function Start-PartnerRun {
    <#
    .SYNOPSIS
    Starts a run of a job for all delegated tenants or for the given tenants.

    .DESCRIPTION
    Needs the role Runs.Write. Returns at once; Wait-PartnerRun waits for the end, and Get-PartnerRunResult returns the rows.

    .PARAMETER Job
    Name of the job, see Get-PartnerJob.

    .PARAMETER Tenant
    Tenant ids, domains, names, group:NAME, tag:NAME or tag:NAME=VALUE. All tenants from the pipeline form one run. Default: all
    delegated tenants.

    .PARAMETER Except
    Tenants that the run leaves out, written like -Tenant.

    .PARAMETER Parameters
    Parameters of the job.

    .PARAMETER Window
    Name that is unique per job. The broker rejects a second run of the job with the same window.

    .EXAMPLE
    Start-PartnerRun -Job licence-report | Wait-PartnerRun | Get-PartnerRunResult

    .EXAMPLE
    Get-PartnerTenant -Tenant con* | Start-PartnerRun -Job access-check -Parameters @{ resources = @('exchange') }

    .EXAMPLE
    Start-PartnerRun -Job licence-report -Tenant group:gold -Except tag:trial

    .LINK
    https://github.com/partner-token-broker/partner-token-broker/blob/main/docs/powershell.md
    #>
    [CmdletBinding(SupportsShouldProcess)]
    [OutputType('PartnerTokenBroker.StartedRun')]
    param(
        [Parameter(Mandatory, Position = 0)] [ValidateNotNullOrEmpty()] [string] $Job,
        [Parameter(Position = 1, ValueFromPipeline, ValueFromPipelineByPropertyName)]
        [Alias('TenantId', 'CustomerId', 'DefaultDomain', 'DefaultDomainName')] [string[]] $Tenant,
        [string[]] $Except,
        [hashtable] $Parameters,
        [string] $Window
    )
    begin { $chosen = [Collections.Generic.List[string]]::new() }
    process { if ($Tenant) { $chosen.AddRange($Tenant) } }
    end {
        $value = Start-JobOver $Job 'runs' $chosen $Except $Parameters $Window
        if ($value) { [pscustomobject]@{ PSTypeName = 'PartnerTokenBroker.StartedRun'; RunId = $value.runId; Job = $Job; Status = $value.status } }
    }
}
