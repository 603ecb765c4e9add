# Converts API objects to PowerShell objects: names in Pascal case, times in UTC, and a type name for the default view.

function ConvertTo-Tenant($Item) {
    [pscustomobject]@{
        PSTypeName         = 'PartnerTokenBroker.Tenant'
        TenantId           = $Item.tenantId
        Name               = $Item.name
        DefaultDomain      = Get-Field $Item 'defaultDomain'
        Relationship       = $Item.relationship
        RelationshipEndsAt = ConvertTo-UtcTime (Get-Field $Item 'relationshipEndsAt')
        Reachable          = $Item.reachable
        Reason             = $Item.reason
        Explanation        = $Item.explanation
        Tags               = @(Get-Field $Item 'tags')
        Groups             = @(Get-Field $Item 'groups')
    }
}

function ConvertTo-Job($Item) {
    [pscustomobject]@{
        PSTypeName  = 'PartnerTokenBroker.Job'
        Job         = $Item.name
        Title       = $Item.title
        Description = Get-Field $Item 'description'
        Schedule    = Get-Field $Item 'schedule'
        NextAt      = ConvertTo-UtcTime (Get-Field $Item 'nextAt')
        Resources   = @(Get-Field $Item 'resources')
    }
}

function ConvertTo-Run($Item) {
    $progress = Get-Field $Item 'progress'
    $counts = $Item.tenants
    $done = if ($progress) { $progress.done } else { $counts.succeeded + $counts.failed + $counts.skipped }
    $failures = foreach ($failure in @(Get-Field $Item 'failures')) {
        if ($null -eq $failure) { continue }
        [pscustomobject]@{
            PSTypeName = 'PartnerTokenBroker.Failure'
            TenantId   = $failure.tenantId; Name = $failure.name; Code = $failure.code
            Title      = $failure.title; Detail = Get-Field $failure 'detail'; Advice = $failure.advice.Replace('<id>', $failure.tenantId)
        }
    }
    [pscustomobject]@{
        PSTypeName = 'PartnerTokenBroker.Run'
        RunId      = $Item.runId
        Job        = $Item.job
        Status     = $Item.status
        Outcome    = Get-Field $Item 'outcome'
        Total      = $counts.total
        Done       = $done
        Succeeded  = $counts.succeeded
        Failed     = $counts.failed
        Skipped    = $counts.skipped
        StartedBy  = Get-Field $Item 'startedBy'
        StartedAt  = ConvertTo-UtcTime $Item.startedAt
        FinishedAt = ConvertTo-UtcTime (Get-Field $Item 'finishedAt')
        Duration   = [timespan]::FromMilliseconds($Item.durationMs)
        StoppedBy  = Get-Field (Get-Field $Item 'stoppedBy') 'detail'
        Failures   = @($failures)
    }
}

# Names has the names of the tenants by their ids.
function ConvertTo-AuditEntry($Item, [hashtable] $Names) {
    $tenantId = Get-Field $Item 'tenantId'
    [pscustomobject]@{
        PSTypeName       = 'PartnerTokenBroker.AuditEntry'
        At               = ConvertTo-UtcTime $Item.at
        Kind             = if (Get-Field $Item 'kind') { $Item.kind } else { 'token' }
        Outcome          = $Item.outcome
        Code             = Get-Field $Item 'code'
        Caller           = $Item.caller.applicationId
        CallerObject     = $Item.caller.objectId
        CallerKind       = $Item.caller.kind
        CallerBlueprint  = Get-Field $Item.caller 'blueprint'
        CallerActsFor    = Get-Field $Item.caller 'actsFor'
        Rule             = Get-Field $Item 'rule'
        ApprovalId       = Get-Field $Item 'approvalId'
        TenantId         = $tenantId
        TenantName       = if ($tenantId) { $Names[$tenantId] }
        TenantAsked      = Get-Field $Item 'tenantAsked'
        Resource         = Get-Field $Item 'resource'
        Grant            = Get-Field $Item 'grant'
        Route            = Get-Field $Item 'route'
        Scopes           = @($Item.scopes)
        ExcessScopes     = @(Get-Field $Item 'excessScopes')
        TagsAdded        = @(Get-Field $Item 'tagsAdded')
        TagsRemoved      = @(Get-Field $Item 'tagsRemoved')
        Application      = Get-Field $Item 'application'
        ExpiresAt        = ConvertTo-UtcTime (Get-Field $Item 'expiresAt')
        FromCache        = Get-Field $Item 'fromCache'
        Method           = Get-Field $Item 'method'
        Path             = Get-Field $Item 'path'
        Cmdlet           = Get-Field $Item 'cmdlet'
        Status           = Get-Field $Item 'status'
        RequestId        = Get-Field $Item 'requestId'
        TokenFingerprint = Get-Field $Item 'tokenFingerprint'
        TokenId          = $Item.tokenId
        CorrelationId    = $Item.correlationId
    }
}

function ConvertTo-TenantEvent($Item) {
    [pscustomobject]@{
        PSTypeName  = 'PartnerTokenBroker.TenantEvent'
        At          = ConvertTo-UtcTime $Item.at
        TenantId    = $Item.tenantId
        TenantName  = $Item.tenantName
        Kind        = $Item.kind
        Explanation = $Item.explanation
        Advice      = Get-Field $Item 'advice'
        Reason      = Get-Field $Item 'reason'
        EndsAt      = ConvertTo-UtcTime (Get-Field $Item 'endsAt')
        EndedAt     = ConvertTo-UtcTime (Get-Field $Item 'endedAt')
        Days        = Get-Field $Item 'days'
        TagsAdded   = @(Get-Field $Item 'tagsAdded')
        TagsRemoved = @(Get-Field $Item 'tagsRemoved')
        Scopes      = @(Get-Field $Item 'scopes')
        Application = Get-Field $Item 'application'
        Code        = Get-Field $Item 'code'
        Jobs        = @(Get-Field $Item 'jobs')
        Sequence    = $Item.sequence
        Id          = $Item.id
    }
}

# A run in the history of a job. Without TenantId, it is over several tenants.
function ConvertTo-RunInHistory($Item, $History) {
    $counts = Get-Field $Item 'tenants'
    $outcome = Get-Field $Item 'outcome'
    [pscustomobject]@{
        PSTypeName   = 'PartnerTokenBroker.RunInHistory'
        StartedAt    = ConvertTo-UtcTime $Item.startedAt
        Job          = $History.job
        RunId        = $Item.runId
        TenantId     = Get-Field $History 'tenantId'
        Outcome      = if ($outcome) { $outcome } else { Get-RunOutcome $Item.status $counts }
        Scope        = Get-Field $Item 'scope'
        Total        = Get-Field $counts 'total'
        Succeeded    = Get-Field $counts 'succeeded'
        Failed       = Get-Field $counts 'failed'
        Skipped      = Get-Field $counts 'skipped'
        NotAttempted = Get-Field $counts 'notAttempted'
        Counted      = Get-Field $Item 'counted'
        Rows         = Get-Field $Item 'rows'
        Numbers      = Get-Field $Item 'numbers'
    }
}

# A run that makes a plan, or applies the one with that id.
function ConvertTo-StartedPlanRun($Item, [string] $PlanId) {
    [pscustomobject]@{ PSTypeName = 'PartnerTokenBroker.StartedRun'; RunId = $Item.runId; Job = $PlanId -replace '@.*'; Status = $Item.status; PlanId = $PlanId }
}

# A plan, and what became of it. Without Changes and Outcomes, it is one of a list.
function ConvertTo-Plan($Item) {
    $apply = Get-Field $Item 'apply'
    $expiresAt = ConvertTo-UtcTime (Get-Field $Item 'expiresAt')
    $changes = foreach ($group in @(Get-Field $Item 'groups')) {
        if ($null -eq $group) { continue }
        [pscustomobject]@{
            PSTypeName = 'PartnerTokenBroker.PlannedChange'
            Action     = $group.action; Target = $group.target; Before = $group.before; After = $group.after
            Undo       = $group.undo; Tenants = $group.tenants
        }
    }
    [pscustomobject]@{
        PSTypeName     = 'PartnerTokenBroker.Plan'
        PlanId         = $Item.planId
        Job            = $Item.job
        Title          = $Item.title
        State          = Get-PlanState $Item.status $apply $expiresAt
        Tenants        = $Item.tenants.total
        Failed         = $Item.tenants.failed
        ChangedTenants = Get-Field $Item 'changedTenants'
        ChangeCount    = Get-Field $Item 'changes'
        Irreversible   = Get-Field $Item 'irreversible'
        Changes        = @($changes)
        HasMoreChanges = [bool](Get-Field $Item 'more')
        MadeBy         = $Item.madeBy
        MadeAt         = ConvertTo-UtcTime $Item.madeAt
        ExpiresAt      = $expiresAt
        Digest         = Get-Field $Item 'digest'
        Undoes         = Get-Field $Item 'undoes'
        ApplyRunId     = Get-Field $apply 'runId'
        Wave           = Get-Field $apply 'wave'
        Waves          = @(Get-Field $apply 'waves')
        Waits          = [bool](Get-Field $apply 'waits')
        WaitsFor       = Get-Field $apply 'waitsFor'
        Hold           = Get-Field (Get-Field $apply 'hold') 'detail'
        Outcomes       = Get-Field $apply 'outcomes'
        ApprovalId     = Get-Field $apply 'approvalId'
    }
}

# Where a plan is, in the words of ptb plans.
function Get-PlanState([string] $Status, $Apply, $ExpiresAt) {
    if ($Status -in 'pending', 'running') { return 'being made' }
    if ($Status -ne 'completed') { return $Status }
    if (-not $Apply) { return $(if ($ExpiresAt -and $ExpiresAt -le (Get-UtcNow)) { 'expired' } else { 'ready' }) }
    if (Get-Field $Apply 'hold') { return 'held' }
    if ($Apply.waits) { return 'waits' }
    switch ($Apply.status) {
        completed { if ($Apply.tenants.failed + $Apply.tenants.notAttempted -gt 0) { 'partly applied' } else { 'applied' } }
        cancelled { 'ended' }
        failed { 'stopped' }
        default { "wave $([Math]::Max(1, [int](Get-Field $Apply 'wave'))) of $(@($Apply.waves).Count)" }
    }
}

# The outcome that Get-PartnerRun shows for the same run.
function Get-RunOutcome([string] $Status, $Counts) {
    switch ($Status) {
        'failed' { 'stopped' }
        'completed' {
            if ($Counts.failed + $Counts.notAttempted -gt 0) { if ($Counts.succeeded) { 'partly_failed' } else { 'failed_everywhere' } }
            elseif ($Counts.succeeded) { 'succeeded' } else { 'skipped' }
        }
        default { $Status }
    }
}

function Test-RunEnded($Run) { $Run.Status -notin 'pending', 'running' }

function Get-RunPath([string] $RunId) { '/runs/' + [Uri]::EscapeDataString($RunId) }

function Get-PlanPath([string] $PlanId) { '/plans/' + [Uri]::EscapeDataString($PlanId) }
