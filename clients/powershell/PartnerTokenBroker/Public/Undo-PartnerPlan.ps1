function Undo-PartnerPlan {
    <#
    .SYNOPSIS
    Makes a plan that takes back what the apply of a plan changed.

    .DESCRIPTION
    The new plan is shown and applied like any other. What is no longer as it was applied is left alone.

    .PARAMETER PlanId
    Id of the plan that was applied.

    .EXAMPLE
    Undo-PartnerPlan -PlanId $plan.PlanId | Wait-PartnerRun | Get-PartnerPlan

    .LINK
    https://github.com/partner-token-broker/partner-token-broker/blob/main/docs/powershell.md
    #>
    [CmdletBinding(SupportsShouldProcess)]
    [OutputType('PartnerTokenBroker.StartedRun')]
    param([Parameter(Mandatory, Position = 0, ValueFromPipelineByPropertyName)] [ValidateNotNullOrEmpty()] [string] $PlanId)
    process {
        if (-not $PSCmdlet.ShouldProcess($PlanId, 'Make a plan to undo it')) { return }
        $value = (Invoke-BrokerApi @{ Method = 'POST'; Path = "$(Get-PlanPath $PlanId)/undo"; Start = $true }).Value
        ConvertTo-StartedPlanRun $value $value.runId
    }
}
