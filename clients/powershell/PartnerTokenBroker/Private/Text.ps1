# The value of a property, or $null if it does not exist. Works in strict mode.
function Get-Field($InputObject, [string] $Name) {
    if ($null -eq $InputObject) { return }
    $property = $InputObject.PSObject.Properties[$Name]
    if ($property) { $property.Value }
}

# PowerShell 7.5 and later can leave date texts as strings, as Windows PowerShell always does.
$script:JsonOptions = @{}
if ((Get-Command ConvertFrom-Json).Parameters.ContainsKey('DateKind')) { $script:JsonOptions['DateKind'] = 'String' }

# Characters that a terminal obeys instead of showing, in a JSON text: control characters except tab and line feed, and
# controls of the writing direction. The first alternative skips an escaped backslash.
$script:TerminalCommand = [regex]::new('\\\\|\\[bfr]|(?i:\\u(?:00(?:0[0-8bcdef]|1[0-9a-f]|7f|[89][0-9a-f])|061c|200[ef]|202[89a-e]|206[6-9]))|[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]')

# Makes these characters visible: their escape sequence becomes part of the text. Customers choose some of the texts of a
# reply, and a name must not clear the screen or overwrite other lines.
function ConvertTo-VisibleJson([string] $Json) {
    $script:TerminalCommand.Replace($Json, [Text.RegularExpressions.MatchEvaluator] {
            param($found)
            $text = $found.Value
            if ($text -ceq '\\') { $text } elseif ($text[0] -eq '\') { "\$text" } else { '\\u{0:x4}' -f [int]$text[0] }
        })
}

# The JSON value of a reply, or $null if the text is not JSON. It does not throw.
function ConvertFrom-Reply([string] $Text) {
    if ([string]::IsNullOrWhiteSpace($Text) -or $Text.TrimStart()[0] -notin [char[]]'{[') { return }
    $options = $script:JsonOptions
    try { ConvertFrom-Json -InputObject (ConvertTo-VisibleJson $Text) @options }
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
