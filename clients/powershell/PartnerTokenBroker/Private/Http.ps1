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

<#
Sends one request and waits for the reply. It does not throw for network failures: without a reply, Status is 0 and Failure
has the reason.
Keys of Request: Method, Uri, and optionally Headers, Bearer (SecureString), Json (text) or Form (values are text or
SecureString), TimeoutSeconds (100), Direct (no proxy), Stream (leaves the body unread in Response).
#>
function Send-HttpRequest([hashtable] $Request) {
    $message = ConvertTo-HttpMessage $Request
    $seconds = if ($Request.ContainsKey('TimeoutSeconds')) { $Request.TimeoutSeconds } else { 100 }
    $cancellation = [Threading.CancellationTokenSource]::new([timespan]::FromSeconds($seconds))
    $task = $reply = $null
    $completion = if ($Request['Stream']) { 'ResponseHeadersRead' } else { 'ResponseContentRead' }
    $client = if ($Request['Direct']) { $script:DirectHttp } else { $script:Http }
    try {
        $task = $client.SendAsync($message, [Net.Http.HttpCompletionOption]$completion, $cancellation.Token)
        # Waits in slices of 200 ms, so that Ctrl+C works. The wait ends as soon as the reply arrives.
        while ([Threading.Tasks.Task]::WaitAny([Threading.Tasks.Task[]]@($task), 200) -lt 0) { continue }
        if ($task.IsCanceled) { return [pscustomobject]@{ Status = 0; Failure = "no reply within $seconds seconds" } }
        if ($task.IsFaulted) { return [pscustomobject]@{ Status = 0; Failure = (Hide-Token $task.Exception.GetBaseException().Message) } }
        $reply = $task.Result
        $isStream = $Request['Stream'] -and $reply.IsSuccessStatusCode
        $text = if ($isStream) { '' } else { $reply.Content.ReadAsStringAsync().GetAwaiter().GetResult() }
        $answer = [pscustomobject]@{ Status = [int]$reply.StatusCode; Failure = $null; Text = $text; Headers = $reply.Headers; Response = $null }
        if ($isStream) { $answer.Response = $reply; $reply = $null }
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
    $values = $null
    if ($Reply.Headers.TryGetValues($Name, [ref]$values)) { [string]@($values)[0] }
}
