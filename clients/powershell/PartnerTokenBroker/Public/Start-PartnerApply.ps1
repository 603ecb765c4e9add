function Start-PartnerApply {
    <#
    .SYNOPSIS
    Applies a plan: makes its changes, once, in waves of tenants.

    .DESCRIPTION
    A tenant that is not as planned any more is left alone. Get-PartnerPlan shows how far the apply is, and whether it waits for
    a person: Resume-PartnerApply lets it go on, and Stop-PartnerApply ends it.

    If the policy asks for an approval, the command fails with approval_pending. Run the same command again afterwards.

    .PARAMETER PlanId
    Id of the plan.

    .PARAMETER Waves
    Parts of the tenants that have changes, one after another: group:NAME, tag:NAME, a tenant, or a share such as 10%. Together
    they are all tenants. Default: 10%, 100%.

    .PARAMETER MaxFailed
    Tenants that may fail before no further one is begun. Default: 3. None may in the first wave.

    .PARAMETER MaxUnclear
    Tenants in which it may be unknown whether a change was made. Default: 1.

    .PARAMETER PauseMinutes
    Time for which a wave is left alone before it is read again and the next one begins. Default: 60.

    .PARAMETER NoConfirm
    The next wave begins without a person.

    .PARAMETER Reason
    Why. The people who approve it read it.

    .PARAMETER AskAgain
    Ask for a new approval if the last one for this plan has ended.

    .EXAMPLE
    Start-PartnerApply -PlanId $plan.PlanId -Waves group:pilot, 100% -MaxFailed 0

    .LINK
    https://github.com/partner-token-broker/partner-token-broker/blob/main/docs/powershell.md
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')]
    [OutputType('PartnerTokenBroker.StartedRun')]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipelineByPropertyName)] [ValidateNotNullOrEmpty()] [string] $PlanId,
        [string[]] $Waves,
        [ValidateRange(0, 100000)] [int] $MaxFailed,
        [ValidateRange(0, 100000)] [int] $MaxUnclear,
        [ValidateRange(0, 7200)] [int] $PauseMinutes,
        [switch] $NoConfirm,
        [string] $Reason,
        [switch] $AskAgain
    )
    process {
        if (-not $PSCmdlet.ShouldProcess($PlanId, 'Apply the plan')) { return }
        $body = @{ stop = @{} }
        if ($Waves) { $body.waves = @(foreach ($wave in $Waves) { if ($wave -match '%$') { $wave } else { Resolve-TenantName $wave } }) }
        if ($PSBoundParameters.ContainsKey('MaxFailed')) { $body.stop.failed = $MaxFailed }
        if ($PSBoundParameters.ContainsKey('MaxUnclear')) { $body.stop.unclear = $MaxUnclear }
        if ($PSBoundParameters.ContainsKey('PauseMinutes')) { $body.pauseMinutes = $PauseMinutes }
        if ($NoConfirm) { $body.confirmWaves = $false }
        if ($Reason) { $body.reason = $Reason }
        if ($AskAgain) { $body.askAgain = $true }
        $value = (Invoke-BrokerApi @{ Method = 'POST'; Path = "$(Get-PlanPath $PlanId)/apply"; Body = $body }).Value
        ConvertTo-StartedPlanRun $value $PlanId
    }
}
