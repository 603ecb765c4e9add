# Failures that this module detects: category, title, advice. Failures of the broker have their own code, title and advice.
$script:ClientErrors = @{
    not_connected     = @('ConnectionError', 'No session with a broker is open', 'Run Connect-PartnerTokenBroker first.')
    session_expired   = @('AuthenticationError', 'The session has expired', 'Run Connect-PartnerTokenBroker again.')
    sign_in_failed    = @('AuthenticationError', 'The sign-in for the broker failed', 'Check the sign-in parameters of Connect-PartnerTokenBroker: identity, application, secret or certificate, tenant, audience.')
    demo_not_running  = @('ObjectNotFound', 'No demo is running here', 'Run npm start in the folder of the project, wait for the address of its dashboard, and run this command in that folder or below it.')
    url_invalid       = @('InvalidArgument', 'The URL is invalid', 'Specify the https URL of the function app, for example https://broker.contoso.com.')
    broker_unreachable = @('ConnectionError', 'The broker does not answer', 'Check the URL, the network, and that the function app is running.')
    not_a_broker      = @('InvalidArgument', 'The server at this URL is not a broker', 'Check the URL that you passed to Connect-PartnerTokenBroker.')
    request_invalid   = @('InvalidArgument', 'The request is not valid', 'Specify the path at the resource, such as /users, or a link of an earlier answer.')
    reply_invalid     = @('InvalidData', 'The reply cannot be read', 'Try again. If it fails again, search the log of the broker for the correlation id.')
    module_missing    = @('NotInstalled', 'A required module is not installed', 'Install the module that the message names.')
    module_outdated   = @('NotInstalled', 'The installed module is too old', 'Update the module that the message names.')
    connect_failed    = @('ConnectionError', 'The module could not connect', 'Read the message of the module.')
    connection_shared = @('InvalidOperation', 'Several tenants cannot share a connection', 'The Microsoft modules keep one connection per process. Use -ThrottleLimit 1, or Get-PartnerToken with a REST call.')
    exchange_failed   = @('InvalidResult', 'Exchange Online rejected the command', 'Check the command, its parameters, and the Exchange roles of the delegated relationship.')
    approval_pending  = @('PermissionDenied', 'The request waits for an approval', 'Run the same command again once the request is approved.')
    resource_refused  = @('InvalidResult', 'The resource rejected the request', 'Check the request, and the roles of the delegated relationship in this tenant.')
    run_cancelled     = @('OperationStopped', 'The run was cancelled', 'Find out who cancelled it, and run the command again.')
    wait_timed_out    = @('OperationTimeout', 'The run did not end in time', 'The run continues. Run Wait-PartnerRun again to wait longer.')
}

# Advice in place of the broker's, which tells a program how to change its HTTP request.
$script:CommandAdvice = @{
    caller_unauthenticated = 'Run Connect-PartnerTokenBroker again, and check its -Audience.'
    caller_throttled       = 'Wait as long as RetryAfterSeconds of the error says, then run the command again.'
    approval_ended         = "To ask for a new approval, run Start-PartnerApply with -AskAgain, or Invoke-PartnerRequest with -Headers @{ 'x-ask-again' = 'true' }."
    too_many_approvals     = 'Wait until some requests are decided or expire, then run the command again.'
    reason_required        = "In an emergency, run Invoke-PartnerRequest with -Headers @{ 'x-break-glass' = 'true'; 'x-reason' = 'REASON' }. Every use is announced. Otherwise ask the operator for another rule."
    request_invalid        = 'Correct the parameter that the message is about. Get-Help describes the parameters of a command.'
    not_found              = 'Check the URL of Connect-PartnerTokenBroker, and that this module and the broker have the same version.'
    throttled              = 'Wait as long as RetryAfterSeconds of the error says, then run the command again.'
    busy                   = 'Wait as long as RetryAfterSeconds of the error or the message says, then run the command again.'
    run_not_found          = 'Get-PartnerRun lists the runs.'
    apply_held             = 'Look at what happened so far with Get-PartnerPlan. Then run Resume-PartnerApply or Stop-PartnerApply.'
    job_unknown            = 'Get-PartnerJob lists the jobs.'
}

# Failures that affect all tenants. Invoke-PartnerTenant stops after one of them.
$script:SessionWideCodes = @(
    'not_connected', 'session_expired', 'sign_in_failed', 'demo_not_running', 'not_a_broker', 'broker_unreachable', 'caller_unauthenticated'
    'credential_missing', 'credential_expired', 'credential_revoked', 'client_credential_rejected', 'config_invalid'
)

# Failures that no other tenant of a pipeline would escape.
$script:SameEverywhereCodes = $script:SessionWideCodes + @('resource_not_allowed', 'job_unknown')

# Failures after which the same request may succeed later (docs/errors.md), and no answer of the broker.
$script:TransientCodes = @(
    'broker_unreachable', 'caller_throttled', 'throttled', 'busy', 'entra_unavailable', 'resource_error', 'key_vault_unavailable'
    'directory_unavailable', 'storage_unavailable', 'audit_unavailable', 'not_attempted', 'change_pending', 'job_timed_out', 'internal', 'too_many_approvals'
)

# Creates the problem object of a failure, from the broker's problem document or from a code of this module.
function ConvertTo-Problem($Code, $Detail, $Document, $Status) {
    if ($Document) {
        $advice = if ($script:CommandAdvice[$Document.code]) { $script:CommandAdvice[$Document.code] } else { $Document.advice }
        $texts = @{ Code = $Document.code; Title = $Document.title; Detail = $Document.detail; Advice = $advice }
        $correlationId = Get-Field $Document 'correlationId'
        $retryAfter = Get-Field $Document 'retryAfterSeconds'
    }
    else {
        $null, $title, $advice = $script:ClientErrors[$Code]
        $texts = @{ Code = $Code; Title = $title; Detail = $Detail; Advice = $advice }
        $correlationId = $retryAfter = $null
    }
    [pscustomobject]@{
        PSTypeName        = 'PartnerTokenBroker.Problem'
        Code              = [string]$texts.Code
        Title             = Hide-Token $texts.Title
        Detail            = Hide-Token $texts.Detail
        Advice            = Hide-Token $texts.Advice
        Status            = $Status
        CorrelationId     = $correlationId
        RetryAfterSeconds = $retryAfter
    }
}

# Creates the error record of a problem: message, recommended action, category, and the code in FullyQualifiedErrorId.
function ConvertTo-ErrorRecord($Problem) {
    $name = Get-Field $Problem 'TenantName'
    $text = '{0}{1}. {2}' -f $(if ($name) { "${name}: " }), $Problem.Title.TrimEnd('.'), $Problem.Detail
    $exception = [InvalidOperationException]::new($text.Trim())
    foreach ($name in 'Code', 'Status', 'Advice', 'CorrelationId', 'RetryAfterSeconds') { $exception.Data[$name] = $Problem.$name }
    $record = [Management.Automation.ErrorRecord]::new($exception, $Problem.Code, (Get-ErrorCategory $Problem), $Problem)
    $record.CategoryInfo.TargetName = $Problem.Code
    $record.CategoryInfo.TargetType = 'Problem'
    # Windows PowerShell does not show the recommended action, so it is part of the message there.
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

# Ends the running public command with a terminating error. Private functions have no CmdletBinding attribute, so $PSCmdlet
# is that of the public command. The error therefore points to the line of the caller and not into this module.
# In Invoke-ForTenant, it ends the work for one tenant.
function Write-TerminatingError($Code, $Detail, $Problem, $Advice) {
    if (-not $Problem) { $Problem = ConvertTo-Problem $Code $Detail }
    if ($Advice) { $Problem.Advice = $Advice }
    if ($tenantWork -and [object]::ReferenceEquals($tenantWork.Command, $PSCmdlet) -and $Problem.Code -notin $script:SameEverywhereCodes) {
        $tenantWork.Problem = $Problem
        throw $tenantWork.Signal
    }
    $PSCmdlet.ThrowTerminatingError((ConvertTo-ErrorRecord $Problem))
}

# Work of Invoke-ForTenant, which has a variable of this name in its own scope. Outside there is none. A later command of the
# pipeline runs inside that scope, so the work names its own command.
$tenantWork = $null

# Runs the work of a public command for one tenant. If the tenants come from a pipeline, a failure of one is an error that does
# not end the pipeline. InputObject is the object in the pipeline, and Given what names the tenant if that has no name.
function Invoke-ForTenant($InputObject, [string] $Given, [scriptblock] $Work) {
    if (-not $PSCmdlet.MyInvocation.ExpectingInput) { & $Work; return }
    $tenantWork = @{ Command = $PSCmdlet; Signal = [OperationCanceledException]::new('The work for a tenant has failed.'); Problem = $null }
    try { & $Work }
    catch {
        # A later command of the pipeline may have failed: its errors pass through here.
        if (-not [object]::ReferenceEquals($_.Exception, $tenantWork.Signal)) { throw }
        Remove-CaughtError $tenantWork.Signal
        $id, $name = foreach ($field in 'TenantId', 'Name') { if (Get-Field $InputObject $field) { Get-Field $InputObject $field } else { $Given } }
        Write-TenantError $tenantWork.Problem $id $name
    }
}

# PowerShell adds an error that is caught to $Error, and to the variable of -ErrorVariable.
function Remove-CaughtError($Exception) {
    $variable = [string]$PSCmdlet.MyInvocation.BoundParameters['ErrorVariable']
    $lists = @(, (Get-Variable -Name Error -Scope Global -ValueOnly))
    if ($variable) { $lists += , $PSCmdlet.SessionState.PSVariable.GetValue($variable.TrimStart('+')) }
    foreach ($list in $lists) {
        for ($at = $list.Count - 1; $at -ge 0; $at--) {
            if ([object]::ReferenceEquals((Get-Field $list[$at] 'Exception'), $Exception)) { $list.RemoveAt($at) }
        }
    }
}

# Writes the problem of one tenant as an error that ends the command only if the caller says so.
function Write-TenantError($Problem, [string] $TenantId, [string] $Name) {
    $Problem | Add-Member @{ TenantId = $TenantId; TenantName = $Name }
    # The preference of the caller. That of this module would end the command.
    $ErrorActionPreference = $PSCmdlet.SessionState.PSVariable.GetValue('ErrorActionPreference')
    $PSCmdlet.WriteError((ConvertTo-ErrorRecord $Problem))
}

# Replaces tokens in a text that will be shown, and limits its length.
function Hide-Token($Text) {
    $safe = [string]$Text -replace 'eyJ[\w-]{8,}(\.[\w-]*){1,4}', '[token]' -replace '(?i)(bearer\s+)\S{16,}', '$1[token]' -replace '\b[01]\.A[\w-]{30,}', '[token]'
    if ($safe.Length -gt 1000) { $safe = $safe.Substring(0, 1000) + '...' }
    $safe
}
