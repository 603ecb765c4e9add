BeforeDiscovery {
    $root = Split-Path (Split-Path (Split-Path $PSScriptRoot))
    $text = (Get-Content -Raw "$root/docs/powershell.md"), (Get-Content -Raw "$root/docs/gateway.md") -join "`n"
    # Every code block after the label Example.
    $heading = ''
    $snippets = foreach ($match in [regex]::Matches($text, '(?ms)^#{2,3} (?<heading>[^\n]+)$|^\*\*Example\*\*[^\n]*\n\n```powershell\n(?<code>.*?)```')) {
        if ($match.Groups['heading'].Success) { $heading = $match.Groups['heading'].Value; continue }
        @{ heading = $heading; code = $match.Groups['code'].Value; first = ($match.Groups['code'].Value -split '\n')[0] }
    }
}

BeforeAll {
    . "$PSScriptRoot/TestSetup.ps1"
    $env:IDENTITY_ENDPOINT = "$($testEnvironment.servers.identity)/msi/token"
    $env:IDENTITY_HEADER = $testEnvironment.servers.identityHeader
    $tenant = @(Get-TestTenant)[0]

    # Replaces the names in the documentation by those of the test environment.
    function ConvertTo-LocalCode([string] $Code) {
        $Code.Replace('https://broker.contoso.com', $url).Replace('api://TENANT_ID/partner-token-broker-prod', $audience).Replace('fabrikam.com', $tenant.domain).
        Replace('https://graph.microsoft.com', $cloud.graph).Replace('./clients/powershell', (Join-Path $testEnvironment.projectRoot clients/powershell))
    }

    $connect = { Connect-PartnerTokenBroker -Url $url -Audience $audience -ExchangeUrl $cloud.exchange }
    & $connect
}
AfterAll {
    Disconnect-PartnerTokenBroker
    Remove-Item Env:IDENTITY_ENDPOINT, Env:IDENTITY_HEADER
}

Describe 'docs/powershell.md and docs/gateway.md' {
    It 'has a working example under "<heading>": <first>' -ForEach $snippets {
        # The addresses are replaced in the text, because blocks of Invoke-PartnerTenant run in other runspaces.
        $local = ConvertTo-LocalCode $code
        $connects = $code -match 'Connect-PartnerTokenBroker'
        if (-not $connects) { & $connect }
        $outcome = & ([scriptblock]::Create("`$WarningPreference = 'SilentlyContinue'`n$local"))
        if ($connects) { @(Get-PartnerTenant).Count | Should -Be 25 }
        if (@($local -split '\n').Count -gt 2 -and $local -notmatch '(?m)^\$results') { $outcome | Should -Not -BeNullOrEmpty }
        foreach ($result in $outcome) {
            if ($result.PSObject.TypeNames -contains 'PartnerTokenBroker.TenantResult' -and $result.TenantId -eq $tenant.tenantId) { $result.Status | Should -Be 'succeeded' }
        }
    }

    It 'has a replacement for each published command' {
        $text = Get-Content -Raw (Join-Path $testEnvironment.projectRoot docs/powershell.md)
        $guide = $text.Substring($text.IndexOf('## From the published scripts'))
        $items = [regex]::Matches($guide, '(?m)^- (?<published>[^:]+(`[^`]+`[^:]*)?): (?<now>.*)$')
        $items.Count | Should -BeGreaterThan 5
        foreach ($item in $items) {
            $now = $item.Groups['now'].Value
            $now | Should -Match '`(ptb|\w+-Partner)'
            foreach ($name in [regex]::Matches($now, '\w+-Partner\w+').Value) { Get-Command $name -Module PartnerTokenBroker | Should -Not -BeNullOrEmpty }
        }
        $items.Count | Should -Be ([regex]::Matches($guide, '(?m)^- ').Count)
    }

    It 'contains no secret in the replacements' {
        $text = Get-Content -Raw (Join-Path $testEnvironment.projectRoot docs/powershell.md)
        foreach ($match in [regex]::Matches($text, '(?s)\*\*Example\*\*[^\n]*\n\n```powershell\n(.*?)```')) { $match.Value | Should -Not -Match 'client_secret|refreshToken|AppCredential' }
    }
}
