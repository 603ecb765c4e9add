BeforeAll {
    . "$PSScriptRoot/TestSetup.ps1"
    Connect-TestBroker
    & (Get-Module PartnerTokenBroker) { param($Url) $script:Broker.Url = $Url } $testEnvironment.servers.results
    # Runs and pages that were requested since the last call.
    function Get-Seen { (Invoke-RestMethod "$($testEnvironment.servers.results)/seen") | ForEach-Object { $_ } }
}
AfterAll { Disconnect-PartnerTokenBroker }

Describe 'Get-PartnerRunResult with pages that fail' {
    BeforeEach {
        $script:pauses = @()
        Mock Start-Sleep -ModuleName PartnerTokenBroker { $script:pauses += $Milliseconds }
        $null = Get-Seen
    }

    It 'repeats a page, with growing pauses, and returns each row once' {
        (Get-PartnerRunResult -RunId busy@w).number | Should -Be @(0..5)
        Get-Seen | Should -Be 'busy@w 1', 'busy@w 2', 'busy@w 2', 'busy@w 2', 'busy@w 2', 'busy@w 3'
        $script:pauses.Count | Should -Be 3
        $seconds = @($script:pauses | ForEach-Object { [Math]::Floor($_ / 1000) })
        $seconds | Should -Be 1, 2, 4
    }

    It 'repeats a page whose body breaks off, and writes its rows to a file once' {
        $file = Get-PartnerRunResult -RunId broken@w -OutFile (Join-Path $TestDrive rows.jsonl) -Format jsonl
        Get-Content $file | Should -Be @(0..5 | ForEach-Object { "{`"number`":$_}" })
        Get-Seen | Should -Be 'broken@w 1', 'broken@w 2', 'broken@w 2', 'broken@w 3'
    }

    It 'waits as long as the broker asks' {
        (Get-PartnerRunResult -RunId throttled@w).number | Should -Be @(0..5)
        $script:pauses.Count | Should -Be 1
        $script:pauses[0] | Should -BeGreaterOrEqual 42000
        $script:pauses[0] | Should -BeLessThan 42500
    }

    It 'repeats a page whose body stalls after the deadline' {
        & (Get-Module PartnerTokenBroker) { $script:ReplySeconds = 3 }
        try { (Get-PartnerRunResult -RunId stalled@w).number | Should -Be @(0..5) }
        finally { & (Get-Module PartnerTokenBroker) { $script:ReplySeconds = 100 } }
        @(Get-Seen | Where-Object { $_ -eq 'stalled@w 2' }).Count | Should -BeGreaterThan 1
    }

    It 'names the deadline if the body stalls every time' {
        & (Get-Module PartnerTokenBroker) { $script:ReplySeconds = 3; $script:MaxPatientAttempts = 2 }
        try { $failure = Get-Failure { Get-PartnerRunResult -RunId silent@w } }
        finally { & (Get-Module PartnerTokenBroker) { $script:ReplySeconds = 100; $script:MaxPatientAttempts = 5 } }
        $failure.FullyQualifiedErrorId | Should -Be 'broker_unreachable,Get-PartnerRunResult'
        $failure.TargetObject.Detail | Should -Match 'no complete reply within 3 seconds'
    }

    It 'gives up after five attempts, names the page, and has returned the rows before it' {
        $rows = [Collections.Generic.List[object]]::new()
        $failure = Get-Failure { Get-PartnerRunResult -RunId away@w | ForEach-Object { $rows.Add($_) } }
        $failure.FullyQualifiedErrorId | Should -Be 'storage_unavailable,Get-PartnerRunResult'
        $failure.TargetObject.Detail | Should -Be 'Page 2 of the rows could not be read, after 1 that were. Detail.'
        $failure.Exception.Message | Should -Match 'Page 2 of the rows'
        $rows.number | Should -Be 0, 1
        Get-Seen | Should -Be (@('away@w 1') + @('away@w 2') * 5)
    }

    It 'does not repeat a page after <code>' -ForEach @(
        @{ run = 'gone@w'; code = 'run_not_found' }
        @{ run = 'misconfigured@w'; code = 'config_invalid' }
        # The broker asks for more than a minute.
        @{ run = 'later@w'; code = 'throttled' }
    ) {
        (Get-Failure { Get-PartnerRunResult -RunId $run }).FullyQualifiedErrorId | Should -Be "$code,Get-PartnerRunResult"
        Get-Seen | Should -Be "$run 1", "$run 2"
    }

    It 'fails rather than skip a row that is not JSON' {
        (Get-Failure { Get-PartnerRunResult -RunId torn@w }).FullyQualifiedErrorId | Should -Be 'reply_invalid,Get-PartnerRunResult'
    }

    It 'returns the same rows however many are converted at once' {
        & (Get-Module PartnerTokenBroker) { $script:JsonBatch = 1 }
        try { (Get-PartnerRunResult -RunId broken@w).number | Should -Be @(0..5) }
        finally { & (Get-Module PartnerTokenBroker) { $script:JsonBatch = 100000 } }
    }

    It 'leaves no file with the final name when it gives up' {
        $path = Join-Path $TestDrive away.csv
        $null = Get-Failure { Get-PartnerRunResult -RunId away@w -OutFile $path }
        Test-Path $path | Should -BeFalse
    }

    It 'repeats for the codes that docs/errors.md calls temporary, and for no others' {
        $codes = & (Get-Module PartnerTokenBroker) { $script:TransientCodes }
        $expected = @($testEnvironment.transientCodes) + 'broker_unreachable'
        $codes | Sort-Object | Should -Be ($expected | Sort-Object)
    }
}

Describe 'the header Link' {
    It 'is read as a whole: every line, every link, every relation; the token stays with the broker' {
        (Get-PartnerRunResult -RunId linked@w).number | Should -Be @(0..5)
        Get-Seen | Should -Be 'linked@w 1', 'linked@w 2', 'linked@w 3'
    }

    It 'leads to <expected> in <line>' -ForEach @(
        @{ line = '<?a=1>; rel="next"'; expected = '?a=1' }
        @{ line = '<?a=1>; rel=next'; expected = '?a=1' }
        @{ line = '<?a=1>;rel="NEXT"'; expected = '?a=1' }
        @{ line = '<?a=1> ; title="x \" y" ; Rel="last next"'; expected = '?a=1' }
        @{ line = '<?a=0>; rel="prev", <?a=1>; rel="next"'; expected = '?a=1' }
        @{ line = '<https://broker/api/runs/r/results?a=1#top>; rel="next"'; expected = '?a=1' }
        @{ line = '<?a=1>; rel="next-archive"'; expected = $null }
        @{ line = '<?a=1>; title="; rel=next"'; expected = $null }
        @{ line = '<?a=1>; rel="prev"; rel="next"'; expected = $null }
        @{ line = '<elsewhere>; rel="next"'; expected = $null }
        @{ line = ''; expected = $null }
    ) {
        & (Get-Module PartnerTokenBroker) { param($Line) Get-NextQuery $Line } $line | Should -Be $expected
    }
}
