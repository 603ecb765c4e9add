. "$PSScriptRoot/../StandIn.ps1"

enum EnvironmentName { AzureCloud; AzureChinaCloud; AzureUSGovernment; AzureGermanyCloud; AzurePPE }

$script:Connection = $null

# Source of the parameter sets: "Connect-AzureAD" (AzureAD).
function Connect-AzureAD {
    [CmdletBinding(DefaultParameterSetName = 'User', SupportsShouldProcess)]
    param(
        [EnvironmentName] $AzureEnvironmentName = 'AzureCloud',
        [Parameter(ParameterSetName = 'User')]
        [Parameter(ParameterSetName = 'ServicePrincipalCertificate', Mandatory)]
        [Parameter(ParameterSetName = 'AccessToken')] [Alias('Domain', 'TenantDomain')] [string] $TenantId,
        [Parameter(ParameterSetName = 'User')] [pscredential] $Credential,
        [Parameter(ParameterSetName = 'ServicePrincipalCertificate', Mandatory)] [string] $CertificateThumbprint,
        [Parameter(ParameterSetName = 'ServicePrincipalCertificate', Mandatory)] [string] $ApplicationId,
        [Parameter(ParameterSetName = 'AccessToken', Mandatory)] [string] $AadAccessToken,
        [Parameter(ParameterSetName = 'AccessToken')] [string] $MsAccessToken,
        [Parameter(ParameterSetName = 'AccessToken', Mandatory)]
        [Parameter(ParameterSetName = 'User')] [string] $AccountId,
        [ValidateSet('Info', 'Error', 'Warning', 'None')] [string] $LogLevel,
        [string] $LogFilePath
    )
    Add-StandInCall Connect-AzureAD $PSBoundParameters
    if ($PSCmdlet.ParameterSetName -ne 'AccessToken') { throw 'The stand-in supports access tokens only.' }
    $script:Connection = [pscustomobject]@{ Account = $AccountId; TenantId = $TenantId; Token = $AadAccessToken }
    [pscustomobject]@{ Account = $AccountId; Environment = $AzureEnvironmentName; TenantId = $TenantId }
}

function Disconnect-AzureAD { [CmdletBinding(SupportsShouldProcess)] param() $script:Connection = $null }

function Get-AzureADTenantDetail {
    [CmdletBinding()]
    param()
    if ($null -eq $script:Connection) { throw 'You must call the Connect-AzureAD cmdlet before calling any other cmdlets.' }
    (Invoke-TestCloud "$((Get-TestCloud).cloud.aadGraph)/$($script:Connection.TenantId)/tenantDetails?api-version=1.6" $script:Connection.Token).value
}
