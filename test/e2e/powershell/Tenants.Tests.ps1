BeforeAll {
    . "$PSScriptRoot/TestSetup.ps1"
    Connect-TestBroker
    $plain = @(Get-TestTenant | Select-Object -First 6)
    function Get-Plain { Get-PartnerTenant | Where-Object TenantId -In $plain.tenantId }
}
AfterAll { Disconnect-PartnerTokenBroker }

Describe 'Invoke-PartnerTenant' {
    It 'returns one result for every delegated tenant, with its output or the reason' {
        $results = Invoke-PartnerTenant {
            (Invoke-RestMethod "$($using:cloud.graph)/v1.0/organization" -Authentication Bearer -Token ($_ | Get-PartnerToken -Resource graph) -MaximumRetryCount 3 -RetryIntervalSec 1).value[0].id
        }
        $results.Count | Should -Be 25
        @($results.TenantId | Sort-Object -Unique).Count | Should -Be 25
        foreach ($result in $results | Where-Object TenantId -In $plain.tenantId) {
            $result.Status | Should -Be 'succeeded'
            $result.Output | Should -Be $result.TenantId
        }
        $refused = $results | Where-Object TenantId -EQ @(Get-TestTenant no_consent)[0].tenantId
        $refused.Status | Should -Be 'failed'
        $refused.Code | Should -Be 'consent_required'
        $refused.Errors[-1].TargetObject.Advice | Should -Not -BeNullOrEmpty
        $expired = $results | Where-Object TenantId -EQ @(Get-TestTenant gdap_expired)[0].tenantId
        $expired.Status | Should -Be 'skipped'
        $expired.Detail | Should -Not -BeNullOrEmpty
    }

    It 'returns the errors of a tenant in its result and not in the caller''s $Error' {
        $Error.Clear()
        $bad = $plain[2].tenantId
        $results = Get-Plain | Invoke-PartnerTenant { if ($_.TenantId -eq $using:bad) { Get-Item /no/such/path }; 'done' }
        $failed = $results | Where-Object Status -EQ failed
        $failed.TenantId | Should -Be $bad
        $failed.Code | Should -Be 'script_failed'
        $failed.Detail | Should -Match '/no/such/path'
        $failed.Output | Should -BeNullOrEmpty -Because 'the first error ends the script'
        @($results | Where-Object Status -EQ succeeded).Count | Should -Be 5
        $Error.Count | Should -Be 0
    }

    It 'passes variables with $using:, including indexes and members' {
        $list = @('first', 'second')
        $record = @{ name = 'value' }
        $result = Get-Plain | Select-Object -First 1 | Invoke-PartnerTenant { "$($using:list[1]) $($using:record.name) $($_.Name)" }
        $result.Output | Should -Be "second value $($result.Name)"
    }

    It 'processes at most -ThrottleLimit tenants at the same time' {
        $gauge = [hashtable]::Synchronized(@{ now = 0; most = 0 })
        $work = {
            $gauge = $using:gauge
            [Threading.Monitor]::Enter($gauge.SyncRoot); $gauge.now++; $gauge.most = [Math]::Max($gauge.most, $gauge.now); [Threading.Monitor]::Exit($gauge.SyncRoot)
            Start-Sleep -Milliseconds 150
            [Threading.Monitor]::Enter($gauge.SyncRoot); $gauge.now--; [Threading.Monitor]::Exit($gauge.SyncRoot)
        }
        $null = Get-Plain | Invoke-PartnerTenant $work -ThrottleLimit 3
        $gauge.most | Should -BeGreaterThan 1
        $gauge.most | Should -BeLessOrEqual 3
    }

    It 'shares the sign-in and the cached tokens among tenants' {
        Connect-TestBroker
        $before = Get-IssuedCount
        $null = Get-Plain | Invoke-PartnerTenant { $_ | Get-PartnerToken -Resource graph }
        $null = Get-Plain | Invoke-PartnerTenant { $_ | Get-PartnerToken -Resource graph }
        (Get-IssuedCount) - $before | Should -Be 6
    }

    It 'accepts names, domains and ids' {
        $results = Invoke-PartnerTenant { $_.Name } -Tenant $plain[0].tenantId, $plain[1].domain, $plain[2].name
        $results.Output | Sort-Object | Should -Be ($plain[0..2].name | Sort-Object)
        $other = [pscustomobject]@{ CustomerId = $plain[3].tenantId } | Invoke-PartnerTenant { $_.Name }
        $other.Output | Should -Be $plain[3].name
        (Get-Failure { Invoke-PartnerTenant { 1 } -Tenant 'Nobody Ltd' }).FullyQualifiedErrorId | Should -Be 'tenant_unknown,Invoke-PartnerTenant'
    }

    It 'asks whether the nearest tenant is meant' {
        $name = $plain[0].name
        $swapped = $name.Remove(1, 2).Insert(1, "$($name[2])$($name[1])")
        foreach ($wrong in $swapped, "$($name)e", $swapped.Split(' ')[0]) {
            (Get-Failure { Get-PartnerToken -Tenant $wrong }).TargetObject.Detail | Should -Be "No delegated tenant has the name '$wrong'; did you mean '$name'?"
            (Get-Failure { Get-PartnerTenant $wrong }).TargetObject.Detail | Should -BeLike "*; did you mean '$name'[?]"
        }
        (Get-Failure { Get-PartnerToken -Tenant 'Nobody Ltd' }).TargetObject.Detail | Should -Be "No delegated tenant has the name 'Nobody Ltd'."
    }

    It 'accepts groups and tags, runs once for a tenant that several of them name, and leaves out -Except' {
        $all = @(Get-PartnerTenant)
        $group = 'group:{0}' -f ($all.Groups | Where-Object { $_ } | Select-Object -First 1)
        $members = @(Get-PartnerTenant $group)
        $results = @(Invoke-PartnerTenant { $_.Name } -Tenant $group, $members[0].TenantId -Except $members[1].Name)
        $results.TenantId | Sort-Object | Should -Be (@($members | Select-Object -Skip 2) + $members[0] | ForEach-Object TenantId | Sort-Object)
        $rest = @(Invoke-PartnerTenant { $_.Name } -Except $group)
        $rest.Count | Should -Be ($all.Count - $members.Count)
        @($rest.TenantId | Where-Object { $_ -in $members.TenantId }).Count | Should -Be 0
        @($members | Invoke-PartnerTenant { $_.Name } -Except $group).Count | Should -Be 0
    }

    It 'runs nothing for an empty pipeline' {
        Get-PartnerTenant 'zzz*' | Invoke-PartnerTenant { 'ran' } | Should -BeNullOrEmpty
    }

    It 'runs nothing with -WhatIf' {
        $ran = [hashtable]::Synchronized(@{ count = 0 })
        Get-Plain | Invoke-PartnerTenant { ($using:ran).count++ } -WhatIf | Should -BeNullOrEmpty
        $ran.count | Should -Be 0
    }

    It 'connects the tenants one after the other' {
        $results = Get-Plain | Invoke-PartnerTenant { Connect-PartnerMgGraph -Tenant $_.TenantId; (Invoke-MgGraphRequest -Uri /v1.0/organization).value[0].id }
        @($results).Count | Should -Be 6
        foreach ($result in $results) { $result.Output | Should -Be $result.TenantId }
    }

    It 'rejects parallel connections' {
        (Get-Failure { Get-Plain | Invoke-PartnerTenant { Connect-PartnerMgGraph -Tenant $_.TenantId } -ThrottleLimit 2 }).FullyQualifiedErrorId | Should -Be 'connection_shared,Invoke-PartnerTenant'
        # Also if the script block hides the name of the command.
        $hidden = 'Connect-PartnerMgGraph'
        $results = Get-Plain | Invoke-PartnerTenant { & $using:hidden -Tenant $_.TenantId }
        $results.Code | Sort-Object -Unique | Should -Be 'connection_shared'
    }

    It 'ends the script of a tenant after a failed connection, before a command runs in the previous tenant' {
        $mixed = @(Get-PartnerTenant $plain[0].tenantId) + @(Get-PartnerTenant @(Get-TestTenant no_consent)[0].tenantId)
        $results = $mixed | Invoke-PartnerTenant { Connect-PartnerMgGraph -Tenant $_.TenantId; (Invoke-MgGraphRequest -Uri /v1.0/organization).value[0].id }
        ($results | Where-Object Status -EQ failed).Output | Should -BeNullOrEmpty
        ($results | Where-Object Status -EQ succeeded).Output | Should -Be $plain[0].tenantId
    }

    It 'starts no further tenants after a failure of the session' {
        & (Get-Module PartnerTokenBroker) { param($Url) $script:Broker.Url = $Url } $testEnvironment.servers.closed
        try { $results = $script:known | Invoke-PartnerTenant { $_ | Get-PartnerToken -Resource graph -Force } -ThrottleLimit 1 }
        finally { Connect-TestBroker }
        @($results).Count | Should -Be 6
        @($results | Where-Object Code -EQ broker_unreachable).Count | Should -Be 1
        @($results | Where-Object Code -EQ not_attempted).Count | Should -Be 5
    }
    BeforeAll { $script:known = @(Get-Plain) }

    It 'starts no further tenants after <code>' -ForEach @(
        'not_connected', 'session_expired', 'sign_in_failed', 'not_a_broker', 'broker_unreachable', 'caller_unauthenticated'
        'credential_missing', 'credential_expired', 'credential_revoked', 'client_credential_rejected', 'config_invalid'
    ).ForEach({ @{ code = $_ } }) {
        $results = $script:known | Invoke-PartnerTenant -ThrottleLimit 1 {
            $document = [pscustomobject]@{ code = $using:code; title = 'T'; detail = 'D'; advice = 'A' }
            throw (& (Get-Module PartnerTokenBroker) { param($Document) ConvertTo-ErrorRecord (ConvertTo-Problem -Document $Document -Status 503) } $document)
        }
        $results[0].Code | Should -Be $code
        @($results | Select-Object -Skip 1).Code | Should -Be (@('not_attempted') * 5)
    }

    It 'tries the other tenants after <code>' -ForEach @(
        @{ code = 'consent_required' }, @{ code = 'storage_unavailable' }, @{ code = 'caller_throttled' }, @{ code = 'tenant_excluded' }
    ) {
        $results = $script:known | Invoke-PartnerTenant -ThrottleLimit 1 {
            $document = [pscustomobject]@{ code = $using:code; title = 'T'; detail = 'D'; advice = 'A' }
            throw (& (Get-Module PartnerTokenBroker) { param($Document) ConvertTo-ErrorRecord (ConvertTo-Problem -Document $Document -Status 503) } $document)
        }
        $results.Code | Should -Be (@($code) * 6)
    }

    It 'returns warnings in the result' {
        $result = Get-Plain | Select-Object -First 1 | Invoke-PartnerTenant { Write-Warning 'a warning'; 1 }
        $result.Warnings | Should -Be 'a warning'
    }

    It 'accepts a script block created from text' {
        (Get-Plain | Select-Object -First 1 | Invoke-PartnerTenant ([scriptblock]::Create('$_.TenantId'))).Output | Should -BeIn $plain.tenantId
    }

    It 'shows progress, and has a default view' {
        Mock Write-Progress -ModuleName PartnerTokenBroker { }
        $results = Get-Plain | Invoke-PartnerTenant { 1 }
        Should -Invoke Write-Progress -ModuleName PartnerTokenBroker -ParameterFilter { $Status -eq '6 of 6, 0 failed' }
        Should -Invoke Write-Progress -ModuleName PartnerTokenBroker -ParameterFilter { $Completed }
        $results | Out-String -Width 200 | Should -Match 'Name\s+Status\s+Code\s+Output\s+Detail'
    }
}
