BeforeAll {
    . "$PSScriptRoot/TestSetup.ps1"
    Connect-TestBroker
    $tenants = @(Get-TestTenant | Select-Object -First 3)
    # A run for all tenants would wait minutes for retries. These tenants need no retry.
    $run = Start-PartnerRun -Job licence-report -Tenant $tenants.tenantId | Wait-PartnerRun -PollIntervalSeconds 0.2
}
AfterAll { Disconnect-PartnerTokenBroker }

Describe 'Get-PartnerJob' {
    It 'lists the jobs and their next runs' {
        $job = Get-PartnerJob -Job licence-r*
        $job.Job | Should -Be 'licence-report'
        $job.NextAt | Should -BeGreaterThan ([DateTime]::UtcNow)
        $job.NextAt.Kind | Should -Be 'Utc'
        Get-Head (Get-PartnerJob) | Should -Match '^Job\s+Schedule\s+Next \(UTC\)\s+Title$'
    }
}

Describe 'runs' {
    It 'can be started, awaited and read in one pipeline' {
        $run.Status | Should -Be 'completed'
        $run.Outcome | Should -Be 'succeeded'
        $run.Succeeded | Should -Be 3
        $run.FinishedAt | Should -BeOfType datetime
        $rows = @($run | Get-PartnerRunResult)
        $rows.Count | Should -BeGreaterThan 2
        ($rows.tenantId | Sort-Object -Unique) | Should -Be ($tenants.tenantId | Sort-Object)
    }

    It 'can be limited to some tenants, and so can their rows' {
        $ids = $tenants.tenantId
        $part = Start-PartnerRun -Job licence-report -Tenant $ids -Except $ids[2] | Wait-PartnerRun -PollIntervalSeconds 0.2
        $part.Succeeded | Should -Be 2
        $one = @($run | Get-PartnerRunResult -Tenant $ids[0], $ids[1] -Except $ids[1])
        ($one.tenantId | Sort-Object -Unique) | Should -Be $ids[0]
        $file = $run | Get-PartnerRunResult -Except $ids[0], $ids[1] -OutFile (Join-Path $TestDrive 'rows.json') -Format json
        (@(Get-Content $file -Raw | ConvertFrom-Json).tenantId | Sort-Object -Unique) | Should -Be $ids[2]
        @(Get-PartnerTenant -Except $ids[0]).TenantId | Should -Not -Contain $ids[0]
        @(Get-PartnerTenant 'tag:nobody-has-it').Count | Should -Be 0
        { $run | Get-PartnerRunResult -Tenant group:nowhere } | Should -Throw '*nowhere*'
    }

    It 'return failures with code and advice' {
        $refusing = @(Get-TestTenant no_consent)[0]
        $failed = Start-PartnerRun -Job licence-report -Tenant $refusing.domain | Wait-PartnerRun -PollIntervalSeconds 0.2
        $failed.Failed | Should -Be 1
        $failed.Outcome | Should -Be 'failed_everywhere'
        $failed | Out-String -Width 200 | Should -Match 'failed everywhere'
        $failed.Failures[0].TenantId | Should -Be $refusing.tenantId
        $failed.Failures[0].Code | Should -Be 'consent_required'
        $failed.Failures[0].Advice | Should -Match "--tenant $($refusing.tenantId)"
    }

    It 'are listed newest first, with their counts' {
        $list = @(Get-PartnerRun -Job licence-report)
        $list.RunId | Should -Contain $run.RunId
        $list[0].StartedAt | Should -BeGreaterOrEqual $list[-1].StartedAt
        @(Get-PartnerRun -First 1).Count | Should -Be 1
        ($run | Get-PartnerRun).Done | Should -Be 3
        $long = $run | Select-Object *
        $long.PSTypeNames.Insert(0, 'PartnerTokenBroker.Run')
        $long.Outcome, $long.RunId = 'failed_everywhere', 'secret-expiry-report@manual-6fff5b33c4347ad98a2aa888c92f582f'
        Get-Head $long | Should -Match '^Outcome\s+Tenants\s+Failed\s+Started \(UTC\)\s+Duration\s+RunId$'
        [pscustomobject]@{ PSTypeName = 'PartnerTokenBroker.StartedRun'; RunId = $long.RunId; Job = 'secret-expiry-report'; Status = 'pending' } |
            Out-String -Width 80 | Should -Match "pending $($long.RunId)"
    }

    It 'show every outcome of the API in words' {
        $schema = (Get-Content "$PSScriptRoot/../../../docs/openapi.json" -Raw | ConvertFrom-Json).components.schemas.RunSummary
        $outcomes = $schema.properties.outcome.enum
        $outcomes.Count | Should -BeGreaterThan 7
        foreach ($outcome in $outcomes) {
            $shown = $run | Select-Object *
            $shown.PSTypeNames.Insert(0, 'PartnerTokenBroker.Run')
            $shown.Outcome = $outcome
            $shown | Out-String -Width 200 | Should -Match ([regex]::Escape($outcome.Replace('_', ' ')))
        }
    }

    It 'include all tenants of the pipeline in one run' {
        $both = Get-PartnerTenant | Where-Object TenantId -In $tenants[0, 1].tenantId | Start-PartnerRun -Job licence-report | Wait-PartnerRun -PollIntervalSeconds 0.2
        @($both).Count | Should -Be 1
        $both.Total | Should -Be 2
    }

    It 'show the licences of their rows in a table of 80 columns, and keep the other columns' {
        $rows = @($run | Get-PartnerRunResult)
        foreach ($shown in (Get-Head $rows), (Get-Head ($rows | Format-Table))) { $shown | Should -Match '^tenantName\s+product\s+licences\s+assigned$' }
        @($rows[0].PSObject.Properties.Name) | Should -Contain 'skuPartNumber'
        $file = Join-Path $TestDrive all.csv
        $rows | Export-Csv $file
        (Get-Content $file -First 1) | Should -Match '"tenantId".*"free"'
    }

    It 'show the first text of a row, then numbers and booleans, and ids last' {
        $shown = { param($Types) & (Get-Module PartnerTokenBroker) { Get-ShownColumn $args[0] } @($Types.Keys | ForEach-Object { [pscustomobject]@{ name = $_; type = $Types[$_] } }) }
        & $shown ([ordered]@{ userId = 'text'; user = 'text'; at = 'date'; admin = 'boolean'; devices = 'number' }) | Should -Be 'tenantName', 'user', 'admin', 'devices'
        & $shown ([ordered]@{ id = 'text' }) | Should -Be 'tenantName', 'id'
    }

    It 'show the columns that their job declares, whatever the first row has and another broker declares' {
        $name = $run.RunId -replace '@.*'
        foreach ($columns in '{"name":"free","type":"number"}', '{"name":"product","type":"text"}') {
            $jobs = Get-FakeReply @{ Text = "{`"jobs`":[{`"name`":`"$name`",`"columns`":[$columns]}]}" }
            $rows = Get-FakeReply @{ Bytes = [Text.Encoding]::UTF8.GetBytes('{"tenantName":"A","product":null,"free":1,"b":2,"c":3}') }
            Mock Send-HttpRequest -ModuleName PartnerTokenBroker { if ($Request.Uri -like '*/jobs') { $jobs } else { $rows } }
            & (Get-Module PartnerTokenBroker) { $script:Broker.Offers.Clear() }
            $shown = Get-Head ($run | Get-PartnerRunResult)
            $shown | Should -Match "^tenantName\s+$(($columns | ConvertFrom-Json).name)$"
        }
        & (Get-Module PartnerTokenBroker) { $script:Broker.Offers.Clear() }
    }

    It 'do not start if the pipeline contains no tenant' {
        $before = @(Get-PartnerRun).Count
        Get-PartnerTenant 'zzz*' | Start-PartnerRun -Job licence-report -WarningAction SilentlyContinue | Should -BeNullOrEmpty
        @(Get-PartnerRun).Count | Should -Be $before
    }

    It 'do not start with -WhatIf' {
        $before = @(Get-PartnerRun).Count
        Start-PartnerRun -Job licence-report -WhatIf | Should -BeNullOrEmpty
        @(Get-PartnerRun).Count | Should -Be $before
    }

    It 'are rejected if the window already has a run' {
        $window = [guid]::NewGuid().ToString()
        $null = Start-PartnerRun -Job licence-report -Tenant $tenants[0].tenantId -Window $window
        $failure = Get-Failure { Start-PartnerRun -Job licence-report -Tenant $tenants[0].tenantId -Window $window }
        $failure.FullyQualifiedErrorId | Should -Be 'run_conflict,Start-PartnerRun'
        $failure.CategoryInfo.Category | Should -Be 'ResourceExists'
    }

    It 'accept parameters' {
        $row = Start-PartnerRun -Job access-check -Tenant $tenants[0].tenantId -Parameters @{ resources = @('exchange') } |
            Wait-PartnerRun -PollIntervalSeconds 0.2 | Get-PartnerRunResult
        $row.resource | Should -Contain 'exchange'
    }

    It 'can be cancelled, but not with -WhatIf' {
        $started = Start-PartnerRun -Job licence-report -Tenant $tenants[0].tenantId
        $started | Stop-PartnerRun -WhatIf
        ($started | Wait-PartnerRun -PollIntervalSeconds 0.2).Status | Should -Be 'completed'
        $started | Stop-PartnerRun -Confirm:$false | Should -BeNullOrEmpty
        (Get-Failure { Stop-PartnerRun -RunId 'licence-report@nothing' -Confirm:$false }).FullyQualifiedErrorId | Should -Be 'run_not_found,Stop-PartnerRun'
    }

    It 'fail with run_not_found in <command> if they do not exist' -ForEach @(
        @{ command = 'Get-PartnerRun' }, @{ command = 'Wait-PartnerRun' }, @{ command = 'Get-PartnerRunResult' }
    ) {
        (Get-Failure { & $command -RunId 'licence-report@nothing' }).FullyQualifiedErrorId | Should -Be "run_not_found,$command"
    }

    It 'fail with job_unknown for an unknown job, and name the command that lists the jobs' {
        $failure = Get-Failure { Start-PartnerRun -Job no-such-job }
        $failure.FullyQualifiedErrorId | Should -Be 'job_unknown,Start-PartnerRun'
        $failure.TargetObject.Advice | Should -Be 'Get-PartnerJob lists the jobs.'
    }
}

Describe 'Wait-PartnerRun' {
    It 'shows a progress bar with counts and completes it' {
        Mock Write-Progress -ModuleName PartnerTokenBroker { }
        $slow = Start-PartnerRun -Job licence-report -Tenant $tenants.tenantId
        $null = $slow | Wait-PartnerRun -PollIntervalSeconds 0.1
        Should -Invoke Write-Progress -ModuleName PartnerTokenBroker -ParameterFilter { $Completed }
        & (Get-Module PartnerTokenBroker) { Write-RunProgress ([pscustomobject]@{ RunId = 'r'; Total = 4; Done = 1; Failed = 1; Outcome = 'running' }) }
        Should -Invoke Write-Progress -ModuleName PartnerTokenBroker -ParameterFilter { $PercentComplete -eq 25 -and $Status -eq '1 of 4 tenants, 1 failed, running' }
    }

    It 'fails with wait_timed_out after -TimeoutSeconds' {
        Mock Request-BrokerApi -ModuleName PartnerTokenBroker {
            [pscustomobject]@{ Problem = $null; Value = [pscustomobject]@{
                    runId = 'r@w'; job = 'r'; status = 'running'; startedAt = '2026-01-01T00:00:00Z'; durationMs = 1
                    tenants = [pscustomobject]@{ total = 1; succeeded = 0; failed = 0; skipped = 0 }
                }
            }
        }
        (Get-Failure { Wait-PartnerRun -RunId r@w -TimeoutSeconds 1 -PollIntervalSeconds 0.3 }).FullyQualifiedErrorId | Should -Be 'wait_timed_out,Wait-PartnerRun'
    }

    It 'survives a short network failure, but fails after five failures in a row' {
        # The broker is unreachable until the module has slept four times.
        & (Get-Module PartnerTokenBroker) { param($Url) $script:Broker.Url = $Url } $testEnvironment.servers.closed
        $script:slept = 0
        Mock Start-Sleep -ModuleName PartnerTokenBroker { if (++$script:slept -eq 4) { & (Get-Module PartnerTokenBroker) { param($Url) $script:Broker.Url = $Url } $url } }
        try {
            (Wait-PartnerRun -RunId $run.RunId).Status | Should -Be 'completed'
            & (Get-Module PartnerTokenBroker) { param($Url) $script:Broker.Url = $Url } $testEnvironment.servers.closed
            (Get-Failure { Wait-PartnerRun -RunId $run.RunId }).FullyQualifiedErrorId | Should -Be 'broker_unreachable,Wait-PartnerRun'
        }
        finally { Connect-TestBroker }
    }

    It 'counts failures anew after an answer' {
        $script:asked = 0
        Mock Start-Sleep -ModuleName PartnerTokenBroker { }
        Mock Request-BrokerApi -ModuleName PartnerTokenBroker {
            # Four failures come before each answer, and the second answer has the end of the run.
            if (++$script:asked % 5) { return [pscustomobject]@{ Problem = [pscustomobject]@{ Status = 503; Code = 'busy'; Title = ''; Detail = ''; Advice = '' } } }
            [pscustomobject]@{ Problem = $null; Value = [pscustomobject]@{
                    runId = 'r@w'; job = 'r'; status = $(if ($script:asked -lt 10) { 'running' } else { 'completed' })
                    startedAt = '2026-01-01T00:00:00Z'; durationMs = 1
                    tenants = [pscustomobject]@{ total = 1; succeeded = 0; failed = 0; skipped = 0 }
                }
            }
        }
        (Wait-PartnerRun -RunId r@w).Status | Should -Be 'completed'
    }
}

Describe 'Wait-PartnerRun while nothing moves' {
    BeforeEach {
        $script:now = [DateTime]::UtcNow
        $script:begin = $script:now
        # Tenants finish for half a minute and then no more.
        Mock Get-UtcNow -ModuleName PartnerTokenBroker { $script:now }
        Mock Start-Sleep -ModuleName PartnerTokenBroker { $script:now = $script:now.AddSeconds(5) }
        Mock Request-BrokerApi -ModuleName PartnerTokenBroker {
            $seconds = ($script:now - $script:begin).TotalSeconds
            [pscustomobject]@{ Problem = $null; Value = [pscustomobject]@{
                    runId = 'r@w'; job = 'r'; status = $(if ($seconds -lt $script:endsAfter) { 'running' } else { 'completed' })
                    startedAt = '2026-01-01T00:00:00Z'; durationMs = 1
                    progress = [pscustomobject]@{ done = [Math]::Min(6, [Math]::Floor($seconds / 5)); retrying = 0 }
                    tenants = [pscustomobject]@{ total = 9; succeeded = 0; failed = 0; skipped = 0 }
                }
            }
        }
    }

    It 'warns once, after 45 seconds, how long a stopped instance delays a run' {
        $script:endsAfter = 150
        $null = Wait-PartnerRun -RunId r@w -WarningVariable warnings -WarningAction SilentlyContinue
        @($warnings).Count | Should -Be 1
        "$warnings" | Should -Match '^No tenant has finished for 45 seconds\. .* about 75 seconds later\.$'
    }

    It 'does not warn before' {
        $script:endsAfter = 75
        $null = Wait-PartnerRun -RunId r@w -WarningVariable warnings -WarningAction SilentlyContinue
        @($warnings).Count | Should -Be 0
    }
}

Describe 'Get-PartnerRunResult' {
    It 'writes the export of the broker to a file: <format>' -ForEach @(
        @{ format = 'csv' }, @{ format = 'json' }, @{ format = 'jsonl' }
    ) {
        $file = $run | Get-PartnerRunResult -OutFile (Join-Path $TestDrive "rows.$format") -Format $format
        $expected = @($run | Get-PartnerRunResult).Count
        $rows = switch ($format) {
            csv { Import-Csv $file }
            json { Get-Content -Raw $file | ConvertFrom-Json }
            jsonl { Get-Content $file | ConvertFrom-Json }
        }
        @($rows).Count | Should -Be $expected
        Test-Path "$file.part" | Should -BeFalse
    }

    It 'returns the same rows and files whatever the size of the pages: <format>' -ForEach @(
        @{ format = 'csv' }, @{ format = 'json' }, @{ format = 'jsonl' }
    ) {
        $rows = @($run | Get-PartnerRunResult)
        $whole = $run | Get-PartnerRunResult -OutFile (Join-Path $TestDrive "whole.$format") -Format $format
        & (Get-Module PartnerTokenBroker) { $script:RowsPerPage = 2 }
        try {
            $file = $run | Get-PartnerRunResult -OutFile (Join-Path $TestDrive "pages.$format") -Format $format
            ConvertTo-Json @($run | Get-PartnerRunResult) | Should -Be (ConvertTo-Json $rows)
        }
        finally { & (Get-Module PartnerTokenBroker) { $script:RowsPerPage = 50000 } }
        (Get-FileHash $file).Hash | Should -Be (Get-FileHash $whole).Hash
    }

    It 'writes nothing with -WhatIf' {
        $run | Get-PartnerRunResult -OutFile (Join-Path $TestDrive nothing.csv) -WhatIf
        Test-Path (Join-Path $TestDrive nothing.csv) | Should -BeFalse
    }

    It 'does not convert date texts' {
        & (Get-Module PartnerTokenBroker) { (ConvertFrom-Reply '{"at":"2026-11-24T05:00:00Z"}').at } | Should -BeOfType string
    }
}
