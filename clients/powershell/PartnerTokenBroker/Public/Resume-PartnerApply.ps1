function Resume-PartnerApply {
    <#
    .SYNOPSIS
    Lets an apply go on that waits for a person after a wave, or because too many tenants failed.

    .DESCRIPTION
    Needs the role Changes.Apply and a rule with changes for these tenants. Get-PartnerPlan says why the apply waits.

    .PARAMETER PlanId
    Id of the plan.

    .PARAMETER WaitsFor
    What it waits for, as Get-PartnerPlan shows it. Nothing that came later is released.

    .PARAMETER Reason
    Why. The plan shows it from then on.

    .EXAMPLE
    Get-PartnerPlan | Where-Object Waits | Resume-PartnerApply -WhatIf

    .LINK
    https://github.com/partner-token-broker/partner-token-broker/blob/main/docs/powershell.md
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')]
    [OutputType([void])]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipelineByPropertyName)] [ValidateNotNullOrEmpty()] [string] $PlanId,
        [Parameter(ValueFromPipelineByPropertyName)] [string] $WaitsFor,
        [string] $Reason
    )
    process {
        if (-not $PSCmdlet.ShouldProcess($PlanId, 'Let the apply go on')) { return }
        $body = @{}
        if ($WaitsFor) { $body.waitsFor = $WaitsFor }
        if ($Reason) { $body.reason = $Reason }
        [void](Invoke-BrokerApi @{ Method = 'POST'; Path = "$(Get-PlanPath $PlanId)/go-on"; Body = $body })
    }
}
