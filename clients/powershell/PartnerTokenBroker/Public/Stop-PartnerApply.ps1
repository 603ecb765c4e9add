function Stop-PartnerApply {
    <#
    .SYNOPSIS
    Ends an apply. The broker begins no further tenant; what was sent gets its outcome.

    .DESCRIPTION
    Needs the role Changes.Apply. Nothing is taken back: Undo-PartnerPlan does that.

    .PARAMETER PlanId
    Id of the plan.

    .EXAMPLE
    Stop-PartnerApply -PlanId $plan.PlanId

    .LINK
    https://github.com/partner-token-broker/partner-token-broker/blob/main/docs/powershell.md
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'Medium')]
    [OutputType([void])]
    param([Parameter(Mandatory, Position = 0, ValueFromPipelineByPropertyName)] [ValidateNotNullOrEmpty()] [string] $PlanId)
    process {
        if (-not $PSCmdlet.ShouldProcess($PlanId, 'End the apply')) { return }
        [void](Invoke-BrokerApi @{ Method = 'POST'; Path = "$(Get-PlanPath $PlanId)/end" })
    }
}
