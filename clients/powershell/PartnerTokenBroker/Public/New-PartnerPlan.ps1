function New-PartnerPlan {
    <#
    .SYNOPSIS
    Makes a plan of changes for all delegated tenants or for the given tenants.

    .DESCRIPTION
    A plan only reads. Wait-PartnerRun waits until it is made, Get-PartnerPlan shows what it would change, and
    Start-PartnerApply makes the changes.

    .PARAMETER Job
    Name of a job that changes tenants.

    .PARAMETER Tenant
    Tenant ids, domains, names, group:NAME, tag:NAME or tag:NAME=VALUE. All tenants from the pipeline form one plan. Default: all
    delegated tenants.

    .PARAMETER Except
    Tenants that the plan leaves out, written like -Tenant.

    .PARAMETER Parameters
    Parameters of the job.

    .EXAMPLE
    New-PartnerPlan -Job block-user-consent -Tenant group:pilot | Wait-PartnerRun | Get-PartnerPlan

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
        [hashtable] $Parameters
    )
    begin { $chosen = [Collections.Generic.List[string]]::new() }
    process { if ($Tenant) { $chosen.AddRange($Tenant) } }
    end {
        $value = Start-JobOver $Job 'plans' $chosen $Except $Parameters
        if ($value) { ConvertTo-StartedPlanRun $value $value.runId }
    }
}
