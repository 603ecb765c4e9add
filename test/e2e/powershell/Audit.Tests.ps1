BeforeAll {
    . "$PSScriptRoot/TestSetup.ps1"
    Connect-TestBroker
    $tenant = @(Get-TestTenant)[0]
    $begin = [DateTime]::UtcNow
    $token = Get-PartnerToken -Tenant $tenant.domain -Resource graph -AsPlainText
    $refused = Get-Failure { Get-PartnerToken -Tenant $tenant.tenantId -Resource nowhere }
    $caller = (Get-TestCaller 'Operations console').clientId
}
AfterAll { Disconnect-PartnerTokenBroker }

Describe 'Get-PartnerAuditEntry' {
    It 'returns the entry of an issued token with its caller' {
        $entry = Get-PartnerAuditEntry -Tenant $tenant.tenantId -Caller $caller -Outcome issued -First 1 -WarningAction SilentlyContinue
        $entry.Caller | Should -Be $caller
        $entry.CallerKind | Should -Be 'application'
        $entry.TenantId | Should -Be $tenant.tenantId
        $entry.TenantAsked | Should -Be $tenant.domain
        $entry.Resource | Should -Be 'graph'
        $entry.At.Kind | Should -Be 'Utc'
        $entry.At | Should -BeGreaterOrEqual $begin.AddSeconds(-1)
        $entry.ExpiresAt | Should -BeGreaterThan ([DateTime]::UtcNow)
        $digest = [Security.Cryptography.SHA256]::Create().ComputeHash([Text.Encoding]::ASCII.GetBytes($token))
        $entry.TokenFingerprint | Should -Be ([BitConverter]::ToString($digest).Replace('-', '').ToLowerInvariant())
        $entry.ExcessScopes.Count | Should -Be 0
        $entry.TenantName | Should -Be (Get-PartnerTenant $tenant.tenantId).Name
        $text = $entry | Out-String -Width 200
        $text | Should -Match 'At \(UTC\)\s+Outcome\s+Resource\s+Caller\s+Tenant\s+Rule'
        $text | Should -Match ([regex]::Escape($entry.TenantName))
    }

    It 'shows the job as the caller of a token that a job got' {
        $null = Start-PartnerRun -Job licence-report -Tenant $tenant.tenantId | Wait-PartnerRun -PollIntervalSeconds 0.2
        $entry = Get-PartnerAuditEntry -Tenant $tenant.tenantId -From $begin | Where-Object Rule -EQ 'job:licence-report' | Select-Object -First 1
        $entry | Out-String -Width 200 | Should -Match '\sgraph\s+licence-report\s'
    }

    It 'takes every kind and outcome that the audit log has: <_>' -ForEach 'approval', 'tool' {
        { Get-PartnerAuditEntry -Kind $_ -Outcome used } | Should -Not -Throw
    }

    It 'returns the entry of a denied request with its code' {
        $refused.FullyQualifiedErrorId | Should -Be 'resource_not_allowed,Get-PartnerToken'
        $entry = Get-PartnerAuditEntry -Outcome denied -From $begin.AddSeconds(-1) | Where-Object CorrelationId -EQ $refused.TargetObject.CorrelationId
        $entry.Code | Should -Be 'resource_not_allowed'
        $entry.Resource | Should -Be 'nowhere'
        $entry | Out-String -Width 200 | Should -Match 'resource_not_allowed'
    }

    It 'follows continuations up to -First and warns only if there may be more entries' {
        1..5 | ForEach-Object { $null = Get-PartnerToken -Tenant $tenant.tenantId -Resource graph -Force }
        $all = @(Get-PartnerAuditEntry -First 100000 -WarningVariable none)
        $none | Should -BeNullOrEmpty
        $all.Count | Should -BeGreaterOrEqual 7
        $times = @($all.At)
        $times | Should -Be @($times | Sort-Object -Descending)
        & (Get-Module PartnerTokenBroker) { $script:AuditPage = 3 }
        $paged = @(Get-PartnerAuditEntry -First 100000 -To $all[0].At.AddMilliseconds(1))
        & (Get-Module PartnerTokenBroker) { $script:AuditPage = 1000 }
        $paged.TokenId | Should -Be $all.TokenId
        $two = @(Get-PartnerAuditEntry -First 2 -To $all[0].At.AddMilliseconds(1) -WarningVariable warning -WarningAction SilentlyContinue)
        $two.TokenId | Should -Be $all[0, 1].TokenId
        $warning | Should -Match 'may be more'
    }

    It 'requests all pages for the period of the first page' {
        $script:queries = @()
        Mock Invoke-BrokerApi -ModuleName PartnerTokenBroker {
            $script:queries += ,[Web.HttpUtility]::ParseQueryString($Call.Path.Split('?')[1])
            # The broker's clock moves on between two pages.
            $page = [ordered]@{ from = "from of answer $($script:queries.Count)"; to = "to of answer $($script:queries.Count)"; entries = @() }
            if ($script:queries[-1]['from']) { $page.from = $script:queries[-1]['from']; $page.to = $script:queries[-1]['to'] }
            if ($script:queries.Count -lt 3) { $page.continuation = "page $($script:queries.Count + 1)" }
            [pscustomobject]@{ Value = [pscustomobject]$page }
        }
        Get-PartnerAuditEntry | Should -BeNullOrEmpty
        @($script:queries | ForEach-Object { $_['from'] }) | Should -Be $null, 'from of answer 1', 'from of answer 1'
        @($script:queries | ForEach-Object { $_['to'] }) | Should -Be $null, 'to of answer 1', 'to of answer 1'
        @($script:queries | ForEach-Object { $_['continuation'] }) | Should -Be $null, 'page 2', 'page 3'
    }

    It 'reads a time without a zone as local time, in any culture' {
        $culture = [Threading.Thread]::CurrentThread.CurrentCulture
        try {
            # This culture has another calendar and may have other digits.
            [Threading.Thread]::CurrentThread.CurrentCulture = [Globalization.CultureInfo]::GetCultureInfo('ar-SA')
            @(Get-PartnerAuditEntry -From (Get-Date).AddMinutes(-10) -To (Get-Date).AddMinutes(1)).Count | Should -BeGreaterThan 0
            @(Get-PartnerAuditEntry -From (Get-Date).AddDays(-3) -To (Get-Date).AddDays(-2)).Count | Should -Be 0
        }
        finally { [Threading.Thread]::CurrentThread.CurrentCulture = $culture }
    }

    It 'takes tenants from the pipeline' {
        $entries = @(Get-PartnerTenant $tenant.tenantId | Get-PartnerAuditEntry)
        $entries.Count | Should -BeGreaterThan 0
        @($entries.TenantId | Sort-Object -Unique) | Should -Be $tenant.tenantId
    }

    It 'fails with the code of the broker for an invalid period and an unknown tenant' {
        (Get-Failure { Get-PartnerAuditEntry -From (Get-Date) -To (Get-Date).AddDays(-1) }).FullyQualifiedErrorId | Should -Be 'request_invalid,Get-PartnerAuditEntry'
        (Get-Failure { Get-PartnerAuditEntry -Tenant nobody.example }).FullyQualifiedErrorId | Should -Be 'tenant_unknown,Get-PartnerAuditEntry'
    }
}
