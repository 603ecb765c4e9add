BeforeAll {
    . "$PSScriptRoot/TestSetup.ps1"
    Connect-TestBroker
    $tenant = @(Get-TestTenant)[0]
}
AfterAll { Disconnect-PartnerTokenBroker }

Describe 'Get-PartnerToken' {
    It 'returns a SecureString with a token that opens this tenant, and no other' {
        $token = Get-PartnerToken -Tenant $tenant.tenantId -Resource graph
        $token | Should -BeOfType securestring
        $token.TenantId | Should -Be $tenant.tenantId
        $token.Resource | Should -Be 'graph'
        $token.ExpiresAt | Should -BeGreaterThan ([DateTime]::UtcNow)
        $organization = Invoke-RestMethod "$($cloud.graph)/v1.0/organization" -Authentication Bearer -Token $token
        $organization.value[0].id | Should -Be $tenant.tenantId
    }

    It 'returns plain text only when asked' {
        $plain = Get-PartnerToken -Tenant $tenant.tenantId -Resource graph -AsPlainText
        $plain | Should -BeOfType string
        (Get-TestClaim $plain).tid | Should -Be $tenant.tenantId
    }

    It 'takes the domain of a tenant' {
        (Get-PartnerToken -Tenant $tenant.domain -Resource graph).TenantId | Should -Be $tenant.tenantId
    }

    It 'gives the same token again while it lives, without asking the broker' {
        $first = Get-PartnerToken -Tenant $tenant.tenantId -Resource graph
        $issued = Get-IssuedCount
        $second = Get-PartnerToken -Tenant $tenant.tenantId -Resource graph
        Get-PlainText $second | Should -BeExactly (Get-PlainText $first)
        Get-IssuedCount | Should -Be $issued
    }

    It 'reckons with the clock of this machine, whatever that of the broker says' {
        Connect-TestBroker -Url $testEnvironment.servers.behind
        try {
            $token = Get-PartnerToken -Tenant $tenant.tenantId -Resource graph
            $endsAt = [DateTimeOffset]::FromUnixTimeSeconds((Get-TestClaim (Get-PlainText $token)).exp).UtcDateTime
            $token.ExpiresAt.Kind | Should -Be 'Utc'
            [Math]::Abs(($token.ExpiresAt - $endsAt).TotalSeconds) | Should -BeLessThan 60
            $issued = Get-IssuedCount
            $null = Get-PartnerToken -Tenant $tenant.tenantId -Resource graph
            Get-IssuedCount | Should -Be $issued
        }
        finally { Connect-TestBroker }
    }

    It 'keeps its token when the caller disposes of a copy' {
        (Get-PartnerToken -Tenant $tenant.tenantId -Resource graph).Dispose()
        Get-PlainText (Get-PartnerToken -Tenant $tenant.tenantId -Resource graph) | Should -Match '^eyJ'
    }

    It 'asks anew when the kept one is about to end, or when told to' {
        $null = Get-PartnerToken -Tenant $tenant.tenantId -Resource graph
        $ids = { & (Get-Module PartnerTokenBroker) { $script:Broker.Tokens.Values.TokenId } }
        $before = & $ids
        & (Get-Module PartnerTokenBroker) { foreach ($record in $script:Broker.Tokens.Values) { $record.ExpiresAt = [DateTime]::UtcNow.AddSeconds(200) } }
        $null = Get-PartnerToken -Tenant $tenant.tenantId -Resource graph
        $renewed = & $ids
        Compare-Object @($before) @($renewed) | Should -Not -BeNullOrEmpty
        $null = Get-PartnerToken -Tenant $tenant.tenantId -Resource graph -Force
        Compare-Object @($renewed) @(& $ids) | Should -Not -BeNullOrEmpty
    }

    It 'keeps tokens of different scopes and grants apart' {
        $null = Get-PartnerToken -Tenant $tenant.tenantId -Resource graph -Scope User.Read.All
        $null = Get-PartnerToken -Tenant $tenant.tenantId -Resource graph -Grant application
        @(& (Get-Module PartnerTokenBroker) { $script:Broker.Tokens.Keys } | Where-Object { $_ -like "$($tenant.tenantId)|graph|*" }).Count | Should -Be 3
    }

    It 'takes tenants from the pipeline, ours and those of other modules' {
        (Get-PartnerTenant -Tenant $tenant.domain | Get-PartnerToken -Resource graph).TenantId | Should -Be $tenant.tenantId
        ([pscustomobject]@{ CustomerId = $tenant.tenantId } | Get-PartnerToken -Resource arm).Resource | Should -Be 'arm'
        ([pscustomobject]@{ DefaultDomainName = $tenant.domain } | Get-PartnerToken -Resource arm).TenantId | Should -Be $tenant.tenantId
    }

    It 'warns of a resource that Microsoft has retired' {
        $null = Get-PartnerToken -Tenant $tenant.tenantId -Resource aad-graph -Force -WarningVariable warnings -WarningAction SilentlyContinue
        "$warnings" | Should -Match 'retired'
    }

    It 'ends with the broker''s own code and advice: <code>' -ForEach @(
        @{ tenant = 'nobody.example'; resource = 'graph'; code = 'tenant_unknown'; category = 'ObjectNotFound' }
        @{ tenant = 'a b'; resource = 'graph'; code = 'request_invalid'; category = 'InvalidArgument' }
        @{ tenant = '3f6d7d4e-0000-4000-8000-000000000000'; resource = 'graph'; code = 'tenant_not_delegated'; category = 'PermissionDenied' }
        @{ tenant = '3f6d7d4e-0000-4000-8000-000000000000'; resource = 'teams'; code = 'resource_not_allowed'; category = 'InvalidArgument' }
    ) {
        $failure = Get-Failure { Get-PartnerToken -Tenant $tenant -Resource $resource }
        $failure.FullyQualifiedErrorId | Should -Be "$code,Get-PartnerToken"
        $failure.CategoryInfo.Category | Should -Be $category
        $failure.TargetObject.Code | Should -Be $code
        $failure.TargetObject.CorrelationId | Should -Match '^[0-9a-f-]{36}$'
        $failure.ErrorDetails.RecommendedAction | Should -Be $failure.TargetObject.Advice
        $failure.Exception.Data['Status'] | Should -Be $failure.TargetObject.Status
        # The error points at the line that called, not into the module.
        $failure.InvocationInfo.ScriptName | Should -Be $PSCommandPath
    }

    It 'says what a customer has to change: <state>' -ForEach @(
        @{ state = 'conditional_access'; code = 'blocked_by_policy|interaction_required' }
        @{ state = 'no_consent'; code = 'consent_required' }
        @{ state = 'gdap_expired'; code = 'tenant_not_delegated' }
    ) {
        $failure = Get-Failure { Get-PartnerToken -Tenant @(Get-TestTenant $state)[0].tenantId -Resource graph }
        $failure.FullyQualifiedErrorId | Should -Match "^($code),"
        $failure.TargetObject.Advice | Should -Not -BeNullOrEmpty
    }

    It 'says that the caller is not allowed' {
        Connect-TestBroker 'Auditor'
        try { (Get-Failure { Get-PartnerToken -Tenant $tenant.tenantId -Resource graph }).FullyQualifiedErrorId | Should -Be 'caller_forbidden,Get-PartnerToken' }
        finally { Connect-TestBroker }
    }

    It 'ends at an unreachable broker with an error, not with a kept session' {
        & (Get-Module PartnerTokenBroker) { param($Url) $script:Broker.Url = $Url } $testEnvironment.servers.closed
        try { (Get-Failure { Get-PartnerToken -Tenant $tenant.tenantId -Resource exchange -Force }).FullyQualifiedErrorId | Should -Be 'broker_unreachable,Get-PartnerToken' }
        finally { Connect-TestBroker }
    }
}

Describe 'Get-PartnerTenant' {
    It 'lists every delegated tenant with the reason why it can or cannot be reached' {
        $tenants = Get-PartnerTenant
        @($tenants).Count | Should -Be 25
        @($tenants | Where-Object Reachable).Count | Should -Be @(Get-PartnerTenant -Reachable).Count
        ($tenants | Where-Object TenantId -EQ @(Get-TestTenant gdap_expired)[0].tenantId).Reachable | Should -BeFalse
        @($tenants)[0].RelationshipEndsAt | Should -BeOfType datetime
        @($tenants)[0].RelationshipEndsAt.Kind | Should -Be 'Utc'
    }

    It 'takes ids, domains, names and patterns' {
        (Get-PartnerTenant $tenant.tenantId).Name | Should -Be $tenant.name
        (Get-PartnerTenant $tenant.domain).Name | Should -Be $tenant.name
        (Get-PartnerTenant $tenant.name).TenantId | Should -Be $tenant.tenantId
        @(Get-PartnerTenant 'b*').Count | Should -BeGreaterThan 2
        Get-PartnerTenant 'zzz*' | Should -BeNullOrEmpty
    }

    It 'ends with an error for a name that no tenant has' {
        (Get-Failure { Get-PartnerTenant 'Nobody Ltd' }).FullyQualifiedErrorId | Should -Be 'tenant_unknown,Get-PartnerTenant'
    }

    It 'has a default view' {
        $shown = Get-PartnerTenant $tenant.tenantId | Out-String -Width 200
        $shown | Should -Match 'Name\s+DefaultDomain\s+Reachable\s+Reason\s+TenantId'
        $shown | Should -Match ([regex]::Escape($tenant.name))
    }
}
