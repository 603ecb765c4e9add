BeforeAll { . "$PSScriptRoot/TestSetup.ps1" }
AfterAll { Disconnect-PartnerTokenBroker }

Describe 'Connect-PartnerTokenBroker' {
    BeforeEach {
        Disconnect-PartnerTokenBroker
        Remove-Item Env:IDENTITY_ENDPOINT, Env:IDENTITY_HEADER, Env:AZURE_POD_IDENTITY_AUTHORITY_HOST, Env:PTB_TEST_AZ -ErrorAction Ignore
        $local = Get-LocalArgument
        $application = @{ TenantId = $cloud.partnerTenantId; ClientId = (Get-TestCaller 'Operations console').clientId }
    }

    Context 'signing in' {
        It 'accepts a client secret and returns nothing without -PassThru' {
            Connect-PartnerTokenBroker @local -ClientSecretCredential (Get-TestCredential 'Operations console') -TenantId $cloud.partnerTenantId | Should -BeNullOrEmpty
            @(Get-PartnerTenant).Count | Should -Be 25
        }

        It 'accepts a certificate' {
            $certificate = [Security.Cryptography.X509Certificates.X509Certificate2]::CreateFromPemFile($testEnvironment.certificate.certificatePath, $testEnvironment.certificate.keyPath)
            $session = Connect-PartnerTokenBroker @local @application -Certificate $certificate -PassThru
            $session.SignIn | Should -Be 'certificate'
            $session.Status | Should -Be 'ok'
        }

        It 'finds a certificate by its thumbprint' {
            $pem = [Security.Cryptography.X509Certificates.X509Certificate2]::CreateFromPemFile($testEnvironment.certificate.certificatePath, $testEnvironment.certificate.keyPath)
            $store = [Security.Cryptography.X509Certificates.X509Store]::new('My', 'CurrentUser')
            $store.Open('ReadWrite')
            try {
                $store.Add($pem)
                Connect-PartnerTokenBroker @local @application -CertificateThumbprint $testEnvironment.certificate.thumbprint
                @(Get-PartnerJob).Count | Should -BeGreaterThan 0
            }
            finally { $store.Remove($pem); $store.Dispose() }
        }

        It 'names the thumbprint if no certificate has it' {
            $failure = Get-Failure { Connect-PartnerTokenBroker @local @application -CertificateThumbprint ('0' * 40) }
            $failure.FullyQualifiedErrorId | Should -Be 'sign_in_failed,Connect-PartnerTokenBroker'
            $failure.Exception.Message | Should -Match '0{40}'
        }

        It 'uses the managed identity of App Service' {
            $env:IDENTITY_ENDPOINT = "$($testEnvironment.servers.identity)/msi/token"
            $env:IDENTITY_HEADER = $testEnvironment.servers.identityHeader
            (Connect-PartnerTokenBroker @local -Identity -PassThru).SignIn | Should -Be 'managed identity'
        }

        It 'uses the managed identity of a virtual machine' {
            $env:AZURE_POD_IDENTITY_AUTHORITY_HOST = $testEnvironment.servers.identity
            (Connect-PartnerTokenBroker @local -Identity -PassThru).Status | Should -Be 'ok'
        }

        It 'quotes the error of the identity endpoint' {
            $env:IDENTITY_ENDPOINT = "$($testEnvironment.servers.identity)/msi/token"
            $env:IDENTITY_HEADER = 'wrong'
            $failure = Get-Failure { Connect-PartnerTokenBroker @local -Identity }
            $failure.Exception.Message | Should -Match 'not one for this identity endpoint'
        }

        It 'uses the account of az login' {
            (Connect-PartnerTokenBroker @local -AzureCli -TenantId $cloud.partnerTenantId -PassThru).SignIn | Should -Be 'Azure CLI'
        }

        It 'quotes the error of az' {
            $env:PTB_TEST_AZ = 'signed out'
            $failure = Get-Failure { Connect-PartnerTokenBroker @local -AzureCli }
            $failure.FullyQualifiedErrorId | Should -Be 'sign_in_failed,Connect-PartnerTokenBroker'
            $failure.Exception.Message | Should -Match "Please run 'az login'"
        }

        It 'uses the managed identity by default, or az if there is none' {
            (Connect-PartnerTokenBroker @local -PassThru).SignIn | Should -Be 'Azure CLI'
            $env:IDENTITY_ENDPOINT = "$($testEnvironment.servers.identity)/msi/token"
            $env:IDENTITY_HEADER = $testEnvironment.servers.identityHeader
            (Connect-PartnerTokenBroker @local -PassThru).SignIn | Should -Be 'managed identity'
        }

        It 'accepts an existing token until it expires' {
            $given = & (Get-Module PartnerTokenBroker) { param($Session) (Request-AzureCliToken $Session).Secret } ([pscustomobject]@{ Audience = $audience; TenantId = '' })
            (Connect-PartnerTokenBroker -Url $url -AccessToken $given -PassThru).SignIn | Should -Be 'access token'
            & (Get-Module PartnerTokenBroker) { $script:Broker.CallerExpiresAt = [DateTime]::UtcNow.AddMinutes(-1) }
            (Get-Failure { Get-PartnerTenant }).FullyQualifiedErrorId | Should -Be 'session_expired,Get-PartnerTenant'
        }

        It 'signs a user in with a device code and does not renew the token' {
            # Plays the user, who enters the code as soon as it is shown.
            Mock Write-Information -ModuleName PartnerTokenBroker {
                $code = [regex]::Match($MessageData, 'code ([A-Z0-9]{9})').Groups[1].Value
                $body = @{ userCode = $code; username = ($cloud.accounts | Where-Object state -EQ admin).username } | ConvertTo-Json
                $null = Invoke-RestMethod -Method POST -Uri "$($cloud.control)/device-code" -Body $body
            }
            $session = Connect-PartnerTokenBroker @local -UseDeviceCode -TenantId $cloud.partnerTenantId -ClientId '04b07795-8ddb-461a-bbee-02f9e1bf7b46' -PassThru
            $session.SignIn | Should -Be 'device code'
            Should -Invoke Write-Information -ModuleName PartnerTokenBroker -Times 1 -Exactly
            & (Get-Module PartnerTokenBroker) { $script:Broker.CallerExpiresAt = [DateTime]::UtcNow }
            (Get-Failure { Get-PartnerTenant }).FullyQualifiedErrorId | Should -Be 'session_expired,Get-PartnerTenant'
        }

        It 'fails if the user declines' {
            Mock Write-Information -ModuleName PartnerTokenBroker {
                $code = [regex]::Match($MessageData, 'code ([A-Z0-9]{9})').Groups[1].Value
                $null = Invoke-RestMethod -Method POST -Uri "$($cloud.control)/device-code" -Body (@{ userCode = $code; cancel = $true } | ConvertTo-Json)
            }
            $failure = Get-Failure { Connect-PartnerTokenBroker @local -UseDeviceCode -TenantId $cloud.partnerTenantId -ClientId '04b07795-8ddb-461a-bbee-02f9e1bf7b46' }
            $failure.FullyQualifiedErrorId | Should -Be 'sign_in_failed,Connect-PartnerTokenBroker'
        }

        It 'quotes the error of Entra for a wrong secret' {
            $wrong = [pscredential]::new($application.ClientId, [Net.NetworkCredential]::new('', 'wrong').SecurePassword)
            $failure = Get-Failure { Connect-PartnerTokenBroker @local -ClientSecretCredential $wrong -TenantId $cloud.partnerTenantId }
            $failure.FullyQualifiedErrorId | Should -Be 'sign_in_failed,Connect-PartnerTokenBroker'
            $failure.Exception.Message | Should -Match 'AADSTS7000215'
        }

        It 'renews the caller''s token before it expires' {
            Connect-TestBroker
            $before = & (Get-Module PartnerTokenBroker) { $script:Broker.CallerExpiresAt = [DateTime]::UtcNow.AddSeconds(30); $script:Broker.CallerToken }
            Get-PartnerJob | Should -Not -BeNullOrEmpty
            $after = & (Get-Module PartnerTokenBroker) { $script:Broker.CallerToken }
            [object]::ReferenceEquals($before, $after) | Should -BeFalse
        }
    }

    Context 'invalid URLs' {
        It 'fails with <code> for <case>' -ForEach @(
            @{ case = 'a port without a listener'; server = 'closed'; code = 'broker_unreachable' }
            @{ case = 'a web site'; server = 'web'; code = 'not_a_broker' }
            @{ case = 'a redirect'; server = 'redirect'; code = 'not_a_broker' }
            @{ case = 'an app that is starting'; server = 'starting'; code = 'broker_unreachable' }
        ) {
            $failure = Get-Failure { Connect-TestBroker -Url $testEnvironment.servers.$server }
            $failure.FullyQualifiedErrorId | Should -Be "$code,Connect-PartnerTokenBroker"
            $failure.Exception.Data['Code'] | Should -Be $code
            $failure.ErrorDetails.RecommendedAction | Should -Not -BeNullOrEmpty
            (Get-Failure { Get-PartnerTenant }).FullyQualifiedErrorId | Should -Be 'not_connected,Get-PartnerTenant'
        }

        It 'does not send the token to the target of a redirect' {
            $before = (Invoke-RestMethod "$($testEnvironment.servers.web)/seen").Count
            $null = Get-Failure { Connect-TestBroker -Url $testEnvironment.servers.redirect }
            (Invoke-RestMethod "$($testEnvironment.servers.web)/seen").Count | Should -Be $before
        }

        It 'rejects <address>' -ForEach @(
            @{ address = 'http://broker.contoso.com' }, @{ address = 'broker.contoso.com' }, @{ address = 'ftp://broker.contoso.com' }
            @{ address = 'https://user:secret@broker.contoso.com' }, @{ address = 'https://broker.contoso.com/?code=x' }
        ) {
            (Get-Failure { Connect-TestBroker -Url $address }).FullyQualifiedErrorId | Should -Be 'url_invalid,Connect-PartnerTokenBroker'
        }

        It 'accepts a URL with a trailing slash or /api' {
            foreach ($given in "$url/", "$url/api", "$url/api/") {
                $local.Url = $given
                (Connect-PartnerTokenBroker @local -AzureCli -PassThru).Url | Should -Be $url
            }
        }

        It 'fails with sign_in_failed if Entra is unreachable' {
            $local.Authority = $testEnvironment.servers.closed
            $failure = Get-Failure { Connect-PartnerTokenBroker @local @application -Certificate ([Security.Cryptography.X509Certificates.X509Certificate2]::CreateFromPemFile($testEnvironment.certificate.certificatePath, $testEnvironment.certificate.keyPath)) }
            $failure.FullyQualifiedErrorId | Should -Be 'sign_in_failed,Connect-PartnerTokenBroker'
        }
    }

    Context 'the session' {
        It 'ends with Disconnect-PartnerTokenBroker, which disposes of all tokens' {
            Connect-TestBroker
            $null = Get-PartnerToken -Tenant @(Get-TestTenant)[0].tenantId -Resource graph
            $session = & (Get-Module PartnerTokenBroker) { $script:Broker }
            Disconnect-PartnerTokenBroker
            $session.Tokens.Count | Should -Be 0
            (Get-Failure { $session.CallerToken.Copy() }).Exception.InnerException | Should -BeOfType ObjectDisposedException
            (Get-Failure { Get-PartnerToken -Tenant x -Resource graph }).FullyQualifiedErrorId | Should -Be 'not_connected,Get-PartnerToken'
        }

        It 'stays open with a warning if a later Connect-PartnerTokenBroker fails, because of <case>' -ForEach @(
            @{ case = 'the broker'; more = @{ Url = 'closed' } }, @{ case = 'the URL'; more = @{ Url = 'ftp://broker.contoso.com' } }
            @{ case = 'the certificate'; more = @{ CertificateThumbprint = '0' * 40 } }
        ) {
            Connect-TestBroker
            $wrong = if ($more['CertificateThumbprint']) { $local + $application } else { $local + @{ AzureCli = $true } }
            foreach ($name in $more.Keys) { $wrong[$name] = if ($more[$name] -eq 'closed') { $testEnvironment.servers.closed } else { $more[$name] } }
            $null = Get-Failure { Connect-PartnerTokenBroker @wrong -WarningVariable script:warned }
            "$script:warned" | Should -Be "The session with $url stays open."
            @(Get-PartnerTenant).Count | Should -Be 25
        }

        It 'retries throttled requests' {
            Connect-TestBroker -Url $testEnvironment.servers.throttled
            @(Get-PartnerTenant).Count | Should -Be 25
        }

        It 'knows the hosts of <environment>' -ForEach @(
            @{ environment = 'USGovernment'; authority = 'https://login.microsoftonline.us'; mg = 'USGov' }
            @{ environment = 'China'; authority = 'https://login.partner.microsoftonline.cn'; mg = 'China' }
        ) {
            & (Get-Module PartnerTokenBroker) { param($Name) $script:Environments[$Name].Authority, $script:Environments[$Name].MgGraph } $environment | Should -Be @($authority, $mg)
        }
    }
}
