. "$PSScriptRoot/../StandIn.ps1"

$script:Connection = $null

# Source of the parameter sets: "Connect-MgGraph" (Microsoft Graph PowerShell, version 2).
function Connect-MgGraph {
    [CmdletBinding(DefaultParameterSetName = 'UserParameterSet')]
    param(
        [Parameter(ParameterSetName = 'UserParameterSet', Position = 1)] [string[]] $Scopes,
        [Parameter(ParameterSetName = 'UserParameterSet')] [switch] $UseDeviceCode,
        [Parameter(ParameterSetName = 'UserParameterSet')] [string] $LoginHint,
        [Parameter(ParameterSetName = 'UserParameterSet')]
        [Parameter(ParameterSetName = 'AppCertificateParameterSet', Mandatory, Position = 1)]
        [Parameter(ParameterSetName = 'IdentityParameterSet')] [string] $ClientId,
        [Parameter(ParameterSetName = 'AppCertificateParameterSet', Position = 2)] [string] $CertificateSubjectName,
        [Parameter(ParameterSetName = 'AppCertificateParameterSet', Position = 3)] [string] $CertificateThumbprint,
        [Parameter(ParameterSetName = 'AppCertificateParameterSet')] [bool] $SendCertificateChain,
        [Parameter(ParameterSetName = 'AppCertificateParameterSet')] [Security.Cryptography.X509Certificates.X509Certificate2] $Certificate,
        [Parameter(ParameterSetName = 'IdentityParameterSet', Mandatory)] [switch] $Identity,
        [Parameter(ParameterSetName = 'AppSecretCredentialParameterSet', Mandatory)] [pscredential] $ClientSecretCredential,
        [Parameter(ParameterSetName = 'AccessTokenParameterSet', Mandatory, Position = 1)] [securestring] $AccessToken,
        [Parameter(ParameterSetName = 'EnvironmentVariableParameterSet', Mandatory)] [switch] $EnvironmentVariable,
        [Parameter(ParameterSetName = 'UserParameterSet')]
        [Parameter(ParameterSetName = 'AppCertificateParameterSet')]
        [Parameter(ParameterSetName = 'AppSecretCredentialParameterSet')] [string] $TenantId,
        [Parameter(ParameterSetName = 'UserParameterSet')]
        [Parameter(ParameterSetName = 'AppCertificateParameterSet')]
        [Parameter(ParameterSetName = 'IdentityParameterSet')]
        [Parameter(ParameterSetName = 'AppSecretCredentialParameterSet')]
        [Parameter(ParameterSetName = 'EnvironmentVariableParameterSet')] [ValidateSet('Process', 'CurrentUser')] [string] $ContextScope,
        [ValidateSet('Global', 'China', 'USGov', 'USGovDoD', 'Germany')] [string] $Environment,
        [double] $ClientTimeout,
        [switch] $NoWelcome,
        [switch] $Break
    )
    Add-StandInCall Connect-MgGraph $PSBoundParameters
    if ($PSCmdlet.ParameterSetName -ne 'AccessTokenParameterSet') { throw 'The stand-in supports access tokens only.' }
    $token = [Net.NetworkCredential]::new('', $AccessToken).Password
    $script:Connection = [pscustomobject]@{ TenantId = (Get-Claim $token).tid; AuthType = 'UserProvidedAccessToken'; Token = $AccessToken }
    if (-not $NoWelcome) { 'Welcome to Microsoft Graph!' }
}

function Disconnect-MgGraph { [CmdletBinding()] param() $script:Connection = $null }

function Get-MgContext { [CmdletBinding()] param() $script:Connection }

function Invoke-MgGraphRequest {
    [CmdletBinding()]
    param([string] $Method = 'GET', [Parameter(Mandatory)] [string] $Uri)
    if ($null -eq $script:Connection) { throw 'Authentication needed. Please call Connect-MgGraph.' }
    Invoke-TestCloud "$((Get-TestCloud).cloud.graph)$Uri" ([Net.NetworkCredential]::new('', $script:Connection.Token).Password) $Method
}
