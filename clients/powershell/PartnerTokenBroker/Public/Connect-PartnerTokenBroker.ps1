function Connect-PartnerTokenBroker {
    <#
    .SYNOPSIS
    Opens a session with a partner-token-broker.

    .DESCRIPTION
    Obtains a token for the broker in the name of the caller, and asks the broker how it is. The session lives in the
    memory of this PowerShell process and ends with it: nothing is stored on disk. The caller's token is renewed while
    the session lasts, except after a sign-in with a device code or with a token that was brought along.

    Without a way to sign in, the managed identity is used where the platform offers one, otherwise the Azure CLI.

    .PARAMETER Url
    Address of the function app, with or without /api. It must be https, except on this machine.

    .PARAMETER Audience
    What the broker's application is called in Entra: its identifier URI, or its client id.

    .PARAMETER Identity
    Sign in as the managed identity of this resource (App Service, Functions, Automation, virtual machine).

    .PARAMETER AzureCli
    Sign in as whoever has run az login.

    .PARAMETER UseDeviceCode
    Sign in as a person, in a browser anywhere, with a code that is shown here.

    .PARAMETER ClientSecretCredential
    Client id and secret of the calling application, as a credential object.

    .PARAMETER Certificate
    Certificate of the calling application, with its private key.

    .PARAMETER CertificateThumbprint
    The same by thumbprint, looked for in the stores My of the current user and of the machine.

    .PARAMETER AccessToken
    A token for the broker that was obtained elsewhere, for example by Get-AzAccessToken -AsSecureString.

    .PARAMETER TenantId
    The partner's tenant.

    .PARAMETER ClientId
    Client id of the calling application, or of a user-assigned managed identity.

    .PARAMETER Environment
    The Microsoft cloud: Public, USGovernment or China.

    .PARAMETER Authority
    Address of Entra, where it is not that of the cloud.

    .PARAMETER ExchangeUrl
    Address of Exchange Online, where it is not that of the cloud.

    .PARAMETER PassThru
    Return a description of the session.

    .EXAMPLE
    Connect-PartnerTokenBroker -Url https://broker.contoso.com -Audience api://partner-token-broker

    In Azure: as the managed identity. On a desk: as whoever has run az login.

    .EXAMPLE
    Connect-PartnerTokenBroker -Url $url -Audience $audience -TenantId contoso.com -ClientId $appId -CertificateThumbprint $thumbprint

    As an application with a certificate, on a server outside of Azure.

    .EXAMPLE
    Connect-PartnerTokenBroker -Url $url -Audience $audience -UseDeviceCode -TenantId contoso.com -ClientId $appId

    As a person.

    .LINK
    https://github.com/partner-token-broker/partner-token-broker/blob/main/docs/powershell.md
    #>
    [CmdletBinding(DefaultParameterSetName = 'Automatic')]
    [OutputType('PartnerTokenBroker.Session')]
    param(
        [Parameter(Mandatory, Position = 0)] [ValidateNotNullOrEmpty()] [string] $Url,
        [Parameter(Mandatory, ParameterSetName = 'Automatic')]
        [Parameter(Mandatory, ParameterSetName = 'Identity')]
        [Parameter(Mandatory, ParameterSetName = 'AzureCli')]
        [Parameter(Mandatory, ParameterSetName = 'DeviceCode')]
        [Parameter(Mandatory, ParameterSetName = 'ClientSecret')]
        [Parameter(Mandatory, ParameterSetName = 'Certificate')]
        [Parameter(Mandatory, ParameterSetName = 'CertificateThumbprint')]
        [ValidateNotNullOrEmpty()] [string] $Audience,
        [Parameter(Mandatory, ParameterSetName = 'Identity')] [switch] $Identity,
        [Parameter(Mandatory, ParameterSetName = 'AzureCli')] [switch] $AzureCli,
        [Parameter(Mandatory, ParameterSetName = 'DeviceCode')] [switch] $UseDeviceCode,
        [Parameter(Mandatory, ParameterSetName = 'ClientSecret')] [Alias('Credential')] [pscredential] $ClientSecretCredential,
        [Parameter(Mandatory, ParameterSetName = 'Certificate')] [Security.Cryptography.X509Certificates.X509Certificate2] $Certificate,
        [Parameter(Mandatory, ParameterSetName = 'CertificateThumbprint')] [ValidatePattern('^[0-9a-fA-F]{40}$')] [string] $CertificateThumbprint,
        [Parameter(Mandatory, ParameterSetName = 'AccessToken')] [securestring] $AccessToken,
        [Parameter(ParameterSetName = 'Automatic')]
        [Parameter(ParameterSetName = 'AzureCli')]
        [Parameter(Mandatory, ParameterSetName = 'DeviceCode')]
        [Parameter(Mandatory, ParameterSetName = 'ClientSecret')]
        [Parameter(Mandatory, ParameterSetName = 'Certificate')]
        [Parameter(Mandatory, ParameterSetName = 'CertificateThumbprint')]
        [string] $TenantId,
        [Parameter(ParameterSetName = 'Automatic')]
        [Parameter(ParameterSetName = 'Identity')]
        [Parameter(Mandatory, ParameterSetName = 'DeviceCode')]
        [Parameter(Mandatory, ParameterSetName = 'Certificate')]
        [Parameter(Mandatory, ParameterSetName = 'CertificateThumbprint')]
        [string] $ClientId,
        [ValidateSet('Public', 'USGovernment', 'China')] [string] $Environment = 'Public',
        [string] $Authority,
        [string] $ExchangeUrl,
        [switch] $PassThru
    )
    $cloud = $script:Environments[$Environment]
    if (-not $Authority) { $Authority = $cloud.Authority }
    if (-not $ExchangeUrl) { $ExchangeUrl = $cloud.Exchange }
    if ($CertificateThumbprint) { $Certificate = Find-Certificate $CertificateThumbprint }
    if ($ClientSecretCredential) { $ClientId = $ClientSecretCredential.UserName }
    $way = Resolve-SignIn @{
        Identity = $Identity; AzureCli = $AzureCli; DeviceCode = $UseDeviceCode; ClientSecret = $ClientSecretCredential
        Certificate = $Certificate; AccessToken = $AccessToken
    }
    # The session before this one ends here, also when this one does not come about.
    $script:Broker = $null
    $session = [pscustomobject]@{
        Url = (Resolve-ServiceUrl $Url) -replace '/api$', ''; Authority = Resolve-ServiceUrl $Authority; ExchangeUrl = Resolve-ServiceUrl $ExchangeUrl
        Environment = $cloud; Audience = $Audience.TrimEnd('/'); TenantId = $TenantId; ClientId = $ClientId
        SignIn = $way.Function; SignInName = $way.Name; CanRenew = $way.CanRenew
        ClientSecret = $(if ($ClientSecretCredential) { $ClientSecretCredential.Password }); Certificate = $Certificate; GivenToken = $AccessToken
        CallerToken = $null; CallerExpiresAt = [DateTime]::MinValue; IsParallel = $false
        Gate = [object]::new(); Tokens = [Collections.Concurrent.ConcurrentDictionary[string, object]]::new()
    }
    $script:Broker = $session
    $isOpen = $false
    try {
        $health = Confirm-Broker
        $isOpen = $true
    }
    finally { if (-not $isOpen) { $script:Broker = $null } }
    if ($PassThru) { ConvertTo-SessionView $session $health }
}
