BeforeDiscovery {
    $module = Join-Path (Split-Path (Split-Path (Split-Path $PSScriptRoot))) 'clients/powershell/PartnerTokenBroker'
    $commands = (Import-PowerShellDataFile "$module/PartnerTokenBroker.psd1").FunctionsToExport
    # Not on NuGet, where CI gets its tools; whoever has it installed, or in .local/tools/modules, sees this test run.
    $hasAnalyzer = [bool](Get-Module -ListAvailable PSScriptAnalyzer)
    $files = Get-ChildItem $module -Recurse -Include *.ps1, *.psm1 | ForEach-Object { @{ path = $_.FullName; name = $_.Name } }
}

BeforeAll {
    . "$PSScriptRoot/TestSetup.ps1"

    # What Windows PowerShell 5.1 cannot read, or reads otherwise: operators, keywords, attributes and parameters that came later.
    function Find-NewerSyntax([string] $Code) {
        $tokens = $errors = $null
        $ast = [Management.Automation.Language.Parser]::ParseInput($Code, [ref]$tokens, [ref]$errors)
        foreach ($fault in $errors) { "does not parse: $($fault.Message)" }
        $operators = 'QuestionQuestion', 'QuestionQuestionEquals', 'QuestionDot', 'QuestionLBracket', 'QuestionMark', 'AndAnd', 'OrOr', 'Clean'
        foreach ($token in $tokens) { if ("$($token.Kind)" -in $operators) { "$($token.Kind) in line $($token.Extent.StartLineNumber)" } }
        foreach ($found in $ast.FindAll({ param($node) $node.GetType().Name -in 'TernaryExpressionAst', 'PipelineChainAst' }, $true)) { "$($found.GetType().Name) in line $($found.Extent.StartLineNumber)" }
        # A call in the background: & at the end of a pipeline.
        foreach ($found in $ast.FindAll({ param($node) $node -is [Management.Automation.Language.PipelineAst] -and $node.Background }, $true)) { "background in line $($found.Extent.StartLineNumber)" }
        $later = @{
            'ForEach-Object' = 'Parallel', 'ThrottleLimit', 'AsJob', 'TimeoutSeconds'; 'ConvertFrom-Json' = 'AsHashtable', 'Depth', 'NoEnumerate', 'DateKind'
            'ConvertTo-Json' = 'AsArray', 'EnumsAsStrings', 'EscapeHandling'; 'Get-Content' = 'AsByteStream'; 'Set-Content' = 'AsByteStream'
            'Invoke-RestMethod' = 'Authentication', 'Token', 'SkipCertificateCheck', 'SkipHttpErrorCheck', 'MaximumRetryCount'; 'ConvertFrom-SecureString' = 'AsPlainText'
            'Join-Path' = 'AdditionalChildPath'; 'Split-Path' = 'LeafBase', 'Extension'; 'Get-Random' = 'Shuffle'; 'Start-Sleep' = 'Duration'; 'Import-Module' = 'SkipEditionCheck'
        }
        foreach ($command in $ast.FindAll({ param($node) $node -is [Management.Automation.Language.CommandAst] }, $true)) {
            $name = $command.GetCommandName()
            if ($name -in 'Get-Error', 'Join-String', 'Test-Json', 'Remove-Alias', 'Get-Uptime', 'Get-SecureRandom') { "$name in line $($command.Extent.StartLineNumber)" }
            if (-not $name -or -not $later.ContainsKey($name)) { continue }
            foreach ($part in $command.CommandElements) {
                if ($part -is [Management.Automation.Language.CommandParameterAst] -and $part.ParameterName -in $later[$name]) { "$name -$($part.ParameterName) in line $($part.Extent.StartLineNumber)" }
            }
        }
        # Read-only here, and there only on Windows: the variables of the platform.
        foreach ($variable in $ast.FindAll({ param($node) $node -is [Management.Automation.Language.VariableExpressionAst] }, $true)) {
            if ($variable.VariablePath.UserPath -in 'IsWindows', 'IsLinux', 'IsMacOS', 'IsCoreCLR') { "`$$($variable.VariablePath.UserPath) in line $($variable.Extent.StartLineNumber)" }
        }
    }
}

Describe 'the module' {
    It 'has a manifest that PowerShell accepts, for both editions' {
        $manifest = Test-ModuleManifest "$modulePath/PartnerTokenBroker.psd1"
        $manifest.CompatiblePSEditions | Should -Be 'Desktop', 'Core'
        $manifest.PowerShellVersion | Should -Be '5.1'
        $manifest.LicenseUri | Should -Not -BeNullOrEmpty
        $manifest.RequiredModules | Should -BeNullOrEmpty
    }

    It 'exports one command a file, and no more' {
        $files = (Get-ChildItem "$modulePath/Public" -Filter *.ps1).BaseName | Sort-Object
        (Get-Command -Module PartnerTokenBroker).Name | Sort-Object | Should -Be $files
    }

    It 'has no finding of PSScriptAnalyzer' -Skip:(-not $hasAnalyzer) {
        $settings = Join-Path (Split-Path $modulePath) PSScriptAnalyzerSettings.psd1
        Invoke-ScriptAnalyzer -Path $modulePath -Recurse -Settings $settings | ForEach-Object { "$($_.ScriptName):$($_.Line) $($_.RuleName) $($_.Message)" } | Should -BeNullOrEmpty
    }

    It 'loads and unloads without touching the caller''s variables or preferences' {
        $before = (Get-Variable -Scope Global).Name
        Import-Module $modulePath -Force
        (Get-Variable -Scope Global).Name | Where-Object { $_ -notin $before } | Should -BeNullOrEmpty
        # In strict mode of any kind, and with errors that stop.
        $checked = & { Set-StrictMode -Version Latest; try { Get-PartnerTenant } catch { $_.FullyQualifiedErrorId } }
        $checked | Should -Be 'not_connected,Get-PartnerTenant'
    }
}

Describe 'the file <name>' -ForEach $files {
    BeforeAll {
        $code = Get-Content -Raw -LiteralPath $path
        $ast = [Management.Automation.Language.Parser]::ParseInput($code, [ref]$null, [ref]$null)
    }

    It 'is one that Windows PowerShell 5.1 can run' { Find-NewerSyntax $code | Should -BeNullOrEmpty }

    It 'is ASCII, which 5.1 reads in every code page' { $code | Should -Not -Match '[^\x00-\x7F]' }

    It 'writes commands out and in full: no alias, no Invoke-Expression, no Write-Host, no plain ConvertTo-SecureString' {
        $called = $ast.FindAll({ param($node) $node -is [Management.Automation.Language.CommandAst] }, $true) | ForEach-Object { $_.GetCommandName() } | Where-Object { $_ }
        foreach ($name in $called) {
            Get-Alias -Name $name -ErrorAction Ignore | Should -BeNullOrEmpty -Because $name
            $name | Should -Not -BeIn 'Invoke-Expression', 'Write-Host', 'ConvertTo-SecureString', 'ConvertFrom-SecureString', 'Export-Clixml'
        }
    }

    It 'is short, and so are its functions' {
        ($code -split '\n').Count | Should -BeLessOrEqual 250
        foreach ($function in $ast.FindAll({ param($node) $node -is [Management.Automation.Language.FunctionDefinitionAst] }, $true)) {
            $body = $function.Body.Extent.Text
            $help = $function.GetHelpContent()
            $lines = ($body -split '\n').Count - $(if ($help) { ([regex]::Match($body, '(?s)<#.*?#>').Value -split '\n').Count } else { 0 })
            # Parameters of Connect-PartnerTokenBroker are a table of their own.
            $lines | Should -BeLessOrEqual $(if ($function.Name -eq 'Connect-PartnerTokenBroker') { 75 } else { 50 }) -Because $function.Name
        }
    }
}

Describe 'the search for newer syntax' {
    It 'finds <code>' -ForEach @(
        @{ code = '$a ?? 1' }, @{ code = '$a ??= 1' }, @{ code = '$a ? 1 : 2' }, @{ code = 'Get-Item x && Get-Item y' }, @{ code = '${a}?.Length' }
        @{ code = '1..3 | ForEach-Object -Parallel { $_ }' }, @{ code = 'Get-Item x &' }, @{ code = '$x | ConvertFrom-Json -AsHashtable' }
        @{ code = 'if ($IsWindows) { 1 }' }, @{ code = 'ConvertFrom-SecureString $s -AsPlainText' }, @{ code = 'if (' }
    ) { Find-NewerSyntax $code | Should -Not -BeNullOrEmpty }

    It 'lets the rest be' { Find-NewerSyntax 'foreach ($x in 1..3) { if ($x -gt 1) { Get-Item $x | Where-Object { $_ } } }' | Should -BeNullOrEmpty }
}

Describe 'the command <_>' -ForEach $commands {
    BeforeAll {
        $name = $_
        $command = Get-Command $name
        $help = Get-Help $name -Full
        $common = [Management.Automation.PSCmdlet]::CommonParameters + [Management.Automation.PSCmdlet]::OptionalCommonParameters
        $own = $command.Parameters.Keys | Where-Object { $_ -notin $common }
    }

    It 'has an approved verb' { $command.Verb | Should -BeIn (Get-Verb).Verb }

    It 'has help: a synopsis, an example, and every parameter' {
        $help.Synopsis | Should -Not -Match "^\s*$name\b" -Because 'PowerShell puts the syntax there when help is missing'
        @($help.Examples.Example).Count | Should -BeGreaterThan 0
        $described = @($help.Parameters.Parameter | Where-Object { $_ -and $_.PSObject.Properties['Description'] -and $_.Description.Text }).Name
        foreach ($parameter in $own) { $described | Should -Contain $parameter }
    }

    It 'has examples that PowerShell can read' {
        foreach ($example in $help.Examples.Example) {
            $errors = $null
            $null = [Management.Automation.Language.Parser]::ParseInput($example.Code, [ref]$null, [ref]$errors)
            $errors | Should -BeNullOrEmpty
        }
    }

    It 'is in the documentation' {
        Get-Content -Raw (Join-Path $testEnvironment.projectRoot docs/powershell.md) | Should -Match "\b$name\b"
    }

    It 'knows -WhatIf if it changes something' {
        $changes = $name -match '^(Start|Stop|Invoke|Set|Remove)-'
        if ($changes) { $command.Parameters.Keys | Should -Contain 'WhatIf' }
        else { $name | Should -Match '^(Get|Connect|Disconnect|Wait)-' }
    }

    It 'takes no secret as plain text' {
        foreach ($parameter in $command.Parameters.Values) {
            if ($parameter.Name -match 'Token$|Secret|Password|Credential') { $parameter.ParameterType | Should -BeIn ([securestring]), ([pscredential]) -Because $parameter.Name }
        }
    }
}
