BeforeAll {
    . "$PSScriptRoot/TestSetup.ps1"
    $tenant = @(Get-TestTenant)[0]
    $token = & {
        Connect-TestBroker
        ConvertTo-Json (& (Get-Module PartnerTokenBroker) { ConvertFrom-SecretText (Get-CallerToken) }) | ConvertFrom-Json
        Disconnect-PartnerTokenBroker
    }
    # Writes the file as npm start does, below a folder.
    function Write-DemoFile([string] $Folder, [hashtable] $More = @{}) {
        $values = @{
            BROKER_URL = $url; BROKER_SCOPE = "$audience/.default"; CALLER_TOKEN = $token; CA_FILE = $env:SSL_CERT_FILE
            CLOUD_ENDPOINTS = (@{ entra = $cloud.entra; exchange = $cloud.exchange } | ConvertTo-Json -Compress); QUOTED = "a'b"
        }
        foreach ($name in $More.Keys) { $values[$name] = $More[$name] }
        $null = New-Item -ItemType Directory -Force (Join-Path $Folder .local)
        $lines = foreach ($name in $values.Keys) { "export $name='$($values[$name].Replace("'", "'\''"))'" }
        Set-Content -LiteralPath (Join-Path $Folder .local/demo.env) -Value $lines
    }
}

Describe 'Connect-PartnerTokenBroker -Demo' {
    BeforeEach {
        Disconnect-PartnerTokenBroker
        $project = Join-Path $TestDrive ([guid]::NewGuid())
        $null = New-Item -ItemType Directory -Path "$project/below/deep"
        Write-DemoFile $project
        Push-Location "$project/below/deep"
    }
    AfterEach {
        Pop-Location
        Disconnect-PartnerTokenBroker
    }

    It 'reads the file of the demo in the current folder or above it' {
        $session = Connect-PartnerTokenBroker -Demo -PassThru
        $session.SignIn | Should -Be 'demo'
        $session.Url | Should -Be $url
        @(Get-PartnerTenant).Count | Should -Be 25
    }

    It 'runs Exchange commands in the simulated cloud, also for several tenants' {
        Connect-PartnerTokenBroker -Demo
        (Invoke-PartnerExchangeCommand -Tenant $tenant.tenantId -CmdletName Get-OrganizationConfig).DisplayName | Should -Be $tenant.name
        $results = Get-PartnerTenant $tenant.tenantId | Invoke-PartnerTenant { $_ | Invoke-PartnerExchangeCommand -CmdletName Get-OrganizationConfig }
        $results.Output.DisplayName | Should -Be $tenant.name
    }

    It 'reads the token again when it expires, from any folder' {
        Connect-PartnerTokenBroker -Demo
        & (Get-Module PartnerTokenBroker) { $script:Broker.CallerExpiresAt = [DateTime]::UtcNow }
        Pop-Location
        Push-Location $TestDrive
        @(Get-PartnerJob).Count | Should -BeGreaterThan 0
    }

    It 'fails with demo_not_running if the demo has ended' {
        Connect-PartnerTokenBroker -Demo
        Remove-Item "$project/.local/demo.env"
        & (Get-Module PartnerTokenBroker) { $script:Broker.CallerExpiresAt = [DateTime]::UtcNow }
        (Get-Failure { Get-PartnerJob }).FullyQualifiedErrorId | Should -Be 'demo_not_running,Get-PartnerJob'
        $failure = Get-Failure { Connect-PartnerTokenBroker -Demo }
        $failure.FullyQualifiedErrorId | Should -Be 'demo_not_running,Connect-PartnerTokenBroker'
        $failure.TargetObject.Advice | Should -Match 'npm start'
    }

    It 'fails with demo_not_running if the file lacks <name>' -ForEach @(@{ name = 'BROKER_URL' }, @{ name = 'CALLER_TOKEN' }) {
        Write-DemoFile $project @{ $name = '' }
        $failure = Get-Failure { Connect-PartnerTokenBroker -Demo }
        $failure.FullyQualifiedErrorId | Should -Be 'demo_not_running,Connect-PartnerTokenBroker'
        $failure.Exception.Message | Should -Match "has no $name"
    }

    It 'reads quotes in values' {
        (& (Get-Module PartnerTokenBroker) { param($Path) Read-DemoFile $Path } "$project/.local/demo.env").QUOTED | Should -Be "a'b"
    }

    It 'does not connect Microsoft modules, whose services do not accept the tokens' {
        Connect-PartnerTokenBroker -Demo
        $failure = Get-Failure { Connect-PartnerMgGraph -Tenant $tenant.tenantId }
        $failure.FullyQualifiedErrorId | Should -Be 'connect_failed,Connect-PartnerMgGraph'
        $failure.TargetObject.Advice | Should -Match 'Invoke-PartnerExchangeCommand'
    }
}

Describe 'Advice after a sign-in that failed' {
    It 'names the parameter for <entra>' -ForEach @(
        @{ entra = 'AADSTS7000215'; parameter = '-ClientSecretCredential' }
        @{ entra = 'AADSTS700027'; parameter = '-Certificate' }
        @{ entra = 'AADSTS700016'; parameter = '-ClientId' }
        @{ entra = 'AADSTS90002'; parameter = '-TenantId' }
        @{ entra = 'AADSTS500011'; parameter = '-Audience' }
        @{ entra = 'AADSTS7000218'; parameter = '-UseDeviceCode' }
    ) {
        $reply = [pscustomobject]@{ Status = 400; Text = (@{ error_description = "${entra}: No." } | ConvertTo-Json) }
        $failure = Get-Failure { & (Get-Module PartnerTokenBroker) { [CmdletBinding()] param($Reply) Read-TokenReply $Reply 'Entra' Application } $reply }
        $failure.TargetObject.Advice | Should -Match $parameter
        $failure.TargetObject.Advice | Should -Not -Match 'Other sign-ins'
    }

    It 'names the other parameter sets after <method>' -ForEach @(
        @{ method = 'AzureCli'; sets = '-UseDeviceCode', '-Identity', '-Certificate', '-ClientSecretCredential', '-Demo' }
        @{ method = 'Identity'; sets = '-AzureCli', '-UseDeviceCode', '-Certificate', '-Demo' }
        @{ method = 'DeviceCode'; sets = '-Certificate', '-ClientSecretCredential', '-Identity' }
        @{ method = 'AccessToken'; sets = '-AzureCli', '-Certificate' }
        @{ method = 'Application'; sets = '-Identity', '-AzureCli' }
    ) {
        $failure = Get-Failure { & (Get-Module PartnerTokenBroker) { [CmdletBinding()] param($Method) Write-SignInError $Method 'Detail.' } $method }
        $failure.FullyQualifiedErrorId | Should -Match '^sign_in_failed'
        foreach ($set in $sets) { $failure.TargetObject.Advice | Should -Match $set }
        $parameters = (Get-Command Connect-PartnerTokenBroker).Parameters.Keys
        foreach ($found in [regex]::Matches($failure.TargetObject.Advice, '(?<![\w-])-(?<name>[A-Z]\w+)')) {
            if ($found.Groups['name'].Value -notin 'ResourceUrl', 'AsSecureString') { $parameters | Should -Contain $found.Groups['name'].Value }
        }
    }
}
