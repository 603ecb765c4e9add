BeforeAll {
    . "$PSScriptRoot/TestSetup.ps1"
    Connect-TestBroker
    # The host made one event in each of these, in this order.
    $changed = @($testEnvironment.eventTenants)
    # Others may come in between, when the timer looks.
    $kind = @{ Kind = 'tags_changed' }
}
AfterAll { Disconnect-PartnerTokenBroker }

Describe 'Get-PartnerTenantEvent' {
    It 'returns events newest first, with times and lists' {
        $events = @(Get-PartnerTenantEvent @kind)
        $events.TenantId | Should -Be $changed[2, 1, 0].tenantId
        $events[0].TenantName | Should -Be $changed[2].name
        $events[0].TagsAdded | Should -Be @('seen-by-pester')
        $events[0].TagsRemoved.Count | Should -Be 0
        $events[0].At.Kind | Should -Be 'Utc'
        $events[0].Explanation | Should -Not -BeNullOrEmpty
        $events[0].Sequence | Should -BeGreaterThan $events[1].Sequence
        $events[0] | Out-String -Width 200 | Should -Match 'At \(UTC\)\s+Tenant\s+Kind\s+Explanation'
    }

    It 'limits events to tenants, groups and tags, and leaves tenants out' {
        @(Get-PartnerTenantEvent $changed[0].domain @kind).TenantId | Should -Be $changed[0].tenantId
        @(Get-PartnerTenantEvent tag:seen-by-pester -Except $changed[1].tenantId @kind).TenantId | Should -Be $changed[2, 0].tenantId
        @(Get-PartnerTenantEvent -Tenant $changed[0].tenantId, $changed[1].domain @kind).TenantId | Should -Be $changed[1, 0].tenantId
        @(Get-PartnerTenantEvent -Except tag:seen-by-pester @kind).Count | Should -Be 0
    }

    It 'limits events by time and place' {
        $all = @(Get-PartnerTenantEvent @kind)
        @(Get-PartnerTenantEvent -After $all[1].Sequence @kind).Id | Should -Be $all[0].Id
        @(Get-PartnerTenantEvent -Since $all[0].At @kind).Id | Should -Contain $all[0].Id
        @(Get-PartnerTenantEvent -Since (Get-Date).AddHours(1)).Count | Should -Be 0
    }

    It 'follows continuations up to -First and warns only if there may be more' {
        $all = @(Get-PartnerTenantEvent -First 100000 @kind -WarningVariable none)
        $none | Should -BeNullOrEmpty
        & (Get-Module PartnerTokenBroker) { $script:EventPage = 2 }
        $paged = @(Get-PartnerTenantEvent -First 100000 @kind)
        & (Get-Module PartnerTokenBroker) { $script:EventPage = 500 }
        $paged.Id | Should -Be $all.Id
        $two = @(Get-PartnerTenantEvent -First 2 @kind -WarningVariable warning -WarningAction SilentlyContinue)
        $two.Id | Should -Be $all[0, 1].Id
        $warning | Should -Match 'may be more'
    }

    It 'takes tenants from the pipeline' {
        @(Get-PartnerTenant | Where-Object TenantId -In $changed[0, 2].tenantId | Get-PartnerTenantEvent @kind).TenantId | Sort-Object |
            Should -Be ($changed[0, 2].tenantId | Sort-Object)
    }

    It 'knows every kind of the broker' {
        $known = (Get-Command Get-PartnerTenantEvent).Parameters.Kind.Attributes.ValidValues
        $known | Should -Be $testEnvironment.eventKinds
    }

    It 'fails with the code of the broker for an unknown tenant and group' {
        (Get-Failure { Get-PartnerTenantEvent nobody.example }).FullyQualifiedErrorId | Should -Be 'tenant_unknown,Get-PartnerTenantEvent'
        (Get-Failure { Get-PartnerTenantEvent group:nobody }).FullyQualifiedErrorId | Should -Be 'request_invalid,Get-PartnerTenantEvent'
    }
}
