. "$PSScriptRoot/../StandIn.ps1"

$script:Connection = $null

# Source of the parameter sets: "Connect-AzAccount" (Az.Accounts). Only the sign-in with tokens is implemented.
function Connect-AzAccount {
    [CmdletBinding(DefaultParameterSetName = 'UserWithSubscriptionId', SupportsShouldProcess)]
    param(
        [string] $Environment,
        [Parameter(ParameterSetName = 'ServicePrincipalWithSubscriptionId', Mandatory)]
        [Parameter(ParameterSetName = 'UserWithCredential')] [pscredential] $Credential,
        [Parameter(ParameterSetName = 'ServicePrincipalCertificateWithSubscriptionId', Mandatory)] [string] $CertificateThumbprint,
        [Parameter(ParameterSetName = 'ServicePrincipalCertificateWithSubscriptionId', Mandatory)]
        [Parameter(ParameterSetName = 'ClientAssertionParameterSet', Mandatory)] [string] $ApplicationId,
        [Parameter(ParameterSetName = 'ServicePrincipalWithSubscriptionId', Mandatory)]
        [Parameter(ParameterSetName = 'ServicePrincipalCertificateWithSubscriptionId')]
        [Parameter(ParameterSetName = 'ClientAssertionParameterSet', Mandatory)] [switch] $ServicePrincipal,
        [Parameter(ParameterSetName = 'ClientAssertionParameterSet', Mandatory)] [string] $FederatedToken,
        [Alias('Domain', 'TenantId')] [string] $Tenant,
        [Parameter(ParameterSetName = 'AccessTokenWithSubscriptionId', Mandatory)] [string] $AccessToken,
        [Parameter(ParameterSetName = 'AccessTokenWithSubscriptionId')] [string] $GraphAccessToken,
        [Parameter(ParameterSetName = 'AccessTokenWithSubscriptionId')] [string] $MicrosoftGraphAccessToken,
        [Parameter(ParameterSetName = 'AccessTokenWithSubscriptionId')] [string] $KeyVaultAccessToken,
        [Parameter(ParameterSetName = 'AccessTokenWithSubscriptionId', Mandatory)]
        [Parameter(ParameterSetName = 'ManagedServiceLogin')]
        [Parameter(ParameterSetName = 'UserWithSubscriptionId')] [string] $AccountId,
        [Parameter(ParameterSetName = 'ManagedServiceLogin', Mandatory)] [switch] $Identity,
        [string] $Subscription,
        [Parameter(ParameterSetName = 'UserWithSubscriptionId')] [switch] $UseDeviceAuthentication,
        [string] $ContextName,
        [Parameter(ParameterSetName = 'AccessTokenWithSubscriptionId')] [switch] $SkipValidation,
        [switch] $SkipContextPopulation,
        [int] $MaxContextPopulation,
        [switch] $Force,
        [ValidateSet('Process', 'CurrentUser')] [string] $Scope,
        [object] $DefaultProfile
    )
    Add-StandInCall Connect-AzAccount $PSBoundParameters
    if ($PSCmdlet.ParameterSetName -ne 'AccessTokenWithSubscriptionId') { throw 'The stand-in supports access tokens only.' }
    if (-not $PSCmdlet.ShouldProcess($AccountId, 'log in')) { return }
    $script:Connection = [pscustomobject]@{ Account = $AccountId; Tenant = $Tenant; Token = $AccessToken }
    [pscustomobject]@{ Context = [pscustomobject]@{ Account = $AccountId; Tenant = $Tenant } }
}

function Disconnect-AzAccount {
    [CmdletBinding(DefaultParameterSetName = 'UserId', SupportsShouldProcess)]
    param([string] $Username, [ValidateSet('Process', 'CurrentUser')] [string] $Scope)
    Add-StandInCall Disconnect-AzAccount $PSBoundParameters
    $script:Connection = $null
}

function Get-AzSubscription {
    [CmdletBinding()]
    param()
    if ($null -eq $script:Connection) { throw 'Run Connect-AzAccount to login.' }
    (Invoke-TestCloud "$((Get-TestCloud).cloud.arm)/subscriptions?api-version=2022-12-01" $script:Connection.Token).value
}
