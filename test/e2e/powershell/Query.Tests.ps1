BeforeAll {
    . "$PSScriptRoot/TestSetup.ps1"
    Connect-TestBroker
    # Tenants that need no retry, which would wait minutes.
    $tenants = @(Get-TestTenant | Select-Object -First 3)
    $refusing = @(Get-TestTenant no_consent)[0]
    function Get-QueryRun { @(Get-PartnerRun -Job query -First 1)[0] }
}
AfterAll { Disconnect-PartnerTokenBroker }

Describe 'Invoke-PartnerQuery' {
    It 'returns rows of several tenants as objects, each with its tenant first' {
        $rows = @(Invoke-PartnerQuery '/users?$top=2' -Tenant $tenants.tenantId -Select id, displayName -WarningVariable cut -WarningAction SilentlyContinue)
        $rows.Count | Should -Be 6
        @($rows[0].PSObject.Properties.Name) | Should -Be 'tenantId', 'tenantName', 'tenantDomain', 'id', 'displayName'
        ($rows.tenantId | Sort-Object -Unique) | Should -Be ($tenants.tenantId | Sort-Object)
        "$cut" | Should -Match 'Microsoft Graph has more rows: 3 tenants, for example .*-AllPages reads them\.'
    }

    It 'shows the properties that were selected as a table of 80 columns, and keeps all' {
        $rows = @(Invoke-PartnerQuery '/users?$top=2' -Tenant $tenants[0].tenantId -Select displayName, accountEnabled -WarningAction SilentlyContinue)
        $text = @($rows | Out-String -Width 80) -join ''
        $text | Should -Match 'tenantName\s+displayName\s+accountEnabled\s'
        $text | Should -Not -Match '…|tenantDomain'
        $rows[0].tenantId | Should -Be $tenants[0].tenantId
    }

    It 'reads all pages with -AllPages, and says nothing is missing' {
        $all = @(Invoke-PartnerQuery '/users?$top=2' -Tenant $tenants[0].domain -Select id -AllPages -WarningVariable cut)
        $all.Count | Should -BeGreaterThan 2
        @($all.id | Sort-Object -Unique).Count | Should -Be $all.Count
        $cut | Should -BeNullOrEmpty
        @(Invoke-PartnerRequest -Tenant $tenants[0].tenantId -Path '/users?$select=id' -AllPages).Count | Should -Be $all.Count
    }

    It 'makes one query of the tenants of a pipeline, and leaves out those of -Except' {
        $rows = @(Get-PartnerTenant | Where-Object TenantId -In $tenants.tenantId | Invoke-PartnerQuery /organization -Except $tenants[2].tenantId)
        ($rows.tenantId | Sort-Object) | Should -Be ($tenants[0, 1].tenantId | Sort-Object)
        (Get-QueryRun).Total | Should -Be 2
    }

    It 'asks nothing for an empty pipeline' {
        $before = (Get-QueryRun).RunId
        @() | Invoke-PartnerQuery /users -WarningVariable said -WarningAction SilentlyContinue | Should -BeNullOrEmpty
        "$said" | Should -Match 'no tenant. Nothing was asked'
        (Get-QueryRun).RunId | Should -Be $before
    }

    It 'asks nothing with -WhatIf' {
        $before = (Get-QueryRun).RunId
        Invoke-PartnerQuery /users -Tenant $tenants.tenantId -WhatIf | Should -BeNullOrEmpty
        (Get-QueryRun).RunId | Should -Be $before
    }

    It 'returns the rows of the others if a tenant fails, and an error that names it' {
        $rows = @(Invoke-PartnerQuery /organization -Tenant $tenants[0].tenantId, $refusing.tenantId -ErrorVariable failed -ErrorAction SilentlyContinue)
        $rows.tenantId | Should -Be $tenants[0].tenantId
        $failed.Count | Should -Be 1
        $failed[0].FullyQualifiedErrorId | Should -Be 'consent_required,Invoke-PartnerQuery'
        $failed[0].TargetObject.TenantId | Should -Be $refusing.tenantId
        $failed[0].TargetObject.Advice | Should -Not -BeNullOrEmpty
        $failed[0].Exception.Message | Should -Match ([regex]::Escape((Get-PartnerTenant $refusing.tenantId).Name))
    }

    It 'cancels the query if the pipeline ends early' {
        # The run is still under way when the first row arrives, because Graph needs a second for each user of the second tenant.
        $fault = @{ service = 'graph'; tenantId = $tenants[1].tenantId; delayMs = 1000 } | ConvertTo-Json
        $id = (Invoke-RestMethod -Method POST -Uri "$($cloud.control)/faults" -Body $fault).id
        try {
            $row = Invoke-PartnerQuery '/users?$top=1' -Tenant $tenants[0, 1].tenantId -AllPages | Select-Object -First 1
            $run = Get-QueryRun | Wait-PartnerRun -PollIntervalSeconds 0.2 -TimeoutSeconds 60
        }
        finally { $null = Invoke-RestMethod -Method DELETE -Uri "$($cloud.control)/faults/$id" }
        $row.tenantId | Should -Not -BeNullOrEmpty
        $run.Status | Should -Be 'cancelled'
    }

    It 'fails for <what>' -ForEach @(
        @{ what = 'a path that no rule opens'; arguments = @{ Path = '/nothingOfTheKind' }; code = 'caller_forbidden' }
        @{ what = 'an address'; arguments = @{ Path = 'https://graph.microsoft.com/v1.0/users' }; code = 'request_invalid' }
        @{ what = 'an unknown tenant'; arguments = @{ Path = '/users'; Tenant = 'nobody.example' }; code = 'tenant_unknown' }
        @{ what = 'a property that is none'; arguments = @{ Path = '/users'; Select = 'a b' }; code = 'request_invalid' }
    ) {
        $failure = Get-Failure { Invoke-PartnerQuery @arguments }
        $failure.FullyQualifiedErrorId | Should -Match "^$code,Invoke-PartnerQuery$"
    }
}
