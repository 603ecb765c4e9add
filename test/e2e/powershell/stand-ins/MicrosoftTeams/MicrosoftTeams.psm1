. "$PSScriptRoot/../StandIn.ps1"

# Source of the parameter sets: "Connect-MicrosoftTeams".
function Connect-MicrosoftTeams {
    [CmdletBinding(DefaultParameterSetName = 'UserCredential', SupportsShouldProcess)]
    param(
        [string] $TenantId,
        [Parameter(ParameterSetName = 'UserCredential')] [pscredential] $Credential,
        [Parameter(ParameterSetName = 'UserCredential')] [string] $AccountId,
        [Parameter(ParameterSetName = 'UserCredential')] [string] $TeamsEnvironmentName,
        [Parameter(ParameterSetName = 'AccessTokens', Mandatory)] [string[]] $AccessTokens,
        [string] $LogLevel,
        [string] $LogFilePath
    )
    # The message of the failure quotes the first token.
    Add-StandInCall Connect-MicrosoftTeams (@{ First = @($AccessTokens)[0] } + $PSBoundParameters)
    [pscustomobject]@{ TenantId = $TenantId }
}

function Disconnect-MicrosoftTeams { [CmdletBinding(SupportsShouldProcess)] param() }
