BeforeAll {
    . "$PSScriptRoot/TestSetup.ps1"
    $transcriptPath = Join-Path $TestDrive transcript.txt
    $errorPath = Join-Path $TestDrive errors.txt
    $output = & $testEnvironment.program -NoProfile -NonInteractive -File "$PSScriptRoot/leak-session.ps1" -TranscriptPath $transcriptPath -ErrorPath $errorPath *>&1 | Out-String -Width 4000
    $texts = @{ output = $output; transcript = Get-Content -Raw $transcriptPath; '$Error' = Get-Content -Raw $errorPath }
    $secrets = @($cloud.brokerApplication.callers.clientSecret) + $testEnvironment.servers.identityHeader

    # Finds texts in the form of a JWT, even across lines, and the known secrets.
    function Find-Secret([string] $Text) {
        $joined = $Text -replace '\s+', ''
        foreach ($match in [regex]::Matches($joined, 'eyJ[\w-]{10,}(\.[\w-]+)?')) { $match.Value }
        foreach ($secret in $secrets) { if ($joined.Contains($secret)) { $secret } }
    }
}

Describe 'output, transcript and $Error of a session' {
    It 'contain verbose lines, results and all expected errors' {
        $texts.transcript | Should -Match 'VERBOSE: POST .*/api/tokens: 200'
        $texts.output | Should -Match 'consent_required'
        foreach ($code in 'consent_required', 'tenant_unknown', 'job_unknown', 'connect_failed', 'exchange_failed', 'resource_refused', 'session_expired', 'not_a_broker', 'broker_unreachable', 'url_invalid', 'caller_forbidden', 'not_connected') {
            $texts['$Error'] | Should -Match $code
        }
    }

    It 'contain no token and no secret: <where>' -ForEach @(@{ where = 'output' }, @{ where = 'transcript' }, @{ where = '$Error' }) {
        Find-Secret $texts[$where] | Should -BeNullOrEmpty
    }

    It 'are scanned reliably: the scan finds a token across two lines, and a secret' {
        Find-Secret "Bearer eyJhbGciOiJSUzI1Ni`r`nIsInR5cCI6IkpXVCJ9.eyJ0aWQ" | Should -Not -BeNullOrEmpty
        Find-Secret "x $($secrets[0]) y" | Should -Not -BeNullOrEmpty
    }

    It 'are not written to disk: the session creates no files' {
        $before = @(Get-ChildItem $HOME -Recurse -Force -File).FullName
        Connect-TestBroker
        $null = Get-PartnerToken -Tenant @(Get-TestTenant)[0].tenantId -Resource graph
        Disconnect-PartnerTokenBroker
        @(Get-ChildItem $HOME -Recurse -Force -File | Where-Object { $_.FullName -notin $before -and $_.Extension -ne '.json' }).FullName | Should -BeNullOrEmpty
    }
}

Describe 'Hide-Token' {
    It 'removes <secret>' -ForEach @(
        @{ secret = 'a JWT'; text = 'Bearer eyJhbGciOiJSUzI1NiJ9.eyJ0aWQiOiJ4In0.c2ln'; left = 'Bearer [token]' }
        @{ secret = 'an opaque bearer token'; text = 'authorization: bearer 0123456789abcdef0123'; left = 'authorization: bearer [token]' }
        @{ secret = 'a refresh token of Entra'; text = "x 1.A$('b' * 60) y"; left = 'x [token] y' }
    ) {
        & (Get-Module PartnerTokenBroker) { param($Text) Hide-Token $Text } $text | Should -Be $left
    }
}
