# Functions that get a token for the broker, one per sign-in method. Each takes the session and returns Secret and ExpiresAt
# (UTC).

# The error numbers of Entra that one parameter of Connect-PartnerTokenBroker causes, and what to do about them.
$script:EntraAdvice = [ordered]@{
    'AADSTS(7000215|7000222)\b'                 = 'Pass the value of a client secret that is valid, not its id, as the password of -ClientSecretCredential.'
    'AADSTS(700027|700023|7000272|50012)\b'     = 'Add the certificate of -Certificate or -CertificateThumbprint to the application -ClientId in Entra.'
    'AADSTS700016\b'                            = 'Check -ClientId (or the user name of -ClientSecretCredential), and that -TenantId is the tenant of the partner.'
    'AADSTS(90002|900021|900023)\b'             = 'Check -TenantId: it is the tenant of the partner, not of a customer.'
    'AADSTS(500011|700112|70011|28000|1002012)\b' = "Check -Audience: the App ID URI or the client id of the broker's own application."
    'AADSTS7000218\b'                           = '-UseDeviceCode needs an application that allows public client flows. For this one, use -Certificate or -ClientSecretCredential with -TenantId.'
}

# The parameters that fit other places, for advice after a sign-in that failed.
$script:OtherSignIns = @{
    Person      = '-AzureCli after az login, or -UseDeviceCode -TenantId TENANT -ClientId APPLICATION, on a workstation'
    Application = '-Certificate or -CertificateThumbprint with -TenantId and -ClientId, or -ClientSecretCredential with -TenantId, on a server outside Azure'
    Identity    = '-Identity in Azure, with -ClientId for a user-assigned identity'
    Demo        = '-Demo for npm start'
}

# Ends with sign_in_failed. The advice names the parameter that is wrong, or the parameters that fit.
function Write-SignInError([string] $Method, [string] $Detail) {
    $other = $script:OtherSignIns
    $advice = foreach ($pattern in $script:EntraAdvice.Keys) { if ($Detail -match $pattern) { $script:EntraAdvice[$pattern]; break } }
    if (-not $advice) {
        $advice = switch ($Method) {
            'Identity' { "Check that this resource has a managed identity, and specify -ClientId for a user-assigned one. Other sign-ins: $($other.Person); $($other.Application); $($other.Demo)." }
            'AzureCli' { "Run az login with an account that has a role of the broker. Other sign-ins: -UseDeviceCode -TenantId TENANT -ClientId APPLICATION for a person without az; $($other.Identity); $($other.Application); $($other.Demo)." }
            'DeviceCode' { "Enter the code within its lifetime, with an account that has a role of the broker. Other sign-ins: $($other.Application); $($other.Identity)." }
            'AccessToken' { "Pass a token for the broker (-Audience of the other parameter sets), such as (Get-AzAccessToken -ResourceUrl AUDIENCE -AsSecureString).Token. Other sign-ins: $($other.Person); $($other.Application)." }
            default { "Check -TenantId, -ClientId and the certificate or secret. Other sign-ins: $($other.Identity); $($other.Person)." }
        }
    }
    Write-TerminatingError sign_in_failed $Detail -Advice $advice
}

# Reads Secret and ExpiresAt from the reply of a token endpoint, or ends with an error that quotes the endpoint.
function Read-TokenReply($Reply, [string] $Endpoint, [string] $Method) {
    if ($Reply.Status -eq 0) { Write-SignInError $Method "$Endpoint could not be reached: $($Reply.Failure)." }
    $answer = ConvertFrom-Reply $Reply.Text
    $token = Get-Field $answer 'access_token'
    if ($Reply.Status -eq 200 -and $token) {
        $expiresOn = Get-Field $answer 'expires_on'
        $expiresAt = if ($expiresOn) { ConvertFrom-EpochSecond $expiresOn } else { [DateTime]::UtcNow.AddSeconds([double](Get-Field $answer 'expires_in')) }
        return [pscustomobject]@{ Secret = (ConvertTo-SecretText $token); ExpiresAt = $expiresAt }
    }
    # Entra sends error_description, whose first line is readable. Identity endpoints send message.
    $message = @((Get-Field $answer 'error_description'), (Get-Field $answer 'message'), "status $($Reply.Status)") | Where-Object { $_ } | Select-Object -First 1
    Write-SignInError $Method "$Endpoint rejected the request: $(([string]$message -split '\r?\n')[0])"
}

# App Service, Functions, Container Apps and Automation set the endpoint in variables. A virtual machine has a fixed one.
function Request-IdentityToken($Session) {
    $query = "resource=$([Uri]::EscapeDataString($Session.Audience))"
    if ($Session.ClientId) { $query += "&client_id=$([Uri]::EscapeDataString($Session.ClientId))" }
    if ($env:IDENTITY_ENDPOINT -and $env:IDENTITY_HEADER) {
        $request = @{ Uri = "$($env:IDENTITY_ENDPOINT)?api-version=2019-08-01&$query"; Headers = @{ 'X-IDENTITY-HEADER' = $env:IDENTITY_HEADER; Metadata = 'true' } }
    }
    else {
        # The Azure SDKs read the same variable.
        $base = if ($env:AZURE_POD_IDENTITY_AUTHORITY_HOST) { $env:AZURE_POD_IDENTITY_AUTHORITY_HOST.TrimEnd('/') } else { 'http://169.254.169.254' }
        $request = @{ Uri = "$base/metadata/identity/oauth2/token?api-version=2018-02-01&$query"; Headers = @{ Metadata = 'true' }; TimeoutSeconds = 10 }
    }
    $reply = Send-HttpRequest ($request + @{ Method = 'GET'; Direct = $true })
    Read-TokenReply $reply 'The managed identity endpoint' Identity
}

function Request-AzureCliToken($Session) {
    $az = Get-Command -Name az -CommandType Application -ErrorAction Ignore | Select-Object -First 1
    if (-not $az) { Write-SignInError AzureCli 'The Azure CLI (az) is not installed.' }
    $arguments = @('account', 'get-access-token', '--resource', $Session.Audience, '--output', 'json', '--only-show-errors')
    if ($Session.TenantId) { $arguments += '--tenant', $Session.TenantId }
    # Output on standard error must not become a PowerShell error.
    $ErrorActionPreference = 'Continue'
    $PSNativeCommandUseErrorActionPreference = $false
    $output = & $az @arguments 2>&1
    $errors, $lines = @($output).Where({ $_ -is [Management.Automation.ErrorRecord] }, 'Split')
    $answer = ConvertFrom-Reply ($lines -join "`n")
    $token = Get-Field $answer 'accessToken'
    if ($LASTEXITCODE -ne 0 -or -not $token) {
        Write-SignInError AzureCli "az account get-access-token failed: $(($errors -join ' ').Trim())"
    }
    $epoch = Get-Field $answer 'expires_on'
    # Versions before 2.54 return only the local time.
    $expiresAt = if ($epoch) { ConvertFrom-EpochSecond $epoch } else { [datetime]::Parse($answer.expiresOn, [Globalization.CultureInfo]::InvariantCulture).ToUniversalTime() }
    [pscustomobject]@{ Secret = (ConvertTo-SecretText $token); ExpiresAt = $expiresAt }
}

# Token of the application, with a client secret or with an assertion signed by its certificate (RFC 7523).
function Request-ApplicationToken($Session) {
    $endpoint = "$($Session.Authority)/$($Session.TenantId)/oauth2/v2.0/token"
    $form = @{ grant_type = 'client_credentials'; client_id = $Session.ClientId; scope = "$($Session.Audience)/.default" }
    if ($Session.Certificate) {
        $form.client_assertion_type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
        $form.client_assertion = ConvertTo-SecretText (Get-ClientAssertion -Certificate $Session.Certificate -ClientId $Session.ClientId -Endpoint $endpoint)
    }
    else { $form.client_secret = $Session.ClientSecret }
    Read-TokenReply (Send-HttpRequest @{ Method = 'POST'; Uri = $endpoint; Form = $form }) 'Entra' Application
}

# "Certificate credentials" (Microsoft identity platform): PS256 and x5t#S256. Keys without PSS support sign RS256 with x5t.
function Get-ClientAssertion($Certificate, [string] $ClientId, [string] $Endpoint) {
    $key = [Security.Cryptography.X509Certificates.RSACertificateExtensions]::GetRSAPrivateKey($Certificate)
    if (-not $key) { Write-SignInError Application 'The certificate has no usable RSA private key.' }
    $isLegacy = $key -is [Security.Cryptography.RSACryptoServiceProvider]
    $sha256 = [Security.Cryptography.SHA256]::Create()
    $header = [ordered]@{
        alg = $(if ($isLegacy) { 'RS256' } else { 'PS256' }); typ = 'JWT'
        x5t = ConvertTo-Base64Url $Certificate.GetCertHash(); 'x5t#S256' = ConvertTo-Base64Url $sha256.ComputeHash($Certificate.RawData)
    }
    $now = [DateTimeOffset]::UtcNow.ToUnixTimeSeconds()
    $claims = [ordered]@{ aud = $Endpoint; iss = $ClientId; sub = $ClientId; jti = [guid]::NewGuid().ToString(); iat = $now; nbf = $now; exp = $now + 300 }
    $parts = foreach ($part in $header, $claims) { ConvertTo-Base64Url ([Text.Encoding]::UTF8.GetBytes((ConvertTo-Json $part -Compress))) }
    $signed = $parts -join '.'
    $padding = if ($isLegacy) { [Security.Cryptography.RSASignaturePadding]::Pkcs1 } else { [Security.Cryptography.RSASignaturePadding]::Pss }
    $signature = $key.SignData([Text.Encoding]::ASCII.GetBytes($signed), [Security.Cryptography.HashAlgorithmName]::SHA256, $padding)
    "$signed.$(ConvertTo-Base64Url $signature)"
}

# Device code flow (RFC 8628). It requests no refresh token, so the session ends when the token expires.
function Request-DeviceCodeToken($Session) {
    $base = "$($Session.Authority)/$($Session.TenantId)/oauth2/v2.0"
    $form = @{ client_id = $Session.ClientId; scope = "$($Session.Audience)/.default" }
    $started = Send-HttpRequest @{ Method = 'POST'; Uri = "$base/devicecode"; Form = $form }
    $device = ConvertFrom-Reply $started.Text
    if ($started.Status -ne 200 -or -not (Get-Field $device 'device_code')) { return Read-TokenReply $started 'Entra' DeviceCode }
    Write-Information -MessageData $device.message -InformationAction Continue
    $poll = @{ grant_type = 'urn:ietf:params:oauth:grant-type:device_code'; client_id = $Session.ClientId; device_code = (ConvertTo-SecretText $device.device_code) }
    $interval = [Math]::Max(1, [int](Get-Field $device 'interval'))
    $endsAt = [DateTime]::UtcNow.AddSeconds([int]$device.expires_in)
    do {
        Start-Sleep -Seconds $interval
        $reply = Send-HttpRequest @{ Method = 'POST'; Uri = "$base/token"; Form = $poll }
        $refusal = Get-Field (ConvertFrom-Reply $reply.Text) 'error'
        if ($refusal -eq 'slow_down') { $interval += 5 }
    } while ($refusal -in 'authorization_pending', 'slow_down' -and [DateTime]::UtcNow -lt $endsAt)
    Read-TokenReply $reply 'Entra' DeviceCode
}

# The token of -AccessToken. The session ends when it expires.
function Request-GivenToken($Session) {
    $expires = Get-Field (Get-TokenClaim $Session.GivenToken) 'exp'
    if (-not $expires) { Write-SignInError AccessToken 'The access token is not a JWT.' }
    [pscustomobject]@{ Secret = $Session.GivenToken; ExpiresAt = (ConvertFrom-EpochSecond $expires) }
}

# The function of the requested sign-in method, its display name, and whether it can renew the token without the user.
function Resolve-SignIn([hashtable] $Requested) {
    $method = @($Requested.Keys | Where-Object { $Requested[$_] })[0]
    if (-not $method) { $method = if ($env:IDENTITY_ENDPOINT -and $env:IDENTITY_HEADER) { 'Identity' } else { 'AzureCli' } }
    switch ($method) {
        'Identity' { @{ Function = 'Request-IdentityToken'; Name = 'managed identity'; CanRenew = $true } }
        'AzureCli' { @{ Function = 'Request-AzureCliToken'; Name = 'Azure CLI'; CanRenew = $true } }
        'DeviceCode' { @{ Function = 'Request-DeviceCodeToken'; Name = 'device code'; CanRenew = $false } }
        'ClientSecret' { @{ Function = 'Request-ApplicationToken'; Name = 'client secret'; CanRenew = $true } }
        'Demo' { @{ Function = 'Request-DemoToken'; Name = 'demo'; CanRenew = $true } }
        'AccessToken' { @{ Function = 'Request-GivenToken'; Name = 'access token'; CanRenew = $false } }
        default { @{ Function = 'Request-ApplicationToken'; Name = 'certificate'; CanRenew = $true } }
    }
}

function Find-Certificate([string] $Thumbprint) {
    foreach ($location in 'CurrentUser', 'LocalMachine') {
        $store = [Security.Cryptography.X509Certificates.X509Store]::new('My', $location)
        try {
            $store.Open('ReadOnly, OpenExistingOnly')
            $found = @($store.Certificates.Find('FindByThumbprint', $Thumbprint, $false) | Where-Object { $_.HasPrivateKey })
            if ($found.Count -gt 0) { return $found[0] }
        }
        catch [Security.Cryptography.CryptographicException] { Write-Debug "The store My of $location does not exist." }
        finally { $store.Dispose() }
    }
    Write-SignInError Application "No certificate with a private key has the thumbprint $Thumbprint."
}
