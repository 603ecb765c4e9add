# HttpClient and not Invoke-RestMethod: it writes nothing to the verbose and debug streams, has the same errors on both
# editions, and takes the token without its passing through a command parameter as plain text.
function Get-HttpClient([switch] $Direct) {
    $handler = [Net.Http.HttpClientHandler]::new()
    # An Authorization header must not travel to a host that a reply chose.
    $handler.AllowAutoRedirect = $false
    $handler.UseCookies = $false
    if ($Direct) { $handler.UseProxy = $false }
    $client = [Net.Http.HttpClient]::new($handler)
    $client.Timeout = [Threading.Timeout]::InfiniteTimeSpan
    $client
}

# .NET Framework before 4.7 offers TLS 1.0 by default; this adds 1.2 and takes nothing away.
if ($PSVersionTable.PSVersion.Major -lt 6) {
    [Net.ServicePointManager]::SecurityProtocol = [Net.ServicePointManager]::SecurityProtocol -bor [Net.SecurityProtocolType]::Tls12
}
$script:Http = Get-HttpClient
# Identity endpoints are on the machine or link-local; a proxy cannot reach them and must not see them.
$script:DirectHttp = Get-HttpClient -Direct

<#
Sends one request and waits for the reply. Never throws for what the other side does: without a reply Status is 0 and
Failure says why.
Request: Method, Uri, and where needed Headers, Bearer (SecureString), Json (text) or Form (values text or SecureString),
TimeoutSeconds (100), Direct (no proxy), Stream (the body is left unread in Response).
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
        # In slices, so that Ctrl+C is heard; the wait itself ends the moment the reply is there.
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
        # Also on Ctrl+C: what nobody waits for is given up.
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
