function Connect-PartnerTokenBroker {
    <#
    .SYNOPSIS
    Opens a session with a partner-token-broker.

    .DESCRIPTION
    Gets a token for the broker in the name of the caller and checks the health of the broker. The session exists only in
    the memory of this PowerShell process. Nothing is stored on disk. The caller's token is renewed during the session,
    except after a sign-in with a device code or with -AccessToken. If the command fails, the session that was open stays, with
    a warning.

    Without a sign-in parameter, the command uses the managed identity if the platform offers one, otherwise the Azure CLI.

    .PARAMETER Url
    URL of the function app, with or without /api. It must use https, except on this machine.

    .PARAMETER Audience
    App ID URI or client id of the broker's own application in Entra.

    .PARAMETER Identity
    Sign in as the managed identity of this resource (App Service, Functions, Automation, virtual machine).

    .PARAMETER AzureCli
    Sign in with the account of az login.

    .PARAMETER UseDeviceCode
    Sign in as a user. The command shows a code to enter in a browser on any device.

    .PARAMETER ClientSecretCredential
    Client id and secret of the calling application, as a credential object.

    .PARAMETER Certificate
    Certificate of the calling application, with its private key.

    .PARAMETER CertificateThumbprint
    Thumbprint of such a certificate in the store My of the current user or of the machine.

    .PARAMETER AccessToken
    An existing token for the broker, for example from Get-AzAccessToken -AsSecureString.

    .PARAMETER Demo
    Connect to the demo of npm start. The command reads its addresses and its token from .local/demo.env in the current
    folder or the nearest folder above it.

    .PARAMETER TenantId
    The partner's tenant.

    .PARAMETER ClientId
    Client id of the calling application, or of a user-assigned managed identity.

    .PARAMETER Environment
    The Microsoft cloud: Public, USGovernment or China.

    .PARAMETER Authority
    URL of Entra. Default: the URL of the cloud.

    .PARAMETER ExchangeUrl
    URL of Exchange Online. Default: the URL of the cloud.

    .PARAMETER PassThru
    Return a description of the session.

    .EXAMPLE
    Connect-PartnerTokenBroker -Url https://broker.contoso.com -Audience api://TENANT_ID/partner-token-broker-prod

    Signs in with the managed identity in Azure, or with the account of az login on a workstation.

    .EXAMPLE
    Connect-PartnerTokenBroker -Url $url -Audience $audience -TenantId contoso.com -ClientId $appId -CertificateThumbprint $thumbprint

    Signs in as an application with a certificate, on a server outside Azure.

    .EXAMPLE
    Connect-PartnerTokenBroker -Url $url -Audience $audience -UseDeviceCode -TenantId contoso.com -ClientId $appId

    Signs in as a user.

    .EXAMPLE
    Connect-PartnerTokenBroker -Demo

    Connects to the demo that npm start runs in this folder.

    .LINK
    https://github.com/partner-token-broker/partner-token-broker/blob/main/docs/powershell.md
    #>
    [CmdletBinding(DefaultParameterSetName = 'Automatic')]
    [OutputType('PartnerTokenBroker.Session')]
    param(
        [Parameter(Mandatory, Position = 0, ParameterSetName = 'Automatic')] [Parameter(Mandatory, Position = 0, ParameterSetName = 'Identity')]
        [Parameter(Mandatory, Position = 0, ParameterSetName = 'AzureCli')] [Parameter(Mandatory, Position = 0, ParameterSetName = 'DeviceCode')]
        [Parameter(Mandatory, Position = 0, ParameterSetName = 'ClientSecret')] [Parameter(Mandatory, Position = 0, ParameterSetName = 'Certificate')]
        [Parameter(Mandatory, Position = 0, ParameterSetName = 'CertificateThumbprint')] [Parameter(Mandatory, Position = 0, ParameterSetName = 'AccessToken')]
        [ValidateNotNullOrEmpty()] [string] $Url,
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
        [Parameter(Mandatory, ParameterSetName = 'Demo')] [switch] $Demo,
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
    $previous = $script:Broker
    $isOpen = $false
    try {
        $cloud = $script:Environments[$Environment]
        $local = if ($Demo) { Get-DemoParameter } else { @{} }
        if ($Demo) { $Url = $local.Url; $Audience = $local.Audience; $Authority = $local.Authority; $ExchangeUrl = $local.Exchange }
        if (-not $Authority) { $Authority = $cloud.Authority }
        if (-not $ExchangeUrl) { $ExchangeUrl = $cloud.Exchange }
        if ($CertificateThumbprint) { $Certificate = Find-Certificate $CertificateThumbprint }
        if ($ClientSecretCredential) { $ClientId = $ClientSecretCredential.UserName }
        $method = Resolve-SignIn @{
            Identity = $Identity; AzureCli = $AzureCli; DeviceCode = $UseDeviceCode; ClientSecret = $ClientSecretCredential
            Certificate = $Certificate; AccessToken = $AccessToken; Demo = $Demo
        }
        $session = [pscustomobject]@{
            Url = (Resolve-ServiceUrl $Url) -replace '/api$', ''; Authority = Resolve-ServiceUrl $Authority; ExchangeUrl = Resolve-ServiceUrl $ExchangeUrl
            Environment = $cloud; Audience = $Audience.TrimEnd('/'); TenantId = $TenantId; ClientId = $ClientId
            SignIn = $method.Function; SignInName = $method.Name; CanRenew = $method.CanRenew
            ClientSecret = $(if ($ClientSecretCredential) { $ClientSecretCredential.Password }); Certificate = $Certificate; GivenToken = $AccessToken
            CallerToken = $null; CallerExpiresAt = [DateTime]::MinValue; IsParallel = $false; ExchangeClient = $local['Client']; DemoFile = $local['Path']
            Offers = @{}; Gate = [object]::new(); Tokens = [Collections.Concurrent.ConcurrentDictionary[string, object]]::new()
        }
        $script:Broker = $session
        $health = Confirm-Broker
        $isOpen = $true
    }
    finally {
        if (-not $isOpen) { $script:Broker = $previous }
        if (-not $isOpen -and $previous) { Write-Warning "The session with $($previous.Url) stays open." }
    }
    if ($PassThru) { ConvertTo-SessionView $session $health }
}
