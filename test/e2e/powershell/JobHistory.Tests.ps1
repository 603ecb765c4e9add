BeforeAll {
    . "$PSScriptRoot/TestSetup.ps1"
    Connect-TestBroker
    $tenants = @(Get-TestTenant | Select-Object -First 2)
    $refusing = @(Get-TestTenant no_consent)[0]
    $run = Start-PartnerRun -Job licence-report -Tenant ($tenants + $refusing).tenantId | Wait-PartnerRun -PollIntervalSeconds 0.2
    $rows = @($run | Get-PartnerRunResult)
    # Other files run the same job.
    function Select-Run { process { if ($_.RunId -eq $run.RunId) { $_ } } }
}
AfterAll { Disconnect-PartnerTokenBroker }

Describe 'Get-PartnerJobHistory' {
    It 'returns the sums of a run, and how many tenants they cover' {
        $all = @(Get-PartnerJobHistory licence-report)
        $all[0].StartedAt | Should -BeGreaterOrEqual $all[-1].StartedAt
        $found = $all | Select-Run
        $found.Rows | Should -Be $rows.Count
        $found.Numbers.free | Should -Be ($rows | Measure-Object free -Sum).Sum
        @($found.Outcome, $found.Scope) | Should -Be $run.Outcome, 'selected'
        $found.Outcome | Should -Be 'partly_failed'
        @($found.Counted, $found.Total, $found.Succeeded, $found.Failed, $found.Skipped, $found.NotAttempted) | Should -Be 2, 3, 2, 1, 0, 0
        $found.TenantId | Should -BeNullOrEmpty
        $found.StartedAt.Kind | Should -Be 'Utc'
        $text = $found | Out-String -Width 200
        $text | Should -Match 'Started \(UTC\)\s+Outcome\s+Tenants\s+Rows\s+Numbers'
        $text | Should -Match "partly failed\s+2/3\s+$($rows.Count)\s.*free: $($found.Numbers.free)"
    }

    It 'returns the numbers of one tenant, and none if it failed' {
        $mine = @($rows | Where-Object tenantId -EQ $tenants[0].tenantId)
        $one = Get-PartnerJobHistory -Job licence-report -Tenant $tenants[0].domain | Select-Run
        @($one.TenantId, $one.Outcome, $one.Rows) | Should -Be $tenants[0].tenantId, 'succeeded', $mine.Count
        $one.Numbers.free | Should -Be ($mine | Measure-Object free -Sum).Sum
        $failed = Get-PartnerJobHistory licence-report $refusing.tenantId | Select-Run
        $failed.Outcome | Should -Be 'failed'
        $null -eq $failed.Rows | Should -BeTrue
        $null -eq $failed.Numbers | Should -BeTrue
        $failed | Out-String -Width 200 | Should -Match 'failed'
    }

    It 'takes tenants from the pipeline' {
        $piped = Get-PartnerTenant -Tenant $tenants.tenantId | Get-PartnerJobHistory licence-report | Select-Run
        $piped.TenantId | Sort-Object | Should -Be ($tenants.tenantId | Sort-Object)
    }

    It 'limits the sums to tenants, and to rows with a value' {
        $one = Get-PartnerJobHistory licence-report -Tenant $tenants.tenantId -Except $tenants[1].domain | Select-Run
        @($one.Counted, $one.Total) | Should -Be 1, 1
        $product = $rows[0].product
        $part = Get-PartnerJobHistory licence-report -Value $product | Select-Run
        $part.Rows | Should -Be @($rows | Where-Object product -EQ $product).Count
    }

    It 'limits runs by time' {
        $started = (Get-PartnerJobHistory licence-report | Select-Run).StartedAt
        @(Get-PartnerJobHistory licence-report -Since $started -Until $started.AddSeconds(1)).RunId | Should -Contain $run.RunId
        @(Get-PartnerJobHistory licence-report -Until $started).RunId | Should -Not -Contain $run.RunId
    }

    It 'warns of runs that are left out' {
        Mock Invoke-BrokerApi -ModuleName PartnerTokenBroker {
            $point = [pscustomobject]@{ runId = 'j@w'; startedAt = '2026-11-24T05:00:00Z'; outcome = 'failed' }
            $history = [pscustomobject]@{ job = 'j'; since = '2026-11-20T05:00:00.001Z'; truncated = $true; otherParameters = 2; runs = @($point) }
            [pscustomobject]@{ Value = $history }
        }
        @(Get-PartnerJobHistory j -WarningVariable warnings -WarningAction SilentlyContinue).RunId | Should -Be 'j@w'
        $warnings | Should -Be "j has older runs. To read them, use -Until '2026-11-20T05:00:00.001Z'.", 'Runs of j with other parameters were left out: 2.'
    }

    It 'fails with the code of the broker for an unknown job, tenant and group' {
        (Get-Failure { Get-PartnerJobHistory nothing }).FullyQualifiedErrorId | Should -Be 'job_unknown,Get-PartnerJobHistory'
        (Get-Failure { Get-PartnerJobHistory licence-report nobody.example }).FullyQualifiedErrorId | Should -Be 'tenant_unknown,Get-PartnerJobHistory'
        (Get-Failure { Get-PartnerJobHistory licence-report group:nobody }).FullyQualifiedErrorId | Should -Be 'request_invalid,Get-PartnerJobHistory'
    }
}
