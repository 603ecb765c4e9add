# Failures that arise on this side of the wire. Those of the broker come with their own code, title and advice.
$script:ClientErrors = @{
    not_connected     = @('ConnectionError', 'There is no session with a broker', 'Run Connect-PartnerTokenBroker first.')
    session_expired   = @('AuthenticationError', 'The session has expired', 'Run Connect-PartnerTokenBroker again.')
    sign_in_failed    = @('AuthenticationError', 'No token for the broker could be obtained', 'Check how Connect-PartnerTokenBroker signs in: identity, application, secret or certificate, tenant, audience.')
    url_invalid       = @('InvalidArgument', 'The address cannot be used', 'Give the https address of the function app, for example https://broker.contoso.com.')
    broker_unreachable = @('ConnectionError', 'The broker does not answer', 'Check the address, the network and that the function app runs; GET /api/health needs no token.')
    not_a_broker      = @('InvalidArgument', 'What answers at this address is not a broker', 'Check the address given to Connect-PartnerTokenBroker.')
    reply_invalid     = @('InvalidData', 'The reply cannot be read', 'Try again; if it lasts, look in the log of the broker under the correlation id.')
    module_missing    = @('NotInstalled', 'The module that connects is not installed', 'Install the module that the message names.')
    module_outdated   = @('NotInstalled', 'The installed module is too old', 'Update the module that the message names.')
    connect_failed    = @('ConnectionError', 'The module refused to connect', 'Read the message of the module.')
    connection_shared = @('InvalidOperation', 'The connection would be shared by several tenants', 'Connect commands keep one connection a process: use -ThrottleLimit 1, or Get-PartnerToken with a REST call.')
    exchange_failed   = @('InvalidResult', 'Exchange Online refused the command', 'Check the command and its parameters, and the Exchange roles of the delegated relationship.')
    wait_timed_out    = @('OperationTimeout', 'The run has not ended in time', 'Wait again with Wait-PartnerRun: the run goes on.')
}

# Failures after which no other tenant can fare better.
$script:SessionWideCodes = @(
    'not_connected', 'session_expired', 'sign_in_failed', 'not_a_broker', 'broker_unreachable', 'caller_unauthenticated'
    'credential_missing', 'credential_expired', 'credential_revoked', 'client_credential_rejected', 'config_invalid'
)

# An object for a failure: the broker's own problem document, or one of this side.
function ConvertTo-Problem($Code, $Detail, $Document, $Status) {
    if ($Document) {
        $known = @{ Code = $Document.code; Title = $Document.title; Detail = $Document.detail; Advice = $Document.advice }
        $correlationId = Get-Field $Document 'correlationId'
        $retryAfter = Get-Field $Document 'retryAfterSeconds'
    }
    else {
        $null, $title, $advice = $script:ClientErrors[$Code]
        $known = @{ Code = $Code; Title = $title; Detail = $Detail; Advice = $advice }
        $correlationId = $retryAfter = $null
    }
    [pscustomobject]@{
        PSTypeName        = 'PartnerTokenBroker.Problem'
        Code              = [string]$known.Code
        Title             = Hide-Token $known.Title
        Detail            = Hide-Token $known.Detail
        Advice            = Hide-Token $known.Advice
        Status            = $Status
        CorrelationId     = $correlationId
        RetryAfterSeconds = $retryAfter
    }
}

# The problem as PowerShell shows errors: message, recommended action, category, and the code in FullyQualifiedErrorId.
function ConvertTo-ErrorRecord($Problem) {
    $text = '{0}. {1}' -f $Problem.Title.TrimEnd('.'), $Problem.Detail
    $exception = [InvalidOperationException]::new($text.Trim())
    foreach ($name in 'Code', 'Status', 'Advice', 'CorrelationId', 'RetryAfterSeconds') { $exception.Data[$name] = $Problem.$name }
    $record = [Management.Automation.ErrorRecord]::new($exception, $Problem.Code, (Get-ErrorCategory $Problem), $Problem)
    $record.CategoryInfo.TargetName = $Problem.Code
    $record.CategoryInfo.TargetType = 'Problem'
    # Windows PowerShell does not show the recommended action by itself.
    $shown = if ($PSVersionTable.PSVersion.Major -lt 6) { "`n$($Problem.Advice)" } else { '' }
    $record.ErrorDetails = [Management.Automation.ErrorDetails]::new("$($exception.Message) [$($Problem.Code)]$shown")
    $record.ErrorDetails.RecommendedAction = $Problem.Advice
    $record
}

function Get-ErrorCategory($Problem) {
    $own = $script:ClientErrors[$Problem.Code]
    if ($own) { return $own[0] }
    switch ($Problem.Status) {
        400 { 'InvalidArgument' }
        401 { 'AuthenticationError' }
        403 { 'PermissionDenied' }
        404 { 'ObjectNotFound' }
        409 { 'ResourceExists' }
        429 { 'LimitsExceeded' }
        504 { 'OperationTimeout' }
        default { 'ResourceUnavailable' }
    }
}

# Ends the public command that is running with an error. Private functions are plain ones, so that $PSCmdlet is the public
# command's: the error then points at the caller's line, not into this module.
function Write-TerminatingError($Code, $Detail, $Problem) {
    if (-not $Problem) { $Problem = ConvertTo-Problem $Code $Detail }
    $PSCmdlet.ThrowTerminatingError((ConvertTo-ErrorRecord $Problem))
}

# Whatever looks like a token goes out of a text that is to be shown, and what remains is kept short.
function Hide-Token($Text) {
    $safe = [string]$Text -replace 'eyJ[\w-]{8,}(\.[\w-]*){1,4}', '[token]' -replace '(?i)(bearer\s+)\S{16,}', '$1[token]' -replace '\b[01]\.A[\w-]{30,}', '[token]'
    if ($safe.Length -gt 1000) { $safe = $safe.Substring(0, 1000) + '...' }
    $safe
}
