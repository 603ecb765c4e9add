# A property that may be absent: $null then, also under strict mode.
function Get-Field($InputObject, [string] $Name) {
    if ($null -eq $InputObject) { return }
    $property = $InputObject.PSObject.Properties[$Name]
    if ($property) { $property.Value }
}

# From 7.5 on ConvertFrom-Json can be kept from turning texts into dates, as Windows PowerShell keeps itself.
$script:JsonOptions = @{}
if ((Get-Command ConvertFrom-Json).Parameters.ContainsKey('DateKind')) { $script:JsonOptions['DateKind'] = 'String' }

# The value, or $null when the text is not JSON: replies are data, they never throw.
function ConvertFrom-Reply([string] $Text) {
    if ([string]::IsNullOrWhiteSpace($Text) -or $Text.TrimStart()[0] -notin [char[]]'{[') { return }
    $options = $script:JsonOptions
    try { ConvertFrom-Json -InputObject $Text @options }
    catch [ArgumentException], [InvalidOperationException] { Write-Debug 'The reply is not JSON.' }
}

# A time on the wire as UTC: text, or what ConvertFrom-Json has made of it.
function ConvertTo-UtcTime($Value) {
    if ($null -eq $Value) { return }
    if ($Value -is [datetime]) { return $Value.ToUniversalTime() }
    $style = [Globalization.DateTimeStyles]'AssumeUniversal, AdjustToUniversal'
    [datetime]::Parse([string]$Value, [Globalization.CultureInfo]::InvariantCulture, $style)
}

# A time for the broker: ISO 8601 in UTC, whatever the culture. One without a zone is local.
function ConvertTo-WireTime([Nullable[datetime]] $Time) {
    if ($null -eq $Time) { return }
    ([datetime]$Time).ToUniversalTime().ToString('yyyy-MM-ddTHH:mm:ss.fffZ', [Globalization.CultureInfo]::InvariantCulture)
}

# The query of an address, without what is empty.
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

# Plain text for the last step, where a header or a parameter of type string needs it.
function ConvertFrom-SecretText([securestring] $Secret) {
    [Net.NetworkCredential]::new('', $Secret).Password
}

function ConvertTo-SecretText([string] $Text) {
    $secret = [Net.NetworkCredential]::new('', $Text).SecurePassword
    $secret.MakeReadOnly()
    $secret
}

# The claims of a token that this side was given to use. They are read, not trusted: whoever accepts the token verifies it.
function Get-TokenClaim([securestring] $Token) {
    $parts = (ConvertFrom-SecretText $Token).Split('.')
    if ($parts.Count -ne 3) { return }
    $base64 = $parts[1].Replace('-', '+').Replace('_', '/')
    try { ConvertFrom-Reply ([Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($base64 + '=' * ((4 - $base64.Length % 4) % 4)))) }
    catch [FormatException] { Write-Debug 'The token is not a JWT.' }
}

# An address without a trailing slash. Tokens travel to it, so it is https, or this machine itself.
function Resolve-ServiceUrl([string] $Url) {
    $uri = $null
    $isAbsolute = [Uri]::TryCreate($Url, [UriKind]::Absolute, [ref]$uri)
    if (-not $isAbsolute -or $uri.Scheme -notin 'https', 'http') { Write-TerminatingError url_invalid "'$Url' is not an http address." }
    if ($uri.Scheme -eq 'http' -and -not $uri.IsLoopback) { Write-TerminatingError url_invalid "'$Url' is not https, and a token must not travel in the clear." }
    if ($uri.UserInfo -or $uri.Query -or $uri.Fragment) { Write-TerminatingError url_invalid 'The address has more than a host and a path.' }
    $uri.GetLeftPart([UriPartial]::Path).TrimEnd('/')
}
