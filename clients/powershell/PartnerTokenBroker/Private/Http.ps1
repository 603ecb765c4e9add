# HttpClient instead of Invoke-RestMethod: it writes nothing to the verbose and debug streams, has the same errors in both
# editions, and does not need the token as a plain-text command parameter.
function Get-HttpClient([switch] $Direct) {
    $handler = [Net.Http.HttpClientHandler]::new()
    # The Authorization header must not be sent to the target of a redirect.
    $handler.AllowAutoRedirect = $false
    $handler.UseCookies = $false
    if ($Direct) { $handler.UseProxy = $false }
    $client = [Net.Http.HttpClient]::new($handler)
    $client.Timeout = [Threading.Timeout]::InfiniteTimeSpan
    $client
}

# .NET Framework before 4.7 offers TLS 1.0 by default. This adds TLS 1.2.
if ($PSVersionTable.PSVersion.Major -lt 6) {
    [Net.ServicePointManager]::SecurityProtocol = [Net.ServicePointManager]::SecurityProtocol -bor [Net.SecurityProtocolType]::Tls12
}
$script:Http = Get-HttpClient
# Identity endpoints are local or link-local. A proxy cannot reach them and must not see the requests.
$script:DirectHttp = Get-HttpClient -Direct

# Time until the last byte of a reply.
$script:ReplySeconds = 100

<#
Sends one request and waits for the complete reply. It does not throw for network failures: without a reply, Status is 0 and
Failure has the reason.
Keys of Request: Method, Uri, and optionally Headers, Bearer (SecureString), Json (text) or Form (values are text or
SecureString), TimeoutSeconds (100), Direct (no proxy), Client (another HttpClient), AsBytes (returns the body of a success in Bytes instead of Text).
#>
function Send-HttpRequest([hashtable] $Request) {
    $message = ConvertTo-HttpMessage $Request
    $seconds = if ($Request.ContainsKey('TimeoutSeconds')) { $Request.TimeoutSeconds } else { $script:ReplySeconds }
    $cancellation = [Threading.CancellationTokenSource]::new([timespan]::FromSeconds($seconds))
    $task = $reply = $null
    $clock = [Diagnostics.Stopwatch]::StartNew()
    $client = if ($Request['Client']) { $Request.Client } elseif ($Request['Direct']) { $script:DirectHttp } else { $script:Http }
    try {
        # The task ends with the body, so that the deadline covers a body that stalls.
        $task = $client.SendAsync($message, [Net.Http.HttpCompletionOption]::ResponseContentRead, $cancellation.Token)
        # Waits in slices of 200 ms, so that Ctrl+C works. The wait ends as soon as the reply arrives.
        while ([Threading.Tasks.Task]::WaitAny([Threading.Tasks.Task[]]@($task), 200) -lt 0) {
            # .NET Framework does not cancel a body that stalls.
            if ($clock.Elapsed.TotalSeconds -gt $seconds + 1) { break }
        }
        if ($task.IsCanceled -or -not $task.IsCompleted) { return [pscustomobject]@{ Status = 0; Failure = "no complete reply within $seconds seconds" } }
        if ($task.IsFaulted) { return [pscustomobject]@{ Status = 0; Failure = (Hide-Token $task.Exception.GetBaseException().Message) } }
        $reply = $task.Result
        $answer = [pscustomobject]@{ Status = [int]$reply.StatusCode; Failure = $null; Text = ''; Bytes = $null; Headers = $reply.Headers; MediaType = '' }
        if ($reply.Content -and $reply.Content.Headers.ContentType) { $answer.MediaType = [string]$reply.Content.Headers.ContentType.MediaType }
        if ($Request['AsBytes'] -and $reply.IsSuccessStatusCode) { $answer.Bytes = $reply.Content.ReadAsByteArrayAsync().GetAwaiter().GetResult() }
        else { $answer.Text = $reply.Content.ReadAsStringAsync().GetAwaiter().GetResult() }
        $answer
    }
    finally {
        # Also runs on Ctrl+C: cancels a request that is still pending.
        if ($task -and -not $task.IsCompleted) { $cancellation.Cancel() }
        if ($reply) { $reply.Dispose() }
        $message.Dispose()
        $cancellation.Dispose()
    }
}

function ConvertTo-HttpMessage([hashtable] $Request) {
    $message = [Net.Http.HttpRequestMessage]::new([Net.Http.HttpMethod]::new($Request.Method), [Uri]$Request.Uri)
    [void]$message.Headers.TryAddWithoutValidation('Accept', 'application/json')
    [void]$message.Headers.TryAddWithoutValidation('User-Agent', "PartnerTokenBroker-PowerShell/$($PSVersionTable.PSVersion)")
    if ($Request['Headers']) {
        foreach ($name in $Request.Headers.Keys) { [void]$message.Headers.TryAddWithoutValidation($name, [string]$Request.Headers[$name]) }
    }
    if ($Request['Bearer']) { [void]$message.Headers.TryAddWithoutValidation('Authorization', 'Bearer ' + [Net.NetworkCredential]::new('', $Request.Bearer).Password) }
    if ($Request['Json']) { $message.Content = [Net.Http.StringContent]::new($Request.Json, [Text.Encoding]::UTF8, 'application/json') }
    if ($Request['Form']) {
        $pairs = [Collections.Generic.Dictionary[string, string]]::new()
        foreach ($name in $Request.Form.Keys) {
            $value = $Request.Form[$name]
            $pairs[$name] = if ($value -is [securestring]) { [Net.NetworkCredential]::new('', $value).Password } else { [string]$value }
        }
        $message.Content = [Net.Http.FormUrlEncodedContent]::new($pairs)
    }
    $message
}

# A header of a reply, or $null.
function Get-ReplyHeader($Reply, [string] $Name) {
    Get-ReplyHeaderLine $Reply $Name | Select-Object -First 1
}

# All lines of a header of a reply.
function Get-ReplyHeaderLine($Reply, [string] $Name) {
    $values = $null
    if ($Reply.Headers.TryGetValues($Name, [ref]$values)) { foreach ($value in $values) { [string]$value } }
}
