function Stop-PartnerRun {
    <#
    .SYNOPSIS
    Cancels a run. The broker starts no further tenants.

    .DESCRIPTION
    Needs the role Runs.Write. Tenants that are finished keep their rows.

    .PARAMETER RunId
    Id of the run.

    .EXAMPLE
    Get-PartnerRun | Where-Object Status -eq running | Stop-PartnerRun -WhatIf

    .LINK
    https://github.com/partner-token-broker/partner-token-broker/blob/main/docs/powershell.md
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'Medium')]
    [OutputType([void])]
    param([Parameter(Mandatory, Position = 0, ValueFromPipelineByPropertyName)] [ValidateNotNullOrEmpty()] [string] $RunId)
    process {
        if (-not $PSCmdlet.ShouldProcess($RunId, 'Cancel the run')) { return }
        [void](Invoke-BrokerApi @{ Method = 'POST'; Path = "$(Get-RunPath $RunId)/cancel" })
    }
}
