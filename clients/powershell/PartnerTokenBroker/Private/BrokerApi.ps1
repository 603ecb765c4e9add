# The broker's limiter asks for a few seconds at most; longer waits are for whoever called.
$script:LongestWaitSeconds = 30
$script:Attempts = 4

<#
One call of the broker's API in the current session. Call: Method, Path (under /api), and where needed Body (an object for
JSON), Stream. Returns Value, Reply, SentAt and Problem: one of Value and Problem is $null.
#>
function Request-BrokerApi([hashtable] $Call) {
    $session = Get-Session
    $uri = "$($session.Url)/api$($Call.Path)"
    for ($attempt = 1; ; $attempt++) {
        $request = @{ Method = $Call.Method; Uri = $uri; Bearer = (Get-CallerToken); Stream = $Call['Stream'] }
        if ($Call.ContainsKey('Body')) { $request.Json = ConvertTo-Json -InputObject $Call.Body -Depth 20 -Compress }
        $sentAt = [DateTime]::UtcNow
        $reply = Send-HttpRequest $request
        $problem = Get-ReplyProblem $reply $session.Url
        Write-Verbose ('{0} {1}: {2} in {3:n0} ms' -f $Call.Method, $uri, $reply.Status, ([DateTime]::UtcNow - $sentAt).TotalMilliseconds)
        if (-not $problem) { break }
        $wait = [double](Get-Field $problem 'RetryAfterSeconds')
        if ($problem.Code -ne 'caller_throttled' -or $attempt -ge $script:Attempts -or $wait -gt $script:LongestWaitSeconds) { break }
        # A little more for some, so that those who were throttled together do not come back together.
        Start-Sleep -Milliseconds ([int](1000 * [Math]::Max(1, $wait)) + (Get-Random -Maximum 500))
    }
    $value = if (-not $problem -and -not $Call['Stream']) { ConvertFrom-Reply $reply.Text }
    [pscustomobject]@{ Value = $value; Reply = $reply; SentAt = $sentAt; Problem = $problem }
}

# The same, ending the running command with the problem as its error.
function Invoke-BrokerApi([hashtable] $Call) {
    $answer = Request-BrokerApi $Call
    if ($answer.Problem) { Write-TerminatingError -Problem $answer.Problem }
    $answer
}

# What is wrong with a reply, or $null. Only a broker answers with a correlation id and in JSON.
function Get-ReplyProblem($Reply, [string] $Url) {
    if ($Reply.Status -eq 0) { return ConvertTo-Problem broker_unreachable "$Url could not be reached: $($Reply.Failure)." }
    $isOurs = [bool](Get-ReplyHeader $Reply 'x-correlation-id')
    if ($Reply.Status -ge 200 -and $Reply.Status -lt 300) {
        if ($isOurs) { return }
        return ConvertTo-Problem not_a_broker "$Url answers, but not as a broker does." -Status $Reply.Status
    }
    $document = ConvertFrom-Reply $Reply.Text
    if ((Get-Field $document 'code') -and (Get-Field $document 'advice')) {
        return ConvertTo-Problem -Document $document -Status $Reply.Status
    }
    # Of a front end between here and the app, or of the host while the app is not up.
    if ($Reply.Status -in 502, 503, 504) { return ConvertTo-Problem broker_unreachable "$Url answers with status $($Reply.Status)." -Status $Reply.Status }
    ConvertTo-Problem not_a_broker "$Url answers with status $($Reply.Status), and not as a broker does." -Status $Reply.Status
}
