. "$PSScriptRoot/../StandIn.ps1"

enum AzureEnvironment { AzureCloud; AzureChinaCloud; AzureGermanyCloud; USGovernment; AzurePPE }

$script:Connection = $null

# Source of the parameter sets: "Connect-MsolService" (MSOnline).
function Connect-MsolService {
    [CmdletBinding(DefaultParameterSetName = 'None__0')]
    param(
        [Parameter(ParameterSetName = 'Credential')] [pscredential] $Credential,
        [Parameter(ParameterSetName = 'AccessToken')] [string] $AdGraphAccessToken,
        [Parameter(ParameterSetName = 'AccessToken')] [string] $MsGraphAccessToken,
        [AzureEnvironment] $AzureEnvironment = 'AzureCloud'
    )
    Add-StandInCall Connect-MsolService $PSBoundParameters
    if ($PSCmdlet.ParameterSetName -ne 'AccessToken') { throw 'The stand-in supports access tokens only.' }
    $script:Connection = [pscustomobject]@{ TenantId = (Get-Claim $AdGraphAccessToken).tid; Token = $AdGraphAccessToken }
}

function Get-MsolCompanyInformation {
    [CmdletBinding()]
    param()
    if ($null -eq $script:Connection) { throw 'You must call the Connect-MsolService cmdlet before calling any other cmdlets.' }
    (Invoke-TestCloud "$((Get-TestCloud).cloud.aadGraph)/$($script:Connection.TenantId)/tenantDetails?api-version=1.6" $script:Connection.Token).value
}
