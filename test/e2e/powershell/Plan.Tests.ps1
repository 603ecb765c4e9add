BeforeAll {
    . "$PSScriptRoot/TestSetup.ps1"
    Connect-TestBroker
    $job = 'block-user-consent'
    $tenants = @(Get-TestTenant | Select-Object -First 2)
    $ids = $tenants.tenantId
    foreach ($id in $ids) {
        $change = @{ moreRoles = @('Privileged Role Administrator') } | ConvertTo-Json
        $null = Invoke-RestMethod -Method Post -Uri "$($cloud.control)/tenants/$id" -Body $change -ContentType application/json
    }

    # Waits until the apply of a plan waits for a person or has ended.
    function Wait-TestApply([string] $PlanId) {
        for ($try = 0; $try -lt 600; $try++) {
            $found = Get-PartnerPlan $PlanId
            if ($found.State -notlike 'wave*') { return $found }
            Start-Sleep -Milliseconds 200
        }
        throw "The apply of $PlanId did not come to rest."
    }
}
AfterAll { Disconnect-PartnerTokenBroker }

Describe 'a plan' {
    It 'is made, shown, applied in waves, and taken back by another plan' {
        $plan = New-PartnerPlan -Job $job -Tenant $ids | Wait-PartnerRun -PollIntervalSeconds 0.2 | Get-PartnerPlan
        $plan.State, $plan.ChangedTenants, $plan.ChangeCount, $plan.Irreversible, $plan.Failed | Should -Be 'ready', 2, 2, 0, 0
        $plan.ExpiresAt.Kind | Should -Be 'Utc'
        # Tenants with the same state before share a change.
        ($plan.Changes | Measure-Object Tenants -Sum).Sum | Should -Be 2
        $plan.Changes[0].Target, $plan.Changes[0].Undo | Should -Be '/policies/authorizationPolicy', 'yes'
        $plan.Changes[0].Before | Should -Match 'ManagePermissionGrantsForSelf'
        $plan.Changes | Out-String -Width 200 | Should -Match '(?s)Action.*Before.*After'
        Get-Head $plan | Should -Match '^State\s+Tenants\s+Made \(UTC\)\s+PlanId$'

        $apply = $plan | Start-PartnerApply -Waves $tenants[0].domain, '100%' -PauseMinutes 0 -MaxFailed 1 -MaxUnclear 0 -Confirm:$false
        $apply.RunId | Should -Match '@apply-[0-9a-f]{32}$'
        $apply.PlanId | Should -Be $plan.PlanId
        $waiting = Wait-TestApply $plan.PlanId
        $waiting.State, $waiting.Waits, $waiting.Wave | Should -Be 'waits', $true, 1
        $waiting.Waves | Should -Be 1, 1
        $waiting.WaitsFor | Should -Be 'wave-1'
        $waiting.ApplyRunId | Should -Be $apply.RunId
        (Get-Failure { $plan | Start-PartnerApply -Confirm:$false }).FullyQualifiedErrorId | Should -Be 'run_conflict,Start-PartnerApply'

        $waiting | Resume-PartnerApply -WhatIf
        (Get-PartnerPlan $plan.PlanId).State | Should -Be 'waits'
        $stale = Get-Failure { Resume-PartnerApply $plan.PlanId -WaitsFor 'wave-2' -Confirm:$false }
        $stale.FullyQualifiedErrorId | Should -Be 'request_invalid,Resume-PartnerApply'
        $short = Get-Failure { $waiting | Resume-PartnerApply -Reason 'ok' -Confirm:$false }
        $short.FullyQualifiedErrorId | Should -Be 'request_invalid,Resume-PartnerApply'
        $waiting | Resume-PartnerApply -Reason 'No tickets since.' -Confirm:$false | Should -BeNullOrEmpty
        & (Get-Module PartnerTokenBroker) {
            param($PlanId)
            (Invoke-BrokerApi @{ Method = 'GET'; Path = Get-PlanPath $PlanId }).Value.apply.gates.reason
        } $plan.PlanId | Should -Be 'No tickets since.'
        $done = Wait-TestApply $plan.PlanId
        $done.State, $done.Outcomes.applied | Should -Be 'applied', 2
        @(Get-PartnerRunResult -RunId $done.ApplyRunId).outcome | Should -Be 'applied', 'applied'

        $undo = $done | Undo-PartnerPlan
        $undo.PlanId | Should -Be $undo.RunId
        $inverse = $undo | Wait-PartnerRun -PollIntervalSeconds 0.2 | Get-PartnerPlan
        $inverse.Undoes, $inverse.ChangeCount | Should -Be $apply.RunId, 2
        $null = $inverse | Start-PartnerApply -Waves '100%' -NoConfirm -Confirm:$false
        (Wait-TestApply $inverse.PlanId).State | Should -Be 'applied'
        (New-PartnerPlan -Job $job -Tenant $ids | Wait-PartnerRun -PollIntervalSeconds 0.2 | Get-PartnerPlan).ChangeCount | Should -Be 2
    }

    It 'whose apply waits can be ended' {
        $plan = New-PartnerPlan -Job $job -Tenant $ids | Wait-PartnerRun -PollIntervalSeconds 0.2 | Get-PartnerPlan
        $null = $plan | Start-PartnerApply -Waves '1%', '100%' -PauseMinutes 0 -Confirm:$false
        $null = Wait-TestApply $plan.PlanId
        $plan | Stop-PartnerApply -Confirm:$false | Should -BeNullOrEmpty
        do { $ended = Get-PartnerPlan $plan.PlanId; Start-Sleep -Milliseconds 200 } while ($ended.State -eq 'wave 1 of 2')
        $ended.State, $ended.Outcomes.applied | Should -Be 'ended', 1
    }

    It 'is neither made nor applied with -WhatIf, and not made for an empty pipeline' {
        $before = @(Get-PartnerPlan).Count
        New-PartnerPlan -Job $job -WhatIf | Should -BeNullOrEmpty
        Get-PartnerTenant 'zzz*' | New-PartnerPlan -Job $job -WarningAction SilentlyContinue -WarningVariable warning | Should -BeNullOrEmpty
        "$warning" | Should -Match 'No plan was started'
        @(Get-PartnerPlan).Count | Should -Be $before
        @(Get-PartnerPlan -First 1).Count | Should -Be 1
        $plan = (Get-PartnerPlan)[0]
        $plan | Start-PartnerApply -WhatIf | Should -BeNullOrEmpty
        (Get-PartnerPlan $plan.PlanId).ApplyRunId | Should -Be $plan.ApplyRunId
    }

    It 'of a job that only reports, or that does not exist, is refused' {
        (Get-Failure { New-PartnerPlan -Job licence-report }).FullyQualifiedErrorId | Should -Be 'request_invalid,New-PartnerPlan'
        foreach ($command in 'Get-PartnerPlan', 'Start-PartnerApply', 'Resume-PartnerApply', 'Stop-PartnerApply', 'Undo-PartnerPlan') {
            $arguments = @{ PlanId = "$job@nothing" }
            if ($command -ne 'Get-PartnerPlan') { $arguments.Confirm = $false }
            (Get-Failure { & $command @arguments }).FullyQualifiedErrorId | Should -Be "run_not_found,$command"
        }
    }

    It 'that needs an approval is an error with its id, and asks again on request' {
        $reply = Get-FakeReply @{ Status = 202; Text = '{"approvalId":"a1","status":"pending","detail":"It waits for one more person."}' }
        [void]$reply.Headers.TryAddWithoutValidation('x-approval-id', 'a1')
        Mock Send-HttpRequest -ModuleName PartnerTokenBroker { throw "unexpected body: $($Request.Json)" }
        Mock Send-HttpRequest -ModuleName PartnerTokenBroker -ParameterFilter {
            $body = $Request.Json | ConvertFrom-Json
            $body.reason -eq 'Ticket 1' -and $body.askAgain -and $body.confirmWaves -eq $false -and $body.stop.failed -eq 0 -and
            $body.stop.PSObject.Properties.Name -notcontains 'unclear' -and "$($body.waves)" -eq 'group:pilot 100%'
        } { $reply }.GetNewClosure()
        $failure = Get-Failure {
            Start-PartnerApply -PlanId "$job@w" -Waves group:pilot, '100%' -MaxFailed 0 -NoConfirm -Reason 'Ticket 1' -AskAgain -Confirm:$false
        }
        $failure.FullyQualifiedErrorId | Should -Be 'approval_pending,Start-PartnerApply'
        $failure.TargetObject.ApprovalId | Should -Be 'a1'
        Should -Invoke Send-HttpRequest -ModuleName PartnerTokenBroker -Times 1 -Exactly -ParameterFilter { $Request.Json -match 'Ticket 1' }
    }

    It 'has a state in the words of ptb: <state>' -ForEach @(
        @{ state = 'being made'; status = 'running'; apply = $null }
        @{ state = 'cancelled'; status = 'cancelled'; apply = $null }
        @{ state = 'expired'; status = 'completed'; apply = $null }
        @{ state = 'held'; status = 'completed'; apply = @{ status = 'running'; waits = $true; hold = @{ detail = 'x' } } }
        @{ state = 'wave 2 of 3'; status = 'completed'; apply = @{ status = 'running'; waits = $false; wave = 2; waves = 1, 1, 1 } }
        @{ state = 'partly applied'; status = 'completed'; apply = @{ status = 'completed'; waits = $false; tenants = @{ failed = 1; notAttempted = 0 } } }
        @{ state = 'stopped'; status = 'completed'; apply = @{ status = 'failed'; waits = $false } }
    ) {
        $given = if ($apply) { $apply | ConvertTo-Json -Depth 3 | ConvertFrom-Json }
        & (Get-Module PartnerTokenBroker) { Get-PlanState $args[0] $args[1] ([DateTime]::UtcNow.AddDays(-1)) } $status $given | Should -Be $state
    }
}

Describe 'Wait-PartnerRun' {
    It 'says of an apply that it may wait for a person' {
        $run = [pscustomobject]@{ status = 'running'; window = "apply-$('0' * 32)"; progress = [pscustomobject]@{ done = 1; retrying = 0 } }
        $said = & (Get-Module PartnerTokenBroker) {
            $state = @{}
            Write-StandstillWarning $state $args[0]
            $state.Since = [DateTime]::UtcNow.AddMinutes(-1)
            Write-StandstillWarning $state $args[0] 3>&1
        } $run
        "$said" | Should -Match 'may wait for a person: Get-PartnerPlan'
    }
}
