# The value of a property, or $null if it does not exist. Works in strict mode.
function Get-Field($InputObject, [string] $Name) {
    if ($null -eq $InputObject) { return }
    $property = $InputObject.PSObject.Properties[$Name]
    if ($property) { $property.Value }
}

# PowerShell 7.5 and later can leave date texts as strings, as Windows PowerShell always does.
$script:JsonOptions = @{}
if ((Get-Command ConvertFrom-Json).Parameters.ContainsKey('DateKind')) { $script:JsonOptions['DateKind'] = 'String' }

# The JSON value of a reply, or $null if the text is not JSON. It does not throw.
function ConvertFrom-Reply([string] $Text) {
    if ([string]::IsNullOrWhiteSpace($Text) -or $Text.TrimStart()[0] -notin [char[]]'{[') { return }
    $options = $script:JsonOptions
    try { ConvertFrom-Json -InputObject $Text @options }
    catch [ArgumentException], [InvalidOperationException] { Write-Debug 'The reply is not JSON.' }
}

# Converts a time of the API to UTC. The value is a string, or a date that ConvertFrom-Json created.
function ConvertTo-UtcTime($Value) {
    if ($null -eq $Value) { return }
    if ($Value -is [datetime]) { return $Value.ToUniversalTime() }
    $style = [Globalization.DateTimeStyles]'AssumeUniversal, AdjustToUniversal'
    [datetime]::Parse([string]$Value, [Globalization.CultureInfo]::InvariantCulture, $style)
}

# Formats a time for the API: ISO 8601 in UTC, in every culture. A time without a zone is local time.
function ConvertTo-WireTime([Nullable[datetime]] $Time) {
    if ($null -eq $Time) { return }
    ([datetime]$Time).ToUniversalTime().ToString('yyyy-MM-ddTHH:mm:ss.fffZ', [Globalization.CultureInfo]::InvariantCulture)
}

# Builds a query string. Empty values are omitted.
function ConvertTo-Query([hashtable] $Values) {
    $pairs = foreach ($name in $Values.Keys) {
        if ("$($Values[$name])" -ne '') { "$name=$([Uri]::EscapeDataString([string]$Values[$name]))" }
    }
    @($pairs) -join '&'
}

function ConvertFrom-EpochSecond([long] $Seconds) {
    [DateTimeOffset]::FromUnixTimeSeconds($Seconds).UtcDateTime
}

function ConvertTo-Base64Url([byte[]] $Bytes) {
    [Convert]::ToBase64String($Bytes).TrimEnd('=').Replace('+', '-').Replace('/', '_')
}

# The plain text of a secret, for headers and for parameters of type string.
function ConvertFrom-SecretText([securestring] $Secret) {
    [Net.NetworkCredential]::new('', $Secret).Password
}

function ConvertTo-SecretText([string] $Text) {
    $secret = [Net.NetworkCredential]::new('', $Text).SecurePassword
    $secret.MakeReadOnly()
    $secret
}

# The claims of a token. They are not verified here: the recipient of the token verifies it.
function Get-TokenClaim([securestring] $Token) {
    $parts = (ConvertFrom-SecretText $Token).Split('.')
    if ($parts.Count -ne 3) { return }
    $base64 = $parts[1].Replace('-', '+').Replace('_', '/')
    try { ConvertFrom-Reply ([Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($base64 + '=' * ((4 - $base64.Length % 4) % 4)))) }
    catch [FormatException] { Write-Debug 'The token is not a JWT.' }
}

# Validates a URL and removes a trailing slash. Tokens are sent to it, so it must use https, except on this machine.
function Resolve-ServiceUrl([string] $Url) {
    $uri = $null
    $isAbsolute = [Uri]::TryCreate($Url, [UriKind]::Absolute, [ref]$uri)
    if (-not $isAbsolute -or $uri.Scheme -notin 'https', 'http') { Write-TerminatingError url_invalid "'$Url' is not an https URL." }
    if ($uri.Scheme -eq 'http' -and -not $uri.IsLoopback) { Write-TerminatingError url_invalid "'$Url' does not use https, and tokens must not be sent unencrypted." }
    if ($uri.UserInfo -or $uri.Query -or $uri.Fragment) { Write-TerminatingError url_invalid 'The URL must contain only a host and a path.' }
    $uri.GetLeftPart([UriPartial]::Path).TrimEnd('/')
}
