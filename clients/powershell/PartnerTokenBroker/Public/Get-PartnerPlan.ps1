function Get-PartnerPlan {
    <#
    .SYNOPSIS
    Lists plans of changes, or returns one plan with what it would change and what became of it.

    .DESCRIPTION
    Get-PartnerRunResult returns every change: with the id of a plan those that it would make, and with the RunId of its apply
    what became of each.

    .PARAMETER PlanId
    Id of a plan. Only this form returns the changes and, after an apply, the outcomes.

    .PARAMETER First
    Maximum number of plans, newest first.

    .EXAMPLE
    Get-PartnerPlan -First 5

    .EXAMPLE
    (Get-PartnerPlan -PlanId $plan.PlanId).Changes | Format-List

    .LINK
    https://github.com/partner-token-broker/partner-token-broker/blob/main/docs/powershell.md
    #>
    [CmdletBinding(DefaultParameterSetName = 'List')]
    [OutputType('PartnerTokenBroker.Plan')]
    param(
        [Parameter(Mandatory, Position = 0, ParameterSetName = 'One', ValueFromPipelineByPropertyName)]
        [Alias('RunId')] [ValidateNotNullOrEmpty()] [string] $PlanId,
        [Parameter(ParameterSetName = 'List')] [ValidateRange(1, 200)] [int] $First = 50
    )
    process {
        if ($PSCmdlet.ParameterSetName -eq 'One') {
            return ConvertTo-Plan (Invoke-BrokerApi @{ Method = 'GET'; Path = (Get-PlanPath $PlanId) }).Value
        }
        foreach ($item in @((Invoke-BrokerApi @{ Method = 'GET'; Path = "/plans?limit=$First" }).Value.plans)) { ConvertTo-Plan $item }
    }
}
