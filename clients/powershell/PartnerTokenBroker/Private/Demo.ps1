# The demo that npm start runs. It writes its addresses and a token to a file, and renews the token there.
$script:DemoFile = '.local/demo.env'

# The file in this folder or the nearest one above it.
function Find-DemoFile {
    for ($folder = $PSCmdlet.SessionState.Path.CurrentFileSystemLocation.ProviderPath; $folder; $folder = [IO.Path]::GetDirectoryName($folder)) {
        $path = [IO.Path]::Combine($folder, $script:DemoFile)
        if ([IO.File]::Exists($path)) { return $path }
    }
    Write-TerminatingError demo_not_running "Neither this folder nor one above it has the file $script:DemoFile."
}

# The variables in the file.
function Read-DemoFile([string] $Path) {
    if (-not [IO.File]::Exists($Path)) { Write-TerminatingError demo_not_running "The demo has ended: $Path does not exist any more." }
    $values = @{}
    foreach ($line in [IO.File]::ReadAllLines($Path)) {
        # A quote in a value ends the quoted text, and is escaped between two of them.
        if ($line -match "^(?:# |export )?(?<name>\w+)='(?<value>.*)'$") { $values[$Matches.name] = $Matches.value.Replace("'\''", "'") }
    }
    foreach ($name in 'BROKER_URL', 'BROKER_SCOPE', 'CALLER_TOKEN', 'CLOUD_ENDPOINTS', 'CA_FILE') {
        if (-not $values[$name]) { Write-TerminatingError demo_not_running "$Path has no $name." }
    }
    $values
}

# The parameters that the file replaces.
function Get-DemoParameter {
    $path = Find-DemoFile
    $values = Read-DemoFile $path
    $endpoints = ConvertFrom-Reply $values.CLOUD_ENDPOINTS
    @{
        Path = $path; Url = $values.BROKER_URL; Audience = $values.BROKER_SCOPE -replace '/\.default$', ''
        Authority = Get-Field $endpoints 'entra'; Exchange = Get-Field $endpoints 'exchange'
        Client = Get-TrustingClient $values.CA_FILE
    }
}

function Request-DemoToken($Session) {
    $secret = ConvertTo-SecretText (Read-DemoFile $Session.DemoFile).CALLER_TOKEN
    [pscustomobject]@{ Secret = $secret; ExpiresAt = (ConvertFrom-EpochSecond (Get-Field (Get-TokenClaim $secret) 'exp')) }
}

# A client that trusts the authority of the simulated cloud and no other. PowerShell before 7.3 has no setting for that: there
# the request for Exchange fails unless the machine trusts the authority.
function Get-TrustingClient([string] $CaFile) {
    $handlerType = 'Net.Http.SocketsHttpHandler' -as [type]
    if (-not $handlerType -or -not ('Net.Security.SslClientAuthenticationOptions' -as [type]).GetProperty('CertificateChainPolicy')) { return }
    $policy = [Security.Cryptography.X509Certificates.X509ChainPolicy]::new()
    $policy.TrustMode = 'CustomRootTrust'
    $policy.RevocationMode = 'NoCheck'
    [void]$policy.CustomTrustStore.Add([Security.Cryptography.X509Certificates.X509Certificate2]::new($CaFile))
    $handler = $handlerType::new()
    $handler.AllowAutoRedirect = $handler.UseCookies = $handler.UseProxy = $false
    $handler.SslOptions.CertificateChainPolicy = $policy
    $client = [Net.Http.HttpClient]::new($handler)
    $client.Timeout = [Threading.Timeout]::InfiniteTimeSpan
    $client
}
