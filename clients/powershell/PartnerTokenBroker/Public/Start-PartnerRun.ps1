function Start-PartnerRun {
    <#
    .SYNOPSIS
    Starts a run of a job, over all delegated tenants or over chosen ones.

    .PARAMETER Job
    Name of the job, as Get-PartnerJob lists it.

    .PARAMETER Tenant
    Tenant ids or default domains. All that come down the pipeline make one run. Without it: all delegated tenants.

    .PARAMETER Parameters
    Parameters of the job.

    .PARAMETER Window
    Makes the run the only one of its job under this name: a second start with the same window is refused.

    .EXAMPLE
    Start-PartnerRun -Job licence-report | Wait-PartnerRun | Get-PartnerRunResult

    .EXAMPLE
    Get-PartnerTenant -Tenant con* | Start-PartnerRun -Job access-check -Parameters @{ resources = @('exchange') }

    .LINK
    https://github.com/partner-token-broker/partner-token-broker/blob/main/docs/powershell.md
    #>
    [CmdletBinding(SupportsShouldProcess)]
    [OutputType('PartnerTokenBroker.StartedRun')]
    param(
        [Parameter(Mandatory, Position = 0)] [ValidateNotNullOrEmpty()] [string] $Job,
        [Parameter(Position = 1, ValueFromPipeline, ValueFromPipelineByPropertyName)]
        [Alias('TenantId', 'CustomerId', 'DefaultDomain', 'DefaultDomainName')] [string[]] $Tenant,
        [hashtable] $Parameters,
        [string] $Window
    )
    begin { $chosen = [Collections.Generic.List[string]]::new() }
    process { if ($Tenant) { $chosen.AddRange($Tenant) } }
    end {
        # A pipeline that brought nothing means no tenant, which must not become all of them.
        if ($MyInvocation.ExpectingInput -and $chosen.Count -eq 0) {
            Write-Warning 'No tenant came down the pipeline, so no run was started.'
            return
        }
        $what = if ($chosen.Count -eq 0) { 'all delegated tenants' } elseif ($chosen.Count -eq 1) { $chosen[0] } else { "$($chosen.Count) tenants" }
        if (-not $PSCmdlet.ShouldProcess($what, "Start a run of the job $Job")) { return }
        $body = @{}
        if ($chosen.Count -gt 0) { $body.tenants = @($chosen) }
        if ($Parameters) { $body.parameters = $Parameters }
        if ($Window) { $body.window = $Window }
        $value = (Invoke-BrokerApi @{ Method = 'POST'; Path = "/jobs/$([Uri]::EscapeDataString($Job))/runs"; Body = $body }).Value
        [pscustomobject]@{ PSTypeName = 'PartnerTokenBroker.StartedRun'; RunId = $value.runId; Job = $Job; Status = $value.status }
    }
}
