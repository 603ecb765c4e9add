BeforeAll {
    . "$PSScriptRoot/TestSetup.ps1"
    Connect-TestBroker
    $tenant = @(Get-TestTenant)[0]
    # The requests that the module sends to the broker.
    function Get-Sent([scriptblock] $Script) {
        @(& $Script 4>&1 | Where-Object { $_ -is [Management.Automation.VerboseRecord] -and $_.Message -match '/api/gateway/' }).Message
    }
}
AfterAll { Disconnect-PartnerTokenBroker }

Describe 'Invoke-PartnerRequest' {
    It 'returns the answer of Microsoft Graph as an object' {
        $answer = Invoke-PartnerRequest -Tenant $tenant.domain -Path '/users?$select=id,displayName&$top=2'
        $answer.value.Count | Should -Be 2
        $answer.value[0].displayName | Should -Not -BeNullOrEmpty
        $answer.'@odata.nextLink' | Should -Match ([regex]::Escape("$url/api/gateway/$($tenant.domain)/graph/v1.0/users?"))
    }

    It 'is found in the audit log by its kind' {
        $begin = [DateTime]::UtcNow.AddSeconds(-1)
        $null = Invoke-PartnerRequest -Tenant $tenant.tenantId -Path '/users?$select=id&$top=1'
        $entries = @(Get-PartnerAuditEntry -Kind request -Tenant $tenant.tenantId -From $begin)
        $entries.Count | Should -BeGreaterThan 0
        @($entries.Kind | Sort-Object -Unique) | Should -Be 'request'
        $sent = @($entries | Where-Object Outcome -EQ sent)[0]
        $sent.Method | Should -Be 'GET'
        $sent.Path | Should -Be '/v1.0/users'
        @(Get-PartnerAuditEntry -Kind token -First 100000).Kind | Sort-Object -Unique | Should -Be 'token'
    }

    It 'follows a link of an answer, which belongs to its tenant' {
        $link = (Invoke-PartnerRequest $tenant.tenantId GET '/users?$select=id&$top=1').'@odata.nextLink'
        (Invoke-PartnerRequest -Tenant $tenant.tenantId -Path $link).value.Count | Should -Be 1
        $failure = Get-Failure { Invoke-PartnerRequest -Tenant @(Get-TestTenant)[1].tenantId -Path $link }
        $failure.FullyQualifiedErrorId | Should -Be 'request_invalid,Invoke-PartnerRequest'
    }

    It 'returns the entries of all pages with -AllPages' {
        $pages = Get-Sent { $script:users = Invoke-PartnerRequest -Tenant $tenant.tenantId -Path '/users?$select=id&$top=2' -AllPages -Verbose }
        $script:users.Count | Should -BeGreaterThan 3
        @($script:users.id | Sort-Object -Unique).Count | Should -Be $script:users.Count
        $pages.Count | Should -Be ([Math]::Ceiling($script:users.Count / 2))
    }

    It 'returns an object that is no collection as it is with -AllPages, and nothing for an empty collection' {
        (Invoke-PartnerRequest -Tenant $tenant.tenantId -Path "/users/$($script:users[0].id)" -AllPages).id | Should -Be $script:users[0].id
        @(Invoke-PartnerRequest -Tenant $tenant.tenantId -Path "/users?`$filter=displayName eq 'nobody'" -AllPages).Count | Should -Be 0
    }

    It 'sends the parts of a batch' {
        $requests = @(@{ id = '1'; method = 'GET'; url = '/users?$top=1' }, @{ id = '2'; method = 'GET'; url = '/me' })
        $answer = Invoke-PartnerRequest -Tenant $tenant.tenantId -Method POST -Path '/$batch' -Body @{ requests = $requests }
        @($answer.responses | Sort-Object id).status | Should -Be 200, 403
        $json = '{"requests":[{"id":"1","method":"GET","url":"/organization"}]}'
        (Invoke-PartnerRequest -Tenant $tenant.tenantId -Method POST -Path '/$batch' -Body $json).responses.status | Should -Be 200
    }

    It 'takes tenants from the pipeline' {
        $names = @(Get-TestTenant)[0, 1] | ForEach-Object { [pscustomobject]@{ TenantId = $_.tenantId } } | Invoke-PartnerRequest -Path /organization -AllPages
        $names.displayName | Should -Be @(Get-TestTenant)[0, 1].name
    }

    It 'sends nothing with -WhatIf if the method changes something' {
        Get-Sent { Invoke-PartnerRequest -Tenant $tenant.tenantId -Method DELETE -Path /users/x -WhatIf -Verbose } | Should -BeNullOrEmpty
    }

    It 'fails with the code of the broker: <path>' -ForEach @(
        @{ path = '/me'; beta = $false; code = 'caller_forbidden'; category = 'PermissionDenied' }
        @{ path = '/me/messages'; beta = $true; code = 'caller_forbidden'; category = 'PermissionDenied' }
        @{ path = '/users?$top=1&$top=2'; beta = $false; code = 'request_invalid'; category = 'InvalidArgument' }
    ) {
        $failure = Get-Failure { Invoke-PartnerRequest -Tenant $tenant.tenantId -Path $path -Beta:$beta }
        $failure.FullyQualifiedErrorId | Should -Be "$code,Invoke-PartnerRequest"
        $failure.CategoryInfo.Category | Should -Be $category
        $failure.TargetObject.Advice | Should -Not -BeNullOrEmpty
    }

    It 'fails with the error of Microsoft Graph' {
        $failure = Get-Failure { Invoke-PartnerRequest -Tenant $tenant.tenantId -Path '/users/00000000-0000-4000-8000-000000000000' }
        $failure.FullyQualifiedErrorId | Should -Be 'resource_refused,Invoke-PartnerRequest'
        $failure.TargetObject.Status | Should -Be 404
        $failure.TargetObject.Detail | Should -Match '^HTTP 404 Request_ResourceNotFound: .'
        $failure.TargetObject.CorrelationId | Should -Match '^[0-9a-f-]{36}$'
    }

    It 'sends the token nowhere but to the gateway of the tenant: <path>' -ForEach @(
        @{ path = '/../../../../tokens' }, @{ path = '/v1.0/%2e%2e/%2e%2e/%2e%2e/%2e%2e/tokens' }, @{ path = 'https://evil.example/v1.0/users' }, @{ path = 'users' }
    ) {
        $sent = Get-Sent { $script:failure = Get-Failure { Invoke-PartnerRequest -Tenant $tenant.tenantId -Path $path -Verbose } }
        $sent | Should -BeNullOrEmpty
        $script:failure.FullyQualifiedErrorId | Should -Be 'request_invalid,Invoke-PartnerRequest'
    }

    It 'refuses -Beta with a path of another version, and accepts a path with its version' {
        (Get-Failure { Invoke-PartnerRequest -Tenant $tenant.tenantId -Path /v1.0/users -Beta }).FullyQualifiedErrorId | Should -Be 'request_invalid,Invoke-PartnerRequest'
        (Invoke-PartnerRequest -Tenant $tenant.tenantId -Path '/v1.0/users?$top=1').value.Count | Should -Be 1
    }

    It 'fails if the server is no broker' {
        Connect-TestBroker
        & (Get-Module PartnerTokenBroker) { param($Url) $script:Broker.Url = $Url } $testEnvironment.servers.web
        try { (Get-Failure { Invoke-PartnerRequest -Tenant $tenant.tenantId -Path /users }).FullyQualifiedErrorId | Should -Be 'not_a_broker,Invoke-PartnerRequest' }
        finally { Connect-TestBroker }
    }
}

Describe 'An answer through the gateway' {
    It 'is followed to no other address, such as <link>' -ForEach @(
        @{ link = 'https://evil.example/v1.0/users' }, @{ link = '/../../../tokens' }, @{ link = 'x' }
    ) {
        $reply = Get-FakeReply @{ Text = (@{ value = @(1); '@odata.nextLink' = $link } | ConvertTo-Json) }
        Mock Send-HttpRequest -ModuleName PartnerTokenBroker { $reply }.GetNewClosure()
        $found = [Collections.Generic.List[object]]::new()
        $failure = Get-Failure { Invoke-PartnerRequest -Tenant t.example -Path /users -AllPages | ForEach-Object { $found.Add($_) } }
        $failure.FullyQualifiedErrorId | Should -Be 'request_invalid,Invoke-PartnerRequest'
        $found | Should -Be 1
        Should -Invoke Send-HttpRequest -ModuleName PartnerTokenBroker -Times 1 -Exactly
    }

    It 'may not name itself as the next page' {
        $reply = Get-FakeReply @{ Text = (@{ value = @(1); '@odata.nextLink' = "$url/api/gateway/t.example/graph/v1.0/users" } | ConvertTo-Json) }
        Mock Send-HttpRequest -ModuleName PartnerTokenBroker { $reply }.GetNewClosure()
        (Get-Failure { Invoke-PartnerRequest -Tenant t.example -Path /users -AllPages }).FullyQualifiedErrorId | Should -Be 'reply_invalid,Invoke-PartnerRequest'
    }

    It 'is a text if it is not JSON' {
        $reply = Get-FakeReply @{ Text = '42'; MediaType = 'text/plain' }
        Mock Send-HttpRequest -ModuleName PartnerTokenBroker { $reply }.GetNewClosure()
        Invoke-PartnerRequest -Tenant t.example -Path '/users/$count' -Headers @{ ConsistencyLevel = 'eventual' } | Should -BeExactly '42'
        Should -Invoke Send-HttpRequest -ModuleName PartnerTokenBroker -ParameterFilter { $Request.Headers.ConsistencyLevel -eq 'eventual' -and $Request.TimeoutSeconds -gt 100 }
    }

    It 'keeps what the resource says about time' {
        $reply = Get-FakeReply @{ Status = 429; Text = '{"error":{"code":"TooManyRequests","message":"Slower."}}' }
        [void]$reply.Headers.TryAddWithoutValidation('Retry-After', '120')
        Mock Send-HttpRequest -ModuleName PartnerTokenBroker { $reply }.GetNewClosure()
        $problem = (Get-Failure { Invoke-PartnerRequest -Tenant t.example -Path /users }).TargetObject
        $problem.Code, $problem.RetryAfterSeconds, $problem.CorrelationId | Should -Be 'resource_refused', 120, 'c'
        Should -Invoke Send-HttpRequest -ModuleName PartnerTokenBroker -Times 1 -Exactly
    }

    It 'that waits for an approval is an error with its id, also for a token' {
        $text = '{"approvalId":"a1","status":"pending","detail":"The request waits until one more person approves it."}'
        $reply = Get-FakeReply @{ Status = 202; Text = $text }
        [void]$reply.Headers.TryAddWithoutValidation('x-approval-id', 'a1')
        [void]$reply.Headers.TryAddWithoutValidation('Retry-After', '15')
        Mock Send-HttpRequest -ModuleName PartnerTokenBroker { $reply }.GetNewClosure()
        $failure = Get-Failure { Invoke-PartnerRequest -Tenant t.example -Method PATCH -Path /users/a -Body @{ accountEnabled = $false } }
        $failure.FullyQualifiedErrorId | Should -Be 'approval_pending,Invoke-PartnerRequest'
        "$failure" | Should -Match 'one more person approves it\. The approval is a1\.'
        $failure.TargetObject.ApprovalId, $failure.TargetObject.Status, $failure.TargetObject.RetryAfterSeconds | Should -Be 'a1', 202, 15
        (Get-Failure { Get-PartnerToken -Tenant t.example -Resource graph -Force }).TargetObject.ApprovalId | Should -Be 'a1'
        Should -Invoke Send-HttpRequest -ModuleName PartnerTokenBroker -Times 2 -Exactly
    }

    It 'with the status 202 of a resource is its answer' {
        $reply = Get-FakeReply @{ Status = 202; Text = '{"id":"1"}' }
        Mock Send-HttpRequest -ModuleName PartnerTokenBroker { $reply }.GetNewClosure()
        (Invoke-PartnerRequest -Tenant t.example -Method POST -Path /users -Body @{ a = 1 }).id | Should -Be '1'
    }

    It 'that is not JSON although it says so is an error' {
        $reply = Get-FakeReply @{ Text = 'hello' }
        Mock Send-HttpRequest -ModuleName PartnerTokenBroker { $reply }.GetNewClosure()
        (Get-Failure { Invoke-PartnerRequest -Tenant t.example -Path /users }).FullyQualifiedErrorId | Should -Be 'reply_invalid,Invoke-PartnerRequest'
    }
}
