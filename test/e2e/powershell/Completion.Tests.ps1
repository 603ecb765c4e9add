BeforeAll {
    . "$PSScriptRoot/TestSetup.ps1"
    $tenant = @(Get-TestTenant)[0]
    function Get-Offered([string] $Line) { @((TabExpansion2 $Line $Line.Length).CompletionMatches | Where-Object ResultType -EQ ParameterValue) }
}
AfterAll { Disconnect-PartnerTokenBroker }

Describe 'Tab' {
    BeforeEach { Connect-TestBroker }

    It 'completes the jobs of <command>' -ForEach @(
        @{ command = 'Start-PartnerRun' }, @{ command = 'Get-PartnerJob' }, @{ command = 'Get-PartnerRun' }, @{ command = 'Get-PartnerJobHistory' }
    ) {
        (Get-Offered "$command -Job ").CompletionText | Should -Be (Get-PartnerJob).Job
        (Get-Offered "$command -Job licence-r").CompletionText | Should -Be 'licence-report'
    }

    It 'completes resources, also without a session' {
        (Get-Offered 'Invoke-PartnerRequest -Resource exch').CompletionText | Should -Be 'exchange'
        Disconnect-PartnerTokenBroker
        (Get-Offered 'Get-PartnerToken -Resource ').CompletionText | Should -Contain 'graph'
    }

    It 'completes a tenant by its domain and by its name: <command>' -ForEach @(
        @{ command = 'Get-PartnerToken' }, @{ command = 'Connect-PartnerMgGraph' }, @{ command = 'Start-PartnerRun' }, @{ command = 'Invoke-PartnerTenant' }
    ) {
        (Get-Offered "$command -Tenant $($tenant.domain.Substring(0, 6))").CompletionText | Should -Contain $tenant.domain
        $offered = Get-Offered "$command -Tenant '$($tenant.name.Substring(0, 6))"
        $offered.CompletionText | Should -Contain $tenant.domain
        $offered.ListItemText | Should -Contain $tenant.name
    }

    It 'offers groups and tags only where several tenants are accepted' {
        (Get-Offered 'Start-PartnerRun -Tenant group:').CompletionText | Should -Not -BeNullOrEmpty
        (Get-Offered 'Start-PartnerRun -Except group:').CompletionText | Should -Not -BeNullOrEmpty
        Get-Offered 'Get-PartnerToken -Tenant group:' | Should -BeNullOrEmpty
    }

    It 'asks the broker once a minute' {
        $reply = Get-FakeReply @{ Text = '{"jobs":[{"name":"one-job","title":"One"}]}' }
        $script:asked = 0
        $script:now = [DateTime]::UtcNow
        Mock Send-HttpRequest -ModuleName PartnerTokenBroker { $script:asked++; $reply }
        Mock Get-UtcNow -ModuleName PartnerTokenBroker { $script:now }
        1..3 | ForEach-Object { (Get-Offered 'Start-PartnerRun -Job ').CompletionText | Should -Be 'one-job' }
        $script:asked | Should -Be 1
        $script:now = $script:now.AddSeconds(61)
        $null = Get-Offered 'Start-PartnerRun -Job '
        $script:asked | Should -Be 2
    }

    It 'is quiet, and asks once and for two seconds, if the broker cannot be reached' {
        $script:waits = @()
        Mock Send-HttpRequest -ModuleName PartnerTokenBroker { $script:waits += $Request.TimeoutSeconds; [pscustomobject]@{ Status = 0; Failure = 'no reply' } }
        Mock Start-Sleep -ModuleName PartnerTokenBroker { throw 'It waits.' }
        $Error.Clear()
        1..2 | ForEach-Object { Get-Offered 'Start-PartnerRun -Job ' | Should -BeNullOrEmpty }
        $script:waits | Should -Be 2
        $Error.Count | Should -Be 0
    }

    It 'is quiet without a session, and if the sign-in has expired' {
        & (Get-Module PartnerTokenBroker) { $script:Broker.CanRenew = $false; $script:Broker.CallerExpiresAt = [DateTime]::MinValue }
        $Error.Clear()
        Get-Offered 'Start-PartnerRun -Tenant x' | Should -BeNullOrEmpty
        Disconnect-PartnerTokenBroker
        Get-Offered 'Start-PartnerRun -Tenant x' | Should -BeNullOrEmpty
        $Error.Count | Should -Be 0 -Because "$Error"
    }

    It 'starts no sign-in, and offers what it knows if the caller has to sign in again' {
        $jobs = (Get-Offered 'Start-PartnerRun -Job ').CompletionText
        & (Get-Module PartnerTokenBroker) {
            $script:Broker.CallerExpiresAt = [DateTime]::UtcNow.AddSeconds(50)
            $script:Broker.SignIn = { $script:Broker.CallerExpiresAt = [DateTime]::MaxValue; throw 'It signs in.' }
        }
        Get-Offered 'Get-PartnerToken -Tenant ' | Should -BeNullOrEmpty
        (Get-Offered 'Start-PartnerRun -Job ').CompletionText | Should -Be $jobs
        & (Get-Module PartnerTokenBroker) { $script:Broker.CallerExpiresAt } | Should -Not -Be ([DateTime]::MaxValue)
    }

    It 'quotes a text that has more than letters' {
        Mock Get-Offer -ModuleName PartnerTokenBroker { [pscustomobject]@{ name = "it's"; title = 'T' } }
        (Get-Offered 'Start-PartnerRun -Job ').CompletionText | Should -BeExactly "'it''s'"
    }
}
