# One way a file section to get a token for the broker; each takes the session and returns Secret and ExpiresAt (UTC).

# The reply of a token endpoint as Secret and ExpiresAt, or an error that says what the endpoint said.
function Read-TokenReply($Reply, [string] $Asked) {
    if ($Reply.Status -eq 0) { Write-TerminatingError sign_in_failed "$Asked could not be reached: $($Reply.Failure)." }
    $answer = ConvertFrom-Reply $Reply.Text
    $token = Get-Field $answer 'access_token'
    if ($Reply.Status -eq 200 -and $token) {
        $expiresOn = Get-Field $answer 'expires_on'
        $expiresAt = if ($expiresOn) { ConvertFrom-EpochSecond $expiresOn } else { [DateTime]::UtcNow.AddSeconds([double](Get-Field $answer 'expires_in')) }
        return [pscustomobject]@{ Secret = (ConvertTo-SecretText $token); ExpiresAt = $expiresAt }
    }
    # Entra: error_description, of which the first line is for people. Identity endpoints: message.
    $said = @((Get-Field $answer 'error_description'), (Get-Field $answer 'message'), "status $($Reply.Status)") | Where-Object { $_ } | Select-Object -First 1
    Write-TerminatingError sign_in_failed "$Asked refuses: $(([string]$said -split '\r?\n')[0])"
}

# App Service, Functions, Container Apps and Automation say where their endpoint is; a virtual machine has the well-known one.
function Request-IdentityToken($Session) {
    $query = "resource=$([Uri]::EscapeDataString($Session.Audience))"
    if ($Session.ClientId) { $query += "&client_id=$([Uri]::EscapeDataString($Session.ClientId))" }
    if ($env:IDENTITY_ENDPOINT -and $env:IDENTITY_HEADER) {
        $request = @{ Uri = "$($env:IDENTITY_ENDPOINT)?api-version=2019-08-01&$query"; Headers = @{ 'X-IDENTITY-HEADER' = $env:IDENTITY_HEADER; Metadata = 'true' } }
    }
    else {
        # The variable is the one that the Azure SDKs read.
        $base = if ($env:AZURE_POD_IDENTITY_AUTHORITY_HOST) { $env:AZURE_POD_IDENTITY_AUTHORITY_HOST.TrimEnd('/') } else { 'http://169.254.169.254' }
        $request = @{ Uri = "$base/metadata/identity/oauth2/token?api-version=2018-02-01&$query"; Headers = @{ Metadata = 'true' }; TimeoutSeconds = 10 }
    }
    $reply = Send-HttpRequest ($request + @{ Method = 'GET'; Direct = $true })
    Read-TokenReply $reply 'The managed identity endpoint'
}

function Request-AzureCliToken($Session) {
    $az = Get-Command -Name az -CommandType Application -ErrorAction Ignore | Select-Object -First 1
    if (-not $az) { Write-TerminatingError sign_in_failed 'The Azure CLI (az) is not installed.' }
    $arguments = @('account', 'get-access-token', '--resource', $Session.Audience, '--output', 'json', '--only-show-errors')
    if ($Session.TenantId) { $arguments += '--tenant', $Session.TenantId }
    # What az says on standard error is data here, not an error of PowerShell.
    $ErrorActionPreference = 'Continue'
    $PSNativeCommandUseErrorActionPreference = $false
    $said = & $az @arguments 2>&1
    $errors, $lines = @($said).Where({ $_ -is [Management.Automation.ErrorRecord] }, 'Split')
    $answer = ConvertFrom-Reply ($lines -join "`n")
    $token = Get-Field $answer 'accessToken'
    if ($LASTEXITCODE -ne 0 -or -not $token) {
        Write-TerminatingError sign_in_failed "az account get-access-token failed: $(($errors -join ' ').Trim()) Run az login first."
    }
    $epoch = Get-Field $answer 'expires_on'
    # Before version 2.54 there is only the local time.
    $expiresAt = if ($epoch) { ConvertFrom-EpochSecond $epoch } else { [datetime]::Parse($answer.expiresOn, [Globalization.CultureInfo]::InvariantCulture).ToUniversalTime() }
    [pscustomobject]@{ Secret = (ConvertTo-SecretText $token); ExpiresAt = $expiresAt }
}

# The application's own token: client secret, or an assertion signed with its certificate (RFC 7523).
function Request-ApplicationToken($Session) {
    $endpoint = "$($Session.Authority)/$($Session.TenantId)/oauth2/v2.0/token"
    $form = @{ grant_type = 'client_credentials'; client_id = $Session.ClientId; scope = "$($Session.Audience)/.default" }
    if ($Session.Certificate) {
        $form.client_assertion_type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
        $form.client_assertion = ConvertTo-SecretText (Get-ClientAssertion -Certificate $Session.Certificate -ClientId $Session.ClientId -Endpoint $endpoint)
    }
    else { $form.client_secret = $Session.ClientSecret }
    Read-TokenReply (Send-HttpRequest @{ Method = 'POST'; Uri = $endpoint; Form = $form }) 'Entra'
}

# "Certificate credentials" (Microsoft identity platform): PS256 and x5t#S256; keys that cannot do PSS sign RS256 with x5t.
function Get-ClientAssertion($Certificate, [string] $ClientId, [string] $Endpoint) {
    $key = [Security.Cryptography.X509Certificates.RSACertificateExtensions]::GetRSAPrivateKey($Certificate)
    if (-not $key) { Write-TerminatingError sign_in_failed 'The certificate has no RSA private key that can be used here.' }
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

# RFC 8628. No refresh token is asked for: when the token ends, the session ends.
function Request-DeviceCodeToken($Session) {
    $base = "$($Session.Authority)/$($Session.TenantId)/oauth2/v2.0"
    $form = @{ client_id = $Session.ClientId; scope = "$($Session.Audience)/.default" }
    $begun = Send-HttpRequest @{ Method = 'POST'; Uri = "$base/devicecode"; Form = $form }
    $device = ConvertFrom-Reply $begun.Text
    if ($begun.Status -ne 200 -or -not (Get-Field $device 'device_code')) { return Read-TokenReply $begun 'Entra' }
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
    Read-TokenReply $reply 'Entra'
}

# A token that the caller brought: it is what the session has, and when it ends the session ends.
function Request-GivenToken($Session) {
    $expires = Get-Field (Get-TokenClaim $Session.GivenToken) 'exp'
    if (-not $expires) { Write-TerminatingError sign_in_failed 'The access token is not a JWT.' }
    [pscustomobject]@{ Secret = $Session.GivenToken; ExpiresAt = (ConvertFrom-EpochSecond $expires) }
}

# The function for the way to sign in that was asked for, its name for people, and whether it works without a person.
function Resolve-SignIn([hashtable] $Asked) {
    $way = @($Asked.Keys | Where-Object { $Asked[$_] })[0]
    if (-not $way) { $way = if ($env:IDENTITY_ENDPOINT -and $env:IDENTITY_HEADER) { 'Identity' } else { 'AzureCli' } }
    switch ($way) {
        'Identity' { @{ Function = 'Request-IdentityToken'; Name = 'managed identity'; CanRenew = $true } }
        'AzureCli' { @{ Function = 'Request-AzureCliToken'; Name = 'Azure CLI'; CanRenew = $true } }
        'DeviceCode' { @{ Function = 'Request-DeviceCodeToken'; Name = 'device code'; CanRenew = $false } }
        'ClientSecret' { @{ Function = 'Request-ApplicationToken'; Name = 'client secret'; CanRenew = $true } }
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
        catch [Security.Cryptography.CryptographicException] { Write-Debug "There is no store My of $location." }
        finally { $store.Dispose() }
    }
    Write-TerminatingError sign_in_failed "No certificate with a private key has the thumbprint $Thumbprint."
}
