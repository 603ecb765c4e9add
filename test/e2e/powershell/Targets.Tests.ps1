BeforeAll {
    . "$PSScriptRoot/TestSetup.ps1"
    Connect-TestBroker
    $tenant = @(Get-TestTenant)[0]
    $other = @(Get-TestTenant)[1]
    $account = ($cloud.accounts | Where-Object state -EQ service).username
}
AfterAll { Disconnect-PartnerTokenBroker }

Describe 'Connect-Partner commands' {
    BeforeEach { $global:StandInCalls = $null; $global:StandInFailure = $null }
    AfterAll { Remove-Variable StandInCalls, StandInFailure -Scope Global -ErrorAction Ignore }

    It 'pass a SecureString to Connect-MgGraph, and Graph answers for the tenant' {
        Connect-PartnerMgGraph -Tenant $tenant.tenantId | Should -BeNullOrEmpty
        $given = $global:StandInCalls[0].Arguments
        $given.AccessToken | Should -BeOfType securestring
        $given.NoWelcome | Should -BeTrue
        $given.ContainsKey('Environment') | Should -BeFalse
        (Invoke-MgGraphRequest -Uri /v1.0/organization).value[0].id | Should -Be $tenant.tenantId
    }

    It 'pass a plain token and the delegated organization to Connect-ExchangeOnline' {
        Connect-PartnerExchangeOnline -Tenant $tenant.domain | Should -BeNullOrEmpty
        $given = $global:StandInCalls[0].Arguments
        $given.AccessToken | Should -BeOfType string
        (Get-TestClaim $given.AccessToken).aud | Should -Match '^https://outlook.office365.com'
        $given.DelegatedOrganization | Should -Be $tenant.tenantId
        $given.ShowBanner | Should -BeFalse
        @(Get-EXOMailbox).Count | Should -BeGreaterThan 0
    }

    It 'pass the organization to Connect-ExchangeOnline for an application token, and the other arguments' {
        # The application has no Exchange permission in the simulated cloud. The test checks only the arguments.
        Connect-PartnerExchangeOnline -Tenant $tenant.tenantId -Grant application -Organization $tenant.domain -CommandName Get-Mailbox -Prefix Customer
        $given = $global:StandInCalls[0].Arguments
        $given.Organization | Should -Be $tenant.domain
        $given.ContainsKey('DelegatedOrganization') | Should -BeFalse
        $given.CommandName | Should -Be 'Get-Mailbox'
        $given.Prefix | Should -Be 'Customer'
    }

    It 'pass a token for the compliance service and the initial domain to Connect-IPPSSession' {
        Connect-PartnerComplianceSession -Tenant $tenant.tenantId -CommandName Get-Label -Prefix Customer | Should -BeNullOrEmpty
        $given = $global:StandInCalls[0].Arguments
        $claims = Get-TestClaim $given.AccessToken
        $claims.aud | Should -Be 'https://ps.compliance.protection.outlook.com'
        $claims.tid | Should -Be $tenant.tenantId
        $given.Organization | Should -Match '\.onmicrosoft\.com$'
        $given.ContainsKey('DelegatedOrganization') | Should -BeFalse
        $given.ShowBanner | Should -BeFalse
        $given.CommandName | Should -Be 'Get-Label'
        $given.Prefix | Should -Be 'Customer'
        Connect-PartnerComplianceSession -Tenant $tenant.tenantId -Organization other.onmicrosoft.com
        $global:StandInCalls[1].Arguments.Organization | Should -Be 'other.onmicrosoft.com'
    }

    It 'ask for -Organization if Exchange Online names no initial domain' {
        Mock Invoke-ExchangeRest -ModuleName PartnerTokenBroker { [pscustomobject]@{ DomainName = 'contoso.com'; InitialDomain = $false } }
        $failure = Get-Failure { Connect-PartnerComplianceSession -Tenant $tenant.tenantId }
        $failure.FullyQualifiedErrorId | Should -Be 'connect_failed,Connect-PartnerComplianceSession'
        $failure.Exception.Message | Should -Match '-Organization'
        $global:StandInCalls | Should -BeNullOrEmpty
    }

    It 'pass the tokens of Microsoft Graph and Teams administration to Connect-MicrosoftTeams, and quote none of them' {
        # No profile has a permission of Teams administration, so the test stands in for its token.
        $record = [pscustomobject]@{ Secret = (Get-PartnerToken -Tenant $tenant.tenantId -Resource graph); TenantId = $tenant.tenantId }
        Mock Get-ConnectToken -ModuleName PartnerTokenBroker { $record }
        (Connect-PartnerTeams -Tenant $tenant.tenantId).TenantId | Should -Be $tenant.tenantId
        foreach ($alias in 'graph', 'teams') {
            Should -Invoke Get-ConnectToken -ModuleName PartnerTokenBroker -Times 1 -Exactly -ParameterFilter { $Resource -eq $alias }
        }
        @($global:StandInCalls[0].Arguments.AccessTokens).Count | Should -Be 2
        $global:StandInFailure = 'The token was not accepted: {0}'
        $failure = Get-Failure { Connect-PartnerTeams -Tenant $tenant.tenantId }
        $failure.FullyQualifiedErrorId | Should -Be 'connect_failed,Connect-PartnerTeams'
        $failure.Exception.Message | Should -Match 'The token was not accepted: \[token\]$'
    }


    It 'pass tokens, account and tenant to Connect-AzAccount, limited to this process' {
        $connected = Connect-PartnerAzAccount -Tenant $tenant.tenantId
        $connected.Context.Account | Should -Be $account
        $given = $global:StandInCalls[0].Arguments
        $given.Scope | Should -Be 'Process'
        $given.Tenant | Should -Be $tenant.tenantId
        (Get-TestClaim $given.AccessToken).aud | Should -Match '^https://management.(azure|core.windows)'
        (Get-TestClaim $given.MicrosoftGraphAccessToken).aud | Should -Match '^https://graph.microsoft.com'
        @(Get-AzSubscription)[0].tenantId | Should -Be $tenant.tenantId
    }

    It 'pass -AccountId and -Subscription to Connect-AzAccount, and no Graph token with -SkipGraph' {
        $null = Connect-PartnerAzAccount -Tenant $tenant.tenantId -AccountId someone@contoso.com -Subscription s -SkipGraph
        $given = $global:StandInCalls[0].Arguments
        $given.AccountId | Should -Be 'someone@contoso.com'
        $given.Subscription | Should -Be 's'
        $given.ContainsKey('MicrosoftGraphAccessToken') | Should -BeFalse
    }

    It 'pass both tokens to Connect-MsolService and warn about its retirement' {
        Connect-PartnerMsolService -Tenant $tenant.tenantId -WarningVariable warnings -WarningAction SilentlyContinue
        "$warnings" | Should -Match 'retired .* Connect-PartnerMgGraph'
        $given = $global:StandInCalls[0].Arguments
        (Get-TestClaim $given.MsGraphAccessToken).aud | Should -Match '^https://graph.microsoft.com'
        (Get-TestClaim $given.AdGraphAccessToken).aud | Should -Match '^https://graph.windows.net'
        @(Get-MsolCompanyInformation)[0].objectId | Should -Be $tenant.tenantId
    }

    It 'pass both tokens, the account and the customer tenant to Connect-AzureAD' {
        $connected = Connect-PartnerAzureAD -Tenant $tenant.tenantId -WarningAction SilentlyContinue
        $connected.Account | Should -Be $account
        $given = $global:StandInCalls[0].Arguments
        $given.TenantId | Should -Be $tenant.tenantId
        (Get-TestClaim $given.AadAccessToken).aud | Should -Match '^https://graph.windows.net'
        (Get-TestClaim $given.MsAccessToken).aud | Should -Match '^https://graph.microsoft.com'
        @(Get-AzureADTenantDetail)[0].objectId | Should -Be $tenant.tenantId
    }

    It 'pass the module''s name of the cloud: <command>' -ForEach @(
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

    It 'accept a tenant from the pipeline' {
        Get-PartnerTenant $tenant.tenantId | Connect-PartnerMgGraph
        (Get-MgContext).TenantId | Should -Be $tenant.tenantId
    }

    It 'omit optional arguments that an older module lacks, and pass plain text if it requires that' {
        function global:Connect-MgGraph { [CmdletBinding()] param([string] $AccessToken) $global:OldToken = $AccessToken }
        try { Connect-PartnerMgGraph -Tenant $tenant.tenantId }
        finally { Remove-Item Function:Connect-MgGraph }
        $global:OldToken | Should -Match '^eyJ'
        Remove-Variable OldToken -Scope Global
    }

    It 'fail with module_outdated if the module does not accept tokens' {
        function global:Connect-ExchangeOnline { [CmdletBinding()] param([string] $UserPrincipalName) 'connected as a user' }
        try { $failure = Get-Failure { Connect-PartnerExchangeOnline -Tenant $tenant.tenantId } }
        finally { Remove-Item Function:Connect-ExchangeOnline }
        $failure.FullyQualifiedErrorId | Should -Be 'module_outdated,Connect-PartnerExchangeOnline'
        $failure.Exception.Message | Should -Match 'Update-Module ExchangeOnlineManagement'
    }

    It 'name the module to install, or the replacement of a retired module: <command>' -ForEach @(
        @{ command = 'Connect-PartnerMgGraph'; hint = 'Install-Module Microsoft.Graph.Authentication' }
        @{ command = 'Connect-PartnerExchangeOnline'; hint = 'Install-Module ExchangeOnlineManagement' }
        @{ command = 'Connect-PartnerComplianceSession'; hint = 'Install-Module ExchangeOnlineManagement' }
        @{ command = 'Connect-PartnerTeams'; hint = 'Install-Module MicrosoftTeams' }
        @{ command = 'Connect-PartnerAzAccount'; hint = 'Install-Module Az.Accounts' }
        @{ command = 'Connect-PartnerMsolService'; hint = 'Microsoft retired MSOnline in May 2025\. Use Connect-PartnerMgGraph' }
        @{ command = 'Connect-PartnerAzureAD'; hint = 'Microsoft retired AzureAD in 2025\. Use Connect-PartnerMgGraph' }
    ) {
        Mock Get-Command -ModuleName PartnerTokenBroker { }
        $failure = Get-Failure { & $command -Tenant $tenant.tenantId }
        $failure.FullyQualifiedErrorId | Should -Be "module_missing,$command"
        $failure.Exception.Message | Should -Match $hint
    }

    It 'end an earlier connection if they fail: <command>' -ForEach @(
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

    It 'convert a failure of the module to an error without the token, and remove the module''s errors from $Error' {
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

    It 'accepts tenants from the pipeline' {
        $names = Get-PartnerTenant | Where-Object TenantId -In $tenant.tenantId, $other.tenantId | Invoke-PartnerExchangeCommand -CmdletName Get-OrganizationConfig
        $names.DisplayName | Sort-Object | Should -Be ($tenant.name, $other.name | Sort-Object)
    }

    It 'quotes the error of Exchange' {
        $failure = Get-Failure { Invoke-PartnerExchangeCommand -Tenant $tenant.tenantId -CmdletName Get-Mailbox -Parameters @{ Identity = 'nobody' } }
        $failure.FullyQualifiedErrorId | Should -Be 'exchange_failed,Invoke-PartnerExchangeCommand'
        $failure.Exception.Message | Should -Match 'HTTP 404: Error executing cmdlet'
    }

    It 'changes nothing with -WhatIf' {
        Mock Send-HttpRequest -ModuleName PartnerTokenBroker { throw 'A request was sent.' }
        Invoke-PartnerExchangeCommand -Tenant $tenant.tenantId -CmdletName Set-Mailbox -Parameters @{ Identity = 'x' } -WhatIf | Should -BeNullOrEmpty
    }

    It 'follows pages on the same host only' {
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

    It 'retries transient failures, but retries a change only after 429' {
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
