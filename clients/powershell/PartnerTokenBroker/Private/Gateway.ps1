# The broker gives up after 100 seconds.
$script:GatewaySeconds = 130

# The problem of a reply that came through the gateway, or $null. The broker's own problems have a media type of their own.
function Get-GatewayProblem($Reply, [string] $Url) {
    $isRelayed = $Reply.Status -ne 0 -and $Reply.MediaType -ne 'application/problem+json' -and (Get-ReplyHeader $Reply 'x-correlation-id')
    if (-not $isRelayed) { return Get-ReplyProblem $Reply $Url }
    if ($Reply.Status -lt 400) { return Get-PendingProblem $Reply }
    $failure = Get-Field (ConvertFrom-Reply $Reply.Text) 'error'
    $reason = @((Get-Field $failure 'code'), (Get-Field $failure 'message')) | Where-Object { $_ }
    $problem = ConvertTo-Problem resource_refused "HTTP $($Reply.Status) $($reason -join ': ')".Trim() -Status $Reply.Status
    $problem.CorrelationId = Get-ReplyHeader $Reply 'x-correlation-id'
    $wait = Get-ReplyHeader $Reply 'retry-after'
    if ($wait -match '^\d{1,6}$') { $problem.RetryAfterSeconds = [int]$wait }
    $problem
}

# The path under /api of a request through the gateway. The token must not be sent anywhere else, so a path that would leave the
# address of the tenant, because of dot segments, is refused.
function Get-GatewayPath([string] $Tenant, [string] $Resource, [string] $Path) {
    $api = "$((Get-Session).Url)/api"
    $gateway = "/gateway/$([Uri]::EscapeDataString($Tenant))/$([Uri]::EscapeDataString($Resource))"
    $uri = $null
    # A link of an earlier answer is complete.
    $text = if ($Path.StartsWith('/')) { "$api$gateway$Path" } else { $Path }
    $isInside = [Uri]::TryCreate($text, [UriKind]::Absolute, [ref]$uri) -and $uri.AbsoluteUri.StartsWith(([Uri]"$api$gateway/").AbsoluteUri, [StringComparison]::Ordinal)
    if (-not $isInside) { Write-TerminatingError request_invalid "The path '$Path' does not belong to the resource $Resource in $Tenant." }
    $uri.AbsoluteUri.Substring(([Uri]$api).AbsoluteUri.Length)
}

# The path of a request with the version of Microsoft Graph.
function Get-VersionedPath([string] $Path, [string] $Resource, [bool] $IsBeta) {
    if (-not $Path.StartsWith('/') -or $Resource -ne 'graph') { return $Path }
    if ($Path -match '^/(v1\.0|beta)(/|$)') {
        if ($IsBeta -and $Matches[1] -ne 'beta') { Write-TerminatingError request_invalid "The path '$Path' names another version than -Beta." }
        return $Path
    }
    if ($IsBeta) { "/beta$Path" } else { "/v1.0$Path" }
}

# The answer of the resource: an object, a text if it is not JSON, or nothing.
function ConvertFrom-GatewayReply($Reply) {
    if ([string]::IsNullOrEmpty($Reply.Text)) { return }
    if ($Reply.MediaType -notmatch '^application/([\w.-]+\+)?json$') { return $Reply.Text }
    $value = ConvertFrom-Reply $Reply.Text
    if ($null -eq $value) { Write-TerminatingError reply_invalid 'The answer of the resource is not a JSON object.' }
    $value
}

# The entries of all pages of a collection. An answer that is no collection is returned as it is.
function Read-GatewayPage([hashtable] $Call, [string] $Tenant, [string] $Resource) {
    while ($Call.Path) {
        $answer = ConvertFrom-GatewayReply (Invoke-BrokerApi $Call).Reply
        if ($null -eq $answer -or $answer -is [string] -or -not $answer.PSObject.Properties['value']) { return $answer }
        foreach ($entry in $answer.value) { $entry }
        $link = Get-Field $answer '@odata.nextLink'
        $next = if ($link) { Get-GatewayPath $Tenant $Resource $link }
        if ($next -eq $Call.Path) { Write-TerminatingError reply_invalid 'A page names itself as the next one.' }
        $Call.Path = $next
    }
}
