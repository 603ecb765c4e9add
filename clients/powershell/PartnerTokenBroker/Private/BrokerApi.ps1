# The request limiter of the broker asks for a few seconds at most. Longer waits are left to the caller of the command.
$script:MaxWaitSeconds = 30
$script:MaxAttempts = 4

# The same for a patient call. The same as those of ptb.
$script:MaxPatientWaitSeconds = 60
$script:MaxPatientAttempts = 5

<#
Sends one request to the broker's API in the current session. Keys of Call: Method, Path (under /api), and optionally Body
(an object to send as JSON), Json (a text to send as JSON), Headers, AsBytes (returns the body in Bytes of Reply instead of
Value), Patient (repeats the request while the broker is not available; only for requests that change nothing), Start (the same
for a request that starts a run: it has a key by which the broker knows it again), Recorded (repeats the request if its audit
record could not be written; only for requests that have no effect without it), Gateway (the reply is one of a resource, which
has its own statuses and more time) and Glance (asks once, for two seconds). Returns Value, Reply, SentAt and Problem. Either
Value or Problem is $null.
#>
function Request-BrokerApi([hashtable] $Call) {
    $session = Get-Session
    $uri = "$($session.Url)/api$($Call.Path)"
    if ($Call['Start']) { $Call = $Call + @{ Patient = $true; Headers = @{ 'Idempotency-Key' = [string][guid]::NewGuid() } } }
    for ($attempt = 1; ; $attempt++) {
        $request = @{ Method = $Call.Method; Uri = $uri; Bearer = (Get-CallerToken); AsBytes = $Call['AsBytes'] }
        if ($Call['Gateway']) { $request.TimeoutSeconds = $script:GatewaySeconds }
        if ($Call['Glance']) { $request.TimeoutSeconds = 2 }
        if ($Call['Headers']) { $request.Headers = $Call.Headers }
        if ($Call['Json']) { $request.Json = $Call.Json }
        if ($Call.ContainsKey('Body')) { $request.Json = ConvertTo-Json -InputObject $Call.Body -Depth 20 -Compress }
        $sentAt = [DateTime]::UtcNow
        $reply = Send-HttpRequest $request
        $problem = if ($Call['Gateway']) { Get-GatewayProblem $reply $session.Url } else { Get-ReplyProblem $reply $session.Url }
        Write-Verbose ('{0} {1}: {2} in {3:n0} ms' -f $Call.Method, $uri, $reply.Status, ([DateTime]::UtcNow - $sentAt).TotalMilliseconds)
        if (-not $problem) { break }
        $wait = Get-RetryWait $problem $attempt $Call
        if ($null -eq $wait) { break }
        # Random delay, so that clients that were throttled together do not retry together.
        Start-Sleep -Milliseconds ([int](1000 * [Math]::Max(1, $wait)) + (Get-Random -Maximum 500))
    }
    $value = if (-not $problem -and -not $Call['AsBytes']) { ConvertFrom-Reply $reply.Text }
    [pscustomobject]@{ Value = $value; Reply = $reply; SentAt = $sentAt; Problem = $problem }
}

# Seconds until the next attempt, or $null if the problem is final. They double from one second if the broker names none.
function Get-RetryWait($Problem, [int] $Attempt, [hashtable] $Call) {
    $codes, $attempts, $longest = @('caller_throttled'), $script:MaxAttempts, $script:MaxWaitSeconds
    if ($Call['Recorded']) { $codes += 'audit_unavailable' }
    if ($Call['Patient']) { $codes, $attempts, $longest = $script:TransientCodes, $script:MaxPatientAttempts, $script:MaxPatientWaitSeconds }
    if ($Call['Glance'] -or $Problem.Code -notin $codes -or $Attempt -ge $attempts) { return }
    $asked = Get-Field $Problem 'RetryAfterSeconds'
    # A limit passes soon only if the broker says when: otherwise its holder must make room.
    if ($null -eq $asked -and $Problem.Code -in 'busy', 'too_many_approvals') { return }
    $wait = if ($null -eq $asked) { [Math]::Pow(2, $Attempt - 1) } else { [double]$asked }
    if ($wait -le $longest) { $wait }
}

# Same as Request-BrokerApi, but ends the running command with a terminating error if there is a problem.
function Invoke-BrokerApi([hashtable] $Call) {
    $answer = Request-BrokerApi $Call
    if ($answer.Problem) { Write-TerminatingError -Problem $answer.Problem }
    $answer
}

# The problem of a reply to a request that other people have to approve first, or $null. A resource may reply with 202 too, but
# without this header.
function Get-PendingProblem($Reply) {
    $approval = if ($Reply.Status -eq 202) { Get-ReplyHeader $Reply 'x-approval-id' }
    if (-not $approval) { return }
    $detail = Get-Field (ConvertFrom-Reply $Reply.Text) 'detail'
    $problem = ConvertTo-Problem approval_pending "$detail The approval is $approval.".Trim() -Status $Reply.Status
    $problem.CorrelationId = Get-ReplyHeader $Reply 'x-correlation-id'
    $wait = Get-ReplyHeader $Reply 'retry-after'
    if ($wait -match '^\d{1,6}$') { $problem.RetryAfterSeconds = [int]$wait }
    $problem | Add-Member ApprovalId $approval -PassThru
}

# The problem of a reply, or $null. Only a broker sends a correlation id and JSON.
function Get-ReplyProblem($Reply, [string] $Url) {
    if ($Reply.Status -eq 0) { return ConvertTo-Problem broker_unreachable "$Url could not be reached: $($Reply.Failure)." }
    $isBroker = [bool](Get-ReplyHeader $Reply 'x-correlation-id')
    if ($Reply.Status -ge 200 -and $Reply.Status -lt 300) {
        if ($isBroker) { return Get-PendingProblem $Reply }
        return ConvertTo-Problem not_a_broker "The server at $Url answered, but it is not a broker." -Status $Reply.Status
    }
    $document = ConvertFrom-Reply $Reply.Text
    if ((Get-Field $document 'code') -and (Get-Field $document 'advice')) {
        return ConvertTo-Problem -Document $document -Status $Reply.Status
    }
    # From a proxy in front of the app, or from the host while the app is starting.
    if ($Reply.Status -in 502, 503, 504) { return ConvertTo-Problem broker_unreachable "The server at $Url returned HTTP $($Reply.Status)." -Status $Reply.Status }
    ConvertTo-Problem not_a_broker "The server at $Url returned HTTP $($Reply.Status), but it is not a broker." -Status $Reply.Status
}
