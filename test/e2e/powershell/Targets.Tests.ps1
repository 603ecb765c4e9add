BeforeAll {
    . "$PSScriptRoot/TestSetup.ps1"
    Connect-TestBroker
    $tenant = @(Get-TestTenant)[0]
    $other = @(Get-TestTenant)[1]
    $account = ($cloud.accounts | Where-Object state -EQ service).username
}
AfterAll { Disconnect-PartnerTokenBroker }

Describe 'the Connect-Partner commands' {
    BeforeEach { $global:StandInCalls = $null; $global:StandInFailure = $null }
    AfterAll { Remove-Variable StandInCalls, StandInFailure -Scope Global -ErrorAction Ignore }

    It 'hand Connect-MgGraph a SecureString, and Graph answers for the tenant' {
        Connect-PartnerMgGraph -Tenant $tenant.tenantId | Should -BeNullOrEmpty
        $given = $global:StandInCalls[0].Arguments
        $given.AccessToken | Should -BeOfType securestring
        $given.NoWelcome | Should -BeTrue
        $given.ContainsKey('Environment') | Should -BeFalse
        (Invoke-MgGraphRequest -Uri /v1.0/organization).value[0].id | Should -Be $tenant.tenantId
    }

    It 'hand Connect-ExchangeOnline a plain token and the delegated organization' {
        Connect-PartnerExchangeOnline -Tenant $tenant.domain | Should -BeNullOrEmpty
        $given = $global:StandInCalls[0].Arguments
        $given.AccessToken | Should -BeOfType string
        (Get-TestClaim $given.AccessToken).aud | Should -Match '^https://outlook.office365.com'
        $given.DelegatedOrganization | Should -Be $tenant.tenantId
        $given.ShowBanner | Should -BeFalse
        @(Get-EXOMailbox).Count | Should -BeGreaterThan 0
    }

    It 'hand Connect-ExchangeOnline the organization for the application''s own token, and what else was said' {
        # The application has no Exchange permission of its own in the simulated cloud; the arguments are what counts.
        Connect-PartnerExchangeOnline -Tenant $tenant.tenantId -Grant application -Organization $tenant.domain -CommandName Get-Mailbox -Prefix Customer
        $given = $global:StandInCalls[0].Arguments
        $given.Organization | Should -Be $tenant.domain
        $given.ContainsKey('DelegatedOrganization') | Should -BeFalse
        $given.CommandName | Should -Be 'Get-Mailbox'
        $given.Prefix | Should -Be 'Customer'
    }

    It 'hand Connect-AzAccount tokens, account and tenant, for this process alone' {
        $connected = Connect-PartnerAzAccount -Tenant $tenant.tenantId
        $connected.Context.Account | Should -Be $account
        $given = $global:StandInCalls[0].Arguments
        $given.Scope | Should -Be 'Process'
        $given.Tenant | Should -Be $tenant.tenantId
        (Get-TestClaim $given.AccessToken).aud | Should -Match '^https://management.(azure|core.windows)'
        (Get-TestClaim $given.MicrosoftGraphAccessToken).aud | Should -Match '^https://graph.microsoft.com'
        @(Get-AzSubscription)[0].tenantId | Should -Be $tenant.tenantId
    }

    It 'hand Connect-AzAccount what the caller says, and no Graph token if none is wanted' {
        $null = Connect-PartnerAzAccount -Tenant $tenant.tenantId -AccountId someone@contoso.com -Subscription s -SkipGraph
        $given = $global:StandInCalls[0].Arguments
        $given.AccountId | Should -Be 'someone@contoso.com'
        $given.Subscription | Should -Be 's'
        $given.ContainsKey('MicrosoftGraphAccessToken') | Should -BeFalse
    }

    It 'hand Connect-MsolService both tokens under its own names, with a word on its retirement' {
        Connect-PartnerMsolService -Tenant $tenant.tenantId -WarningVariable warnings -WarningAction SilentlyContinue
        "$warnings" | Should -Match 'retired .* Connect-PartnerMgGraph'
        $given = $global:StandInCalls[0].Arguments
        (Get-TestClaim $given.MsGraphAccessToken).aud | Should -Match '^https://graph.microsoft.com'
        (Get-TestClaim $given.AdGraphAccessToken).aud | Should -Match '^https://graph.windows.net'
        @(Get-MsolCompanyInformation)[0].objectId | Should -Be $tenant.tenantId
    }

    It 'hand Connect-AzureAD both tokens, the account and the customer''s tenant' {
        $connected = Connect-PartnerAzureAD -Tenant $tenant.tenantId -WarningAction SilentlyContinue
        $connected.Account | Should -Be $account
        $given = $global:StandInCalls[0].Arguments
        $given.TenantId | Should -Be $tenant.tenantId
        (Get-TestClaim $given.AadAccessToken).aud | Should -Match '^https://graph.windows.net'
        (Get-TestClaim $given.MsAccessToken).aud | Should -Match '^https://graph.microsoft.com'
        @(Get-AzureADTenantDetail)[0].objectId | Should -Be $tenant.tenantId
    }

    It 'call each cloud by the module''s own name: <command>' -ForEach @(
        @{ command = 'Connect-PartnerMgGraph'; parameter = 'Environment'; value = 'USGov' }
        @{ command = 'Connect-PartnerExchangeOnline'; parameter = 'ExchangeEnvironmentName'; value = 'O365USGovGCCHigh' }
        @{ command = 'Connect-PartnerAzAccount'; parameter = 'Environment'; value = 'AzureUSGovernment' }
        @{ command = 'Connect-PartnerMsolService'; parameter = 'AzureEnvironment'; value = 'USGovernment' }
        @{ command = 'Connect-PartnerAzureAD'; parameter = 'AzureEnvironmentName'; value = 'AzureUSGovernment' }
    ) {
        & (Get-Module PartnerTokenBroker) { $script:Broker.Environment = $script:Environments.USGovernment }
        try { $null = & $command -Tenant $tenant.tenantId -WarningAction SilentlyContinue }
        finally { & (Get-Module PartnerTokenBroker) { $script:Broker.Environment = $script:Environments.Public } }
        "$($global:StandInCalls[0].Arguments[$parameter])" | Should -Be $value
    }

    It 'take a tenant from the pipeline' {
        Get-PartnerTenant $tenant.tenantId | Connect-PartnerMgGraph
        (Get-MgContext).TenantId | Should -Be $tenant.tenantId
    }

    It 'pass over what an older module does not know, and give plain text to one that wants it' {
        function global:Connect-MgGraph { [CmdletBinding()] param([string] $AccessToken) $global:OldToken = $AccessToken }
        try { Connect-PartnerMgGraph -Tenant $tenant.tenantId }
        finally { Remove-Item Function:Connect-MgGraph }
        $global:OldToken | Should -Match '^eyJ'
        Remove-Variable OldToken -Scope Global
    }

    It 'say that a module is too old to take tokens' {
        function global:Connect-ExchangeOnline { [CmdletBinding()] param([string] $UserPrincipalName) 'connected as somebody' }
        try { $failure = Get-Failure { Connect-PartnerExchangeOnline -Tenant $tenant.tenantId } }
        finally { Remove-Item Function:Connect-ExchangeOnline }
        $failure.FullyQualifiedErrorId | Should -Be 'module_outdated,Connect-PartnerExchangeOnline'
        $failure.Exception.Message | Should -Match 'Update-Module ExchangeOnlineManagement'
    }

    It 'say how a module that is absent is had, or what has taken its place: <command>' -ForEach @(
        @{ command = 'Connect-PartnerMgGraph'; hint = 'Install-Module Microsoft.Graph.Authentication' }
        @{ command = 'Connect-PartnerExchangeOnline'; hint = 'Install-Module ExchangeOnlineManagement' }
        @{ command = 'Connect-PartnerAzAccount'; hint = 'Install-Module Az.Accounts' }
        @{ command = 'Connect-PartnerMsolService'; hint = 'retired by Microsoft in May 2025: use Connect-PartnerMgGraph' }
        @{ command = 'Connect-PartnerAzureAD'; hint = 'retired by Microsoft in 2025: use Connect-PartnerMgGraph' }
    ) {
        Mock Get-Command -ModuleName PartnerTokenBroker { }
        $failure = Get-Failure { & $command -Tenant $tenant.tenantId }
        $failure.FullyQualifiedErrorId | Should -Be "module_missing,$command"
        $failure.Exception.Message | Should -Match $hint
    }

    It 'leave no connection behind when they fail: <command>' -ForEach @(
        @{ command = 'Connect-PartnerMgGraph'; probe = { Invoke-MgGraphRequest -Uri /v1.0/organization } }
        @{ command = 'Connect-PartnerExchangeOnline'; probe = { Get-EXOMailbox } }
        @{ command = 'Connect-PartnerAzAccount'; probe = { Get-AzSubscription } }
        @{ command = 'Connect-PartnerAzureAD'; probe = { Get-AzureADTenantDetail } }
    ) {
        $null = & $command -Tenant $tenant.tenantId -WarningAction SilentlyContinue
        $null = & $probe
        $failure = Get-Failure { & $command -Tenant @(Get-TestTenant gdap_expired)[0].tenantId -WarningAction SilentlyContinue }
        $failure.FullyQualifiedErrorId | Should -Be "tenant_not_delegated,$command"
        { & $probe } | Should -Throw
    }

    It 'turn a failure of the module into an error without the token, and take the module''s own out of $Error' {
        $global:StandInFailure = 'The token was not accepted: {0}'
        $Error.Clear()
        $failure = Get-Failure { Connect-PartnerExchangeOnline -Tenant $tenant.tenantId }
        $failure.FullyQualifiedErrorId | Should -Be 'connect_failed,Connect-PartnerExchangeOnline'
        $failure.Exception.Message | Should -Match 'The token was not accepted: \[token\].*Invoke-PartnerExchangeCommand'
        $Error.Count | Should -BeGreaterThan 0
        foreach ($record in $Error) { "$record $($record.Exception) $($record.InvocationInfo.BoundParameters.Values)" | Should -Not -Match 'eyJ' }
    }
}

Describe 'Invoke-PartnerExchangeCommand' {
    It 'runs a command in the tenant without the Exchange module' {
        $organization = Invoke-PartnerExchangeCommand -Tenant $tenant.tenantId -CmdletName Get-OrganizationConfig
        $organization.DisplayName | Should -Be $tenant.name
    }

    It 'takes tenants from the pipeline' {
        $names = Get-PartnerTenant | Where-Object TenantId -In $tenant.tenantId, $other.tenantId | Invoke-PartnerExchangeCommand -CmdletName Get-OrganizationConfig
        $names.DisplayName | Sort-Object | Should -Be ($tenant.name, $other.name | Sort-Object)
    }

    It 'says what Exchange said' {
        $failure = Get-Failure { Invoke-PartnerExchangeCommand -Tenant $tenant.tenantId -CmdletName Get-Nothing }
        $failure.FullyQualifiedErrorId | Should -Be 'exchange_failed,Invoke-PartnerExchangeCommand'
        $failure.Exception.Message | Should -Match "'Get-Nothing' is not recognized"
    }

    It 'asks before it changes something' {
        Mock Send-HttpRequest -ModuleName PartnerTokenBroker { throw 'It was sent.' }
        Invoke-PartnerExchangeCommand -Tenant $tenant.tenantId -CmdletName Set-Mailbox -Parameters @{ Identity = 'x' } -WhatIf | Should -BeNullOrEmpty
    }

    It 'follows pages on the same host, and to no other' {
        $null = Get-PartnerToken -Tenant $tenant.tenantId -Resource exchange
        $global:NextPage = "$($cloud.exchange)/adminapi/beta/next"
        Mock Send-HttpRequest -ModuleName PartnerTokenBroker {
            $link = if ($Request.Uri -notlike '*/next') { $global:NextPage }
            [pscustomobject]@{ Status = 200; Failure = $null; Text = (@{ value = @(@{ Uri = $Request.Uri }); '@odata.nextLink' = $link } | ConvertTo-Json -Depth 5) }
        }
        @(Invoke-PartnerExchangeCommand -Tenant $tenant.tenantId -CmdletName Get-Mailbox).Count | Should -Be 2
        $global:NextPage = 'https://attacker.example/next'
        (Get-Failure { Invoke-PartnerExchangeCommand -Tenant $tenant.tenantId -CmdletName Get-Mailbox }).FullyQualifiedErrorId | Should -Be 'exchange_failed,Invoke-PartnerExchangeCommand'
        Should -Invoke Send-HttpRequest -ModuleName PartnerTokenBroker -Times 0 -Exactly -ParameterFilter { $Request.Uri -like '*attacker*' }
        Remove-Variable NextPage -Scope Global
    }

    It 'tries a throttled request again, but a change only when it was surely not carried out' {
        $null = Get-PartnerToken -Tenant $tenant.tenantId -Resource exchange
        $global:Replies = [Collections.Generic.Queue[int]]::new()
        Mock Start-Sleep -ModuleName PartnerTokenBroker { }
        Mock Send-HttpRequest -ModuleName PartnerTokenBroker {
            [pscustomobject]@{ Status = $global:Replies.Dequeue(); Failure = $null; Text = '{"value":[{"done":true}]}'; Headers = [Net.Http.HttpResponseMessage]::new().Headers }
        }
        foreach ($status in 429, 503, 200) { $global:Replies.Enqueue($status) }
        (Invoke-PartnerExchangeCommand -Tenant $tenant.tenantId -CmdletName Get-Mailbox).done | Should -BeTrue
        foreach ($status in 429, 200) { $global:Replies.Enqueue($status) }
        (Invoke-PartnerExchangeCommand -Tenant $tenant.tenantId -CmdletName Set-Mailbox -Confirm:$false).done | Should -BeTrue
        foreach ($status in 503, 200) { $global:Replies.Enqueue($status) }
        (Get-Failure { Invoke-PartnerExchangeCommand -Tenant $tenant.tenantId -CmdletName Set-Mailbox -Confirm:$false }).FullyQualifiedErrorId | Should -Match '^exchange_failed'
        $global:Replies.Count | Should -Be 1
        Remove-Variable Replies -Scope Global
    }
}
