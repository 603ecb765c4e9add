BeforeAll {
    . "$PSScriptRoot/TestSetup.ps1"
    Connect-TestBroker
    $tenant = @(Get-TestTenant)[0]
}
AfterAll { Disconnect-PartnerTokenBroker }

Describe 'Get-PartnerToken' {
    It 'returns a SecureString with a token for the tenant' {
        $token = Get-PartnerToken -Tenant $tenant.tenantId -Resource graph
        $token | Should -BeOfType securestring
        $token.TenantId | Should -Be $tenant.tenantId
        $token.Resource | Should -Be 'graph'
        $token.ExpiresAt | Should -BeGreaterThan ([DateTime]::UtcNow)
        $organization = Invoke-RestMethod "$($cloud.graph)/v1.0/organization" -Authentication Bearer -Token $token
        $organization.value[0].id | Should -Be $tenant.tenantId
    }

    It 'shows the tenant, the resource and the end, and never the token' {
        $token = Get-PartnerToken -Tenant $tenant.tenantId -Resource graph
        Get-Head $token | Should -Match '^TenantId\s+Resource\s+Expires \(UTC\)$'
        foreach ($shown in ($token | Out-String), ($token | Format-List * | Out-String), (ConvertTo-Json $token -WarningAction SilentlyContinue)) { $shown | Should -Not -Match 'eyJ' }
        $token | Out-String | Should -Match "$($tenant.tenantId) +graph +$($token.ExpiresAt.ToString('u'))"
    }

    It 'returns plain text with -AsPlainText' {
        $plain = Get-PartnerToken -Tenant $tenant.tenantId -Resource graph -AsPlainText
        $plain | Should -BeOfType string
        (Get-TestClaim $plain).tid | Should -Be $tenant.tenantId
    }

    It 'accepts the name of a tenant, and caches the token under it' {
        (Get-PartnerToken -Tenant $tenant.name -Resource graph).TenantId | Should -Be $tenant.tenantId
        Mock Send-HttpRequest -ModuleName PartnerTokenBroker { throw 'A request was sent.' }
        (Get-PartnerToken -Tenant $tenant.name -Resource graph).TenantId | Should -Be $tenant.tenantId
    }

    It 'names the problem with a name that <case>' -ForEach @(@{ case = 'no tenant has'; count = 0 }, @{ case = 'two tenants have'; count = 2 }) {
        $script:namesakes = @(@(Get-PartnerTenant) | Select-Object -First $count)
        foreach ($each in $script:namesakes) { $each.Name = 'Double Ltd' }
        Mock Get-TenantList -ModuleName PartnerTokenBroker { $script:namesakes } 
        $failure = Get-Failure { Get-PartnerToken -Tenant 'Double Ltd' -Resource graph }
        $failure.FullyQualifiedErrorId | Should -Be 'tenant_unknown,Get-PartnerToken'
        $failure.Exception.Message | Should -Match "(No|$count) delegated tenants? ha(ve|s) the name 'Double Ltd'"
    }

    It 'accepts the domain of a tenant' {
        (Get-PartnerToken -Tenant $tenant.domain -Resource graph).TenantId | Should -Be $tenant.tenantId
    }

    It 'returns a cached token without a request to the broker' {
        $first = Get-PartnerToken -Tenant $tenant.tenantId -Resource graph
        $issued = Get-IssuedCount
        $second = Get-PartnerToken -Tenant $tenant.tenantId -Resource graph
        Get-PlainText $second | Should -BeExactly (Get-PlainText $first)
        Get-IssuedCount | Should -Be $issued
    }

    It 'computes the expiry by the local clock if the clock of the broker differs' {
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

    It 'keeps the cached token if the caller disposes of a copy' {
        (Get-PartnerToken -Tenant $tenant.tenantId -Resource graph).Dispose()
        Get-PlainText (Get-PartnerToken -Tenant $tenant.tenantId -Resource graph) | Should -Match '^eyJ'
    }

    It 'requests a new token shortly before expiry and with -Force' {
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

    It 'caches tokens of different scopes and grants separately' {
        $null = Get-PartnerToken -Tenant $tenant.tenantId -Resource graph -Scope User.Read.All
        $null = Get-PartnerToken -Tenant $tenant.tenantId -Resource graph -Grant application
        @(& (Get-Module PartnerTokenBroker) { $script:Broker.Tokens.Keys } | Where-Object { $_ -like "$($tenant.tenantId)|graph|*" }).Count | Should -Be 3
    }

    It 'accepts tenants from the pipeline, from this and other modules' {
        (Get-PartnerTenant -Tenant $tenant.domain | Get-PartnerToken -Resource graph).TenantId | Should -Be $tenant.tenantId
        ([pscustomobject]@{ CustomerId = $tenant.tenantId } | Get-PartnerToken -Resource arm).Resource | Should -Be 'arm'
        ([pscustomobject]@{ DefaultDomainName = $tenant.domain } | Get-PartnerToken -Resource arm).TenantId | Should -Be $tenant.tenantId
    }

    It 'warns about a resource that Microsoft has retired' {
        $null = Get-PartnerToken -Tenant $tenant.tenantId -Resource aad-graph -Force -WarningVariable warnings -WarningAction SilentlyContinue
        "$warnings" | Should -Match 'retired'
    }

    It 'fails with the code and advice of the broker: <code>' -ForEach @(
        @{ tenant = 'nobody.example'; resource = 'graph'; code = 'tenant_unknown'; category = 'ObjectNotFound' }
        @{ tenant = '*'; resource = 'graph'; code = 'request_invalid'; category = 'InvalidArgument' }
        @{ tenant = '3f6d7d4e-0000-4000-8000-000000000000'; resource = 'graph'; code = 'tenant_not_delegated'; category = 'PermissionDenied' }
        @{ tenant = '3f6d7d4e-0000-4000-8000-000000000000'; resource = 'no-such-resource'; code = 'resource_not_allowed'; category = 'InvalidArgument' }
    ) {
        $failure = Get-Failure { Get-PartnerToken -Tenant $tenant -Resource $resource }
        $failure.FullyQualifiedErrorId | Should -Be "$code,Get-PartnerToken"
        $failure.CategoryInfo.Category | Should -Be $category
        $failure.TargetObject.Code | Should -Be $code
        $failure.TargetObject.CorrelationId | Should -Match '^[0-9a-f-]{36}$'
        $failure.ErrorDetails.RecommendedAction | Should -Be $failure.TargetObject.Advice
        $failure.Exception.Data['Status'] | Should -Be $failure.TargetObject.Status
        # The error points to the line of the caller and not into the module.
        $failure.InvocationInfo.ScriptName | Should -Be $PSCommandPath
    }

    It 'returns advice for the tenant state <state>' -ForEach @(
        @{ state = 'conditional_access'; code = 'blocked_by_policy|interaction_required' }
        @{ state = 'no_consent'; code = 'consent_required' }
        @{ state = 'gdap_expired'; code = 'tenant_not_delegated' }
    ) {
        $failure = Get-Failure { Get-PartnerToken -Tenant @(Get-TestTenant $state)[0].tenantId -Resource graph }
        $failure.FullyQualifiedErrorId | Should -Match "^($code),"
        $failure.TargetObject.Advice | Should -Not -BeNullOrEmpty
    }

    It 'fails with caller_forbidden if the caller lacks the role' {
        Connect-TestBroker 'Auditor'
        try { (Get-Failure { Get-PartnerToken -Tenant $tenant.tenantId -Resource graph }).FullyQualifiedErrorId | Should -Be 'caller_forbidden,Get-PartnerToken' }
        finally { Connect-TestBroker }
    }

    It 'fails with broker_unreachable if the broker stops answering' {
        & (Get-Module PartnerTokenBroker) { param($Url) $script:Broker.Url = $Url } $testEnvironment.servers.closed
        try { (Get-Failure { Get-PartnerToken -Tenant $tenant.tenantId -Resource exchange -Force }).FullyQualifiedErrorId | Should -Be 'broker_unreachable,Get-PartnerToken' }
        finally { Connect-TestBroker }
    }
}

Describe 'A token whose audit record cannot be written' {
    BeforeAll {
        function Get-Refusal([hashtable] $More = @{}) {
            $problem = @{ code = 'audit_unavailable'; title = 'No record'; detail = 'None.'; advice = 'Wait.' } + $More
            Get-FakeReply @{ Status = 503; Text = ($problem | ConvertTo-Json); MediaType = 'application/problem+json' }
        }
    }
    BeforeEach {
        $script:pauses = @()
        Mock Start-Sleep -ModuleName PartnerTokenBroker { $script:pauses += [Math]::Floor($Milliseconds / 1000) }
    }

    It 'is requested again after pauses that double' {
        $issued = Get-FakeReply @{ Text = '{"accessToken":"issued","expiresInSeconds":3600,"tenantId":"t","resource":"graph","scopes":[],"grant":"delegated","tokenId":"i"}' }
        $replies = [Collections.Generic.Queue[object]]::new([object[]]@((Get-Refusal), (Get-Refusal), $issued))
        Mock Send-HttpRequest -ModuleName PartnerTokenBroker { $replies.Dequeue() }.GetNewClosure()
        Get-PartnerToken -Tenant t.example -Resource graph -Force -AsPlainText | Should -BeExactly 'issued'
        $script:pauses | Should -Be 1, 2
    }

    It 'is requested at most four times' {
        $refusal = Get-Refusal
        Mock Send-HttpRequest -ModuleName PartnerTokenBroker { $refusal }.GetNewClosure()
        (Get-Failure { Get-PartnerToken -Tenant t.example -Resource graph -Force }).FullyQualifiedErrorId | Should -Be 'audit_unavailable,Get-PartnerToken'
        $script:pauses | Should -Be 1, 2, 4
    }

    It 'is not requested again if the broker asks for more than 30 seconds' {
        $refusal = Get-Refusal @{ retryAfterSeconds = 31 }
        Mock Send-HttpRequest -ModuleName PartnerTokenBroker { $refusal }.GetNewClosure()
        $null = Get-Failure { Get-PartnerToken -Tenant t.example -Resource graph -Force }
        $script:pauses | Should -BeNullOrEmpty
    }

    It 'differs from a request through the gateway, which is not repeated' {
        $refusal = Get-Refusal
        Mock Send-HttpRequest -ModuleName PartnerTokenBroker { $refusal }.GetNewClosure()
        $failure = Get-Failure { Invoke-PartnerRequest -Tenant t.example -Method PATCH -Path /users/a -Body @{ accountEnabled = $false } }
        $failure.FullyQualifiedErrorId | Should -Be 'audit_unavailable,Invoke-PartnerRequest'
        $script:pauses | Should -BeNullOrEmpty
    }
}

Describe 'A request that meets a limit of the broker' {
    BeforeAll {
        function Get-Busy([hashtable] $More = @{}) {
            $problem = @{ code = 'busy'; title = 'Busy'; detail = 'Others first.'; advice = 'Wait.' } + $More
            Get-FakeReply @{ Status = 429; Text = ($problem | ConvertTo-Json); MediaType = 'application/problem+json' }
        }
    }
    BeforeEach {
        $script:pauses = @()
        Mock Start-Sleep -ModuleName PartnerTokenBroker { $script:pauses += [Math]::Floor($Milliseconds / 1000) }
    }

    It 'waits as long as the broker says' {
        $replies = [Collections.Generic.Queue[object]]::new([object[]]@((Get-Busy @{ retryAfterSeconds = 7 }), (Get-FakeReply @{ Text = '{"value":1}' })))
        Mock Send-HttpRequest -ModuleName PartnerTokenBroker { $replies.Dequeue() }.GetNewClosure()
        (Invoke-PartnerRequest -Tenant t.example -Path /users).value | Should -Be 1
        $script:pauses | Should -Be 7
    }

    It 'is not repeated if the broker names no time: its holder must make room first' {
        $busy = Get-Busy
        Mock Send-HttpRequest -ModuleName PartnerTokenBroker { $busy }.GetNewClosure()
        $failure = Get-Failure { Invoke-PartnerQuery /users }
        $failure.FullyQualifiedErrorId | Should -Be 'busy,Invoke-PartnerQuery'
        $failure.TargetObject.Advice | Should -Not -Match 'Retry-After'
        Should -Invoke Send-HttpRequest -ModuleName PartnerTokenBroker -Times 1 -Exactly
        $script:pauses | Should -BeNullOrEmpty
    }
}

Describe 'Get-PartnerTenant' {
    It 'lists every delegated tenant with its reachability' {
        $tenants = Get-PartnerTenant
        @($tenants).Count | Should -Be 25
        @($tenants | Where-Object Reachable).Count | Should -Be @(Get-PartnerTenant -Reachable).Count
        ($tenants | Where-Object TenantId -EQ @(Get-TestTenant gdap_expired)[0].tenantId).Reachable | Should -BeFalse
        @($tenants)[0].RelationshipEndsAt | Should -BeOfType datetime
        @($tenants)[0].RelationshipEndsAt.Kind | Should -Be 'Utc'
    }

    It 'accepts ids, domains, names and wildcards' {
        (Get-PartnerTenant $tenant.tenantId).Name | Should -Be $tenant.name
        (Get-PartnerTenant $tenant.domain).Name | Should -Be $tenant.name
        (Get-PartnerTenant $tenant.name).TenantId | Should -Be $tenant.tenantId
        @(Get-PartnerTenant 'b*').Count | Should -BeGreaterThan 2
        Get-PartnerTenant 'zzz*' | Should -BeNullOrEmpty
    }

    It 'fails with tenant_unknown for an unknown name' {
        (Get-Failure { Get-PartnerTenant 'Nobody Ltd' }).FullyQualifiedErrorId | Should -Be 'tenant_unknown,Get-PartnerTenant'
    }

    It 'has a default view' {
        $all = Get-PartnerTenant
        Get-Head $all | Should -Match '^Name\s+Reachable\s+Reason\s+Tenant$'
        $shown = $all | Out-String -Width 80
        foreach ($each in $all) { $shown | Should -Match ([regex]::Escape($each.Name)) }
        $nameless = @($all | Where-Object { -not $_.DefaultDomain })[0]
        $nameless | Out-String -Width 80 | Should -Match $nameless.TenantId
    }
}
