. "$PSScriptRoot/../StandIn.ps1"

enum ExchangeEnvironment { O365Default; O365GermanyCloud; O365China; O365USGovGCCHigh; O365USGovDoD }

$script:Connection = $null

# Source of the parameters: "Connect-ExchangeOnline" (Exchange Online PowerShell, version 3).
function Connect-ExchangeOnline {
    [CmdletBinding()]
    param(
        [Parameter(Position = 0)] [string] $ConnectionUri,
        [Parameter(Position = 1)] [string] $AzureADAuthorizationEndpointUri,
        [Parameter(Position = 2)] [ExchangeEnvironment] $ExchangeEnvironmentName = 'O365Default',
        [Parameter(Position = 3)] [Management.Automation.Remoting.PSSessionOption] $PSSessionOption,
        [Parameter(Position = 4)] [string] $DelegatedOrganization,
        [Parameter(Position = 5)] [string] $Prefix,
        [Parameter(Position = 6)] [string[]] $CommandName,
        [Parameter(Position = 7)] [string[]] $FormatTypeName,
        [string] $AccessToken,
        [string] $AppId,
        [switch] $BypassMailboxAnchoring,
        [Security.Cryptography.X509Certificates.X509Certificate2] $Certificate,
        [string] $CertificateFilePath,
        [securestring] $CertificatePassword,
        [string] $CertificateThumbprint,
        [pscredential] $Credential,
        [switch] $Device,
        [switch] $DisableWAM,
        [switch] $EnableErrorReporting,
        [switch] $InlineCredential,
        [switch] $LoadCmdletHelp,
        [string] $LogDirectoryPath,
        [string] $LogLevel,
        [switch] $ManagedIdentity,
        [string] $ManagedIdentityAccountId,
        [string] $Organization,
        [uint32] $PageSize,
        [switch] $ShowBanner = $true,
        [bool] $ShowProgress,
        [Security.Cryptography.X509Certificates.X509Certificate2] $SigningCertificate,
        [switch] $SkipLoadingCmdletHelp,
        [switch] $SkipLoadingFormatData,
        [bool] $TrackPerformance,
        [bool] $UseMultithreading,
        [string] $UserPrincipalName,
        [switch] $UseRPSSession
    )
    Add-StandInCall Connect-ExchangeOnline $PSBoundParameters
    if (-not ($Organization -or $DelegatedOrganization -or $UserPrincipalName)) {
        throw 'Either one of Organization, DelegatedOrganization or UserPrincipalName should be provided with the AccessToken.'
    }
    if ($ShowBanner) { 'This V3 EXO PowerShell module contains new REST API backed Exchange Online cmdlets.' }
    $script:Connection = [pscustomobject]@{ TenantId = (Get-Claim $AccessToken).tid; Token = $AccessToken }
}

# Source of the parameters: "Connect-IPPSSession" (Exchange Online PowerShell, version 3).
function Connect-IPPSSession {
    [CmdletBinding()]
    param(
        [Parameter(Position = 0)] [string] $ConnectionUri,
        [Parameter(Position = 1)] [string] $AzureADAuthorizationEndpointUri,
        [Parameter(Position = 2)] [string] $DelegatedOrganization,
        [Parameter(Position = 3)] [Management.Automation.Remoting.PSSessionOption] $PSSessionOption,
        [Parameter(Position = 4)] [string] $Prefix,
        [Parameter(Position = 5)] [string[]] $CommandName,
        [Parameter(Position = 6)] [string[]] $FormatTypeName,
        [string] $AccessToken,
        [string] $AppId,
        [switch] $BypassMailboxAnchoring,
        [Security.Cryptography.X509Certificates.X509Certificate2] $Certificate,
        [string] $CertificateThumbprint,
        [pscredential] $Credential,
        [switch] $EnableSearchOnlySession,
        [string] $Organization,
        [switch] $ShowBanner = $true,
        [string] $UserPrincipalName
    )
    Add-StandInCall Connect-IPPSSession $PSBoundParameters
    if ($ShowBanner) { 'This V3 EXO PowerShell module contains new REST API backed cmdlets.' }
    $script:Connection = [pscustomobject]@{ TenantId = (Get-Claim $AccessToken).tid; Token = $AccessToken }
}

function Disconnect-ExchangeOnline { [CmdletBinding(SupportsShouldProcess)] param() $script:Connection = $null }

function Get-EXOMailbox {
    [CmdletBinding()]
    param()
    if ($null -eq $script:Connection) { throw 'You must call the Connect-ExchangeOnline cmdlet before calling any other cmdlets.' }
    $body = @{ CmdletInput = @{ CmdletName = 'Get-Mailbox'; Parameters = @{} } } | ConvertTo-Json -Depth 5
    (Invoke-TestCloud "$((Get-TestCloud).cloud.exchange)/adminapi/beta/$($script:Connection.TenantId)/InvokeCommand" $script:Connection.Token POST $body).value
}
