BeforeDiscovery {
    # PSScriptAnalyzer is not on NuGet, from which CI gets its tools. The test runs if the module is installed or is in
    # .local/tools/modules.
    $hasAnalyzer = [bool](Get-Module -ListAvailable PSScriptAnalyzer)
}

BeforeAll {
    . "$PSScriptRoot/TestSetup.ps1"

    # Finds syntax and parameters that Windows PowerShell 5.1 does not have.
    function Find-NewerSyntax([string] $Code) {
        $tokens = $errors = $null
        $ast = [Management.Automation.Language.Parser]::ParseInput($Code, [ref]$tokens, [ref]$errors)
        foreach ($fault in $errors) { "does not parse: $($fault.Message)" }
        $operators = 'QuestionQuestion', 'QuestionQuestionEquals', 'QuestionDot', 'QuestionLBracket', 'QuestionMark', 'AndAnd', 'OrOr', 'Clean'
        foreach ($token in $tokens) { if ("$($token.Kind)" -in $operators) { "$($token.Kind) in line $($token.Extent.StartLineNumber)" } }
        foreach ($found in $ast.FindAll({ param($node) $node.GetType().Name -in 'TernaryExpressionAst', 'PipelineChainAst' }, $true)) { "$($found.GetType().Name) in line $($found.Extent.StartLineNumber)" }
        # A background call: & at the end of a pipeline.
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
        # Platform variables, which Windows PowerShell 5.1 does not have.
        foreach ($variable in $ast.FindAll({ param($node) $node -is [Management.Automation.Language.VariableExpressionAst] }, $true)) {
            if ($variable.VariablePath.UserPath -in 'IsWindows', 'IsLinux', 'IsMacOS', 'IsCoreCLR') { "`$$($variable.VariablePath.UserPath) in line $($variable.Extent.StartLineNumber)" }
        }
    }
}

Describe 'module' {
    It 'has a valid manifest for both editions' {
        $manifest = Test-ModuleManifest "$modulePath/PartnerTokenBroker.psd1"
        $manifest.CompatiblePSEditions | Should -Be 'Desktop', 'Core'
        $manifest.PowerShellVersion | Should -Be '5.1'
        $manifest.LicenseUri | Should -Not -BeNullOrEmpty
        $manifest.RequiredModules | Should -BeNullOrEmpty
    }

    It 'has a label for every column that a script block computes' {
        # Without one, the source of the script block is the head of the column.
        [xml]$views = Get-Content -Raw "$modulePath/PartnerTokenBroker.Format.ps1xml"
        foreach ($view in $views.Configuration.ViewDefinitions.View) {
            $heads = @($view.TableControl.TableHeaders.ChildNodes)
            $items = @($view.TableControl.TableRowEntries.TableRowEntry.TableColumnItems.ChildNodes)
            $heads.Count | Should -Be $items.Count -Because $view.Name
            for ($at = 0; $at -lt $items.Count; $at++) {
                if ($items[$at]['ScriptBlock']) { $heads[$at]['Label'].InnerText | Should -Not -BeNullOrEmpty -Because "column $at of $($view.Name)" }
            }
        }
    }

    It 'exports exactly one command per public file' {
        $files = (Get-ChildItem "$modulePath/Public" -Filter *.ps1).BaseName | Sort-Object
        (Get-Command -Module PartnerTokenBroker).Name | Sort-Object | Should -Be $files
    }

    It 'has no PSScriptAnalyzer findings' -Skip:(-not $hasAnalyzer) {
        $settings = Join-Path (Split-Path $modulePath) PSScriptAnalyzerSettings.psd1
        Invoke-ScriptAnalyzer -Path $modulePath -Recurse -Settings $settings | ForEach-Object { "$($_.ScriptName):$($_.Line) $($_.RuleName) $($_.Message)" } | Should -BeNullOrEmpty
    }

    It 'adds no global variables, and works in strict mode' {
        $before = (Get-Variable -Scope Global).Name
        Import-Module $modulePath -Force
        (Get-Variable -Scope Global).Name | Where-Object { $_ -notin $before } | Should -BeNullOrEmpty
        $checked = & { Set-StrictMode -Version Latest; try { Get-PartnerTenant } catch { $_.FullyQualifiedErrorId } }
        $checked | Should -Be 'not_connected,Get-PartnerTenant'
    }
}

# One test for all files and commands: each test of Pester takes longer than what it checks here.
Describe 'every file' {
    BeforeAll {
        $files = Get-ChildItem $modulePath -Recurse -Include *.ps1, *.psm1 | ForEach-Object {
            $code = Get-Content -Raw -LiteralPath $_.FullName
            @{ name = $_.Name; code = $code; ast = [Management.Automation.Language.Parser]::ParseInput($code, [ref]$null, [ref]$null) }
        }
        $files.Count | Should -BeGreaterThan 20
    }

    It 'uses only syntax of Windows PowerShell 5.1' {
        foreach ($file in $files) { Find-NewerSyntax $file.code | Should -BeNullOrEmpty -Because $file.name }
    }

    It 'is ASCII, which Windows PowerShell 5.1 reads correctly in every code page' {
        foreach ($file in $files) { $file.code | Should -Not -Match '[^\x00-\x7F]' -Because $file.name }
    }

    It 'calls no alias, Invoke-Expression, Write-Host or ConvertTo-SecureString' {
        foreach ($file in $files) {
            $called = $file.ast.FindAll({ param($node) $node -is [Management.Automation.Language.CommandAst] }, $true) | ForEach-Object { $_.GetCommandName() } | Where-Object { $_ } | Sort-Object -Unique
            foreach ($name in $called) {
                $alias = Get-Alias -Name $name -ErrorAction Ignore
                if ($alias -or $name -in 'Invoke-Expression', 'Write-Host', 'ConvertTo-SecureString', 'ConvertFrom-SecureString', 'Export-Clixml') { throw "$($file.name) calls $name." }
            }
        }
    }

    It 'has at most 250 lines, and functions of at most 50 lines' {
        foreach ($file in $files) {
            ($file.code -split '\n').Count | Should -BeLessOrEqual 250 -Because $file.name
            foreach ($function in $file.ast.FindAll({ param($node) $node -is [Management.Automation.Language.FunctionDefinitionAst] }, $true)) {
                $body = $function.Body.Extent.Text
                $help = $function.GetHelpContent()
                $lines = ($body -split '\n').Count - $(if ($help) { ([regex]::Match($body, '(?s)<#.*?#>').Value -split '\n').Count } else { 0 })
                # The parameter table of Connect-PartnerTokenBroker needs more lines.
                $most = if ($function.Name -eq 'Connect-PartnerTokenBroker') { 75 } else { 50 }
                if ($lines -gt $most) { throw "$($function.Name) has $lines lines." }
            }
        }
    }
}

Describe 'Find-NewerSyntax' {
    It 'finds <code>' -ForEach @(
        @{ code = '$a ?? 1' }, @{ code = '$a ??= 1' }, @{ code = '$a ? 1 : 2' }, @{ code = 'Get-Item x && Get-Item y' }, @{ code = '${a}?.Length' }
        @{ code = '1..3 | ForEach-Object -Parallel { $_ }' }, @{ code = 'Get-Item x &' }, @{ code = '$x | ConvertFrom-Json -AsHashtable' }
        @{ code = 'if ($IsWindows) { 1 }' }, @{ code = 'ConvertFrom-SecureString $s -AsPlainText' }, @{ code = 'if (' }
    ) { Find-NewerSyntax $code | Should -Not -BeNullOrEmpty }

    It 'accepts syntax of Windows PowerShell 5.1' { Find-NewerSyntax 'foreach ($x in 1..3) { if ($x -gt 1) { Get-Item $x | Where-Object { $_ } } }' | Should -BeNullOrEmpty }
}

Describe 'every command' {
    BeforeAll {
        $common = [Management.Automation.PSCmdlet]::CommonParameters + [Management.Automation.PSCmdlet]::OptionalCommonParameters
        $commands = (Import-PowerShellDataFile "$modulePath/PartnerTokenBroker.psd1").FunctionsToExport | ForEach-Object { Get-Command $_ }
        $commands.Count | Should -BeGreaterThan 10
    }

    It 'has an approved verb' {
        $approved = (Get-Verb).Verb
        foreach ($command in $commands) { $command.Verb | Should -BeIn $approved }
    }

    It 'has help with a synopsis, a description, an example that parses, its output, and every parameter' {
        foreach ($command in $commands) {
            $name = $command.Name
            $help = Get-Help $name -Full
            $help.Synopsis | Should -Not -Match "^\s*$name\b" -Because 'without help, PowerShell shows the syntax as the synopsis'
            @($help.Examples.Example).Count | Should -BeGreaterThan 0 -Because $name
            foreach ($example in $help.Examples.Example) {
                $errors = $null
                $null = [Management.Automation.Language.Parser]::ParseInput($example.Code, [ref]$null, [ref]$errors)
                $errors | Should -BeNullOrEmpty -Because $name
            }
            "$($help.Description.Text)" | Should -Not -BeNullOrEmpty -Because $name
            $help.relatedLinks.navigationLink.uri | Should -Match '^https://' -Because $name
            # From [OutputType], which completion reads as well.
            @($help.returnValues.returnValue.type.name | Where-Object { $_ }) | Should -Be @($command.OutputType.Name) -Because $name
            $command.OutputType.Count -gt 0 -or $command.Verb -in 'Connect', 'Disconnect' | Should -BeTrue -Because "$name says what it returns"
            $described = @($help.Parameters.Parameter | Where-Object { $_ -and $_.PSObject.Properties['Description'] -and $_.Description.Text }).Name
            $command.Parameters.Keys | Where-Object { $_ -notin $common -and $_ -notin $described } | Should -BeNullOrEmpty -Because $name
        }
    }

    It 'is mentioned in docs/powershell.md' {
        $page = Get-Content -Raw (Join-Path $testEnvironment.projectRoot docs/powershell.md)
        foreach ($command in $commands) { $page | Should -Match "\b$($command.Name)\b" }
    }

    It 'supports -WhatIf if it changes something' {
        foreach ($command in $commands) {
            if ($command.Name -match '^(Start|Stop|Resume|New|Undo|Invoke|Set|Remove)-') { $command.Parameters.Keys | Should -Contain 'WhatIf' -Because $command.Name }
            else { $command.Name | Should -Match '^(Get|Connect|Disconnect|Wait)-' }
        }
    }

    It 'accepts no secret as plain text' {
        foreach ($command in $commands) {
            foreach ($parameter in $command.Parameters.Values) {
                if ($parameter.Name -match 'Token$|Secret|Password|Credential') { $parameter.ParameterType | Should -BeIn ([securestring]), ([pscredential]) -Because "$($command.Name) -$($parameter.Name)" }
            }
        }
    }
}

Describe 'A text of a reply' {
    It 'shows characters that a terminal would obey as text' {
        InModuleScope PartnerTokenBroker {
            $c1 = [char]0x9b; $reverse = [char]0x202e
            (ConvertFrom-Reply "{`"name`":`"Contoso\u001b[2J${c1}31m$reverse\r\b`"}").name | Should -BeExactly 'Contoso\u001b[2J\u009b31m\u202e\r\b'
        }
    }

    It 'keeps line feeds, quotes, backslashes and times' {
        InModuleScope PartnerTokenBroker {
            $value = ConvertFrom-Reply '{"a":"C:\\u001b\\b \"x\"\n\ty","at":"2026-11-24T05:00:00.000Z"}'
            $value.a | Should -BeExactly "C:\u001b\b `"x`"`n`ty"
            (ConvertTo-UtcTime $value.at).Hour | Should -Be 5
        }
    }
}

Describe 'a command that ends early' {
    It 'cancels its request if the person presses Ctrl+C' {
        $listener = [Net.Sockets.TcpListener]::new([Net.IPAddress]::Loopback, 0)
        $listener.Start()
        $shell = [powershell]::Create()
        try {
            [void]$shell.AddScript({
                    param($Module, $Uri)
                    Import-Module $Module
                    & (Get-Module PartnerTokenBroker) { param($Uri) Send-HttpRequest @{ Method = 'GET'; Uri = $Uri; Direct = $true } } $Uri
                }).AddArgument($modulePath).AddArgument("http://$($listener.LocalEndpoint)/")
            [void]$shell.BeginInvoke()
            $connection = $listener.AcceptTcpClient()
            $connection.ReceiveTimeout = 60000
            $shell.Stop()
            # The request is read, then the end of the connection.
            $stream = $connection.GetStream()
            $buffer = [byte[]]::new(4096)
            while ($stream.Read($buffer, 0, $buffer.Length) -gt 0) { }
            $connection.Dispose()
        }
        finally {
            $listener.Stop()
            $shell.Dispose()
        }
    }

    It 'closes its runspaces if <how>' -ForEach @(
        @{ how = 'all tenants are done'; first = 3; text = '$_' }
        @{ how = 'the pipeline takes no more'; first = 1; text = 'Start-Sleep -Milliseconds (10 * $_.Number)' }
        @{ how = 'the script fails'; first = 3; text = "throw 'no'" }
    ) {
        InModuleScope PartnerTokenBroker -Parameters @{ first = $first; text = $text } {
            $script:opened = Get-RunspacePool 2
            Mock Get-RunspacePool { $script:opened }
            $tenants = foreach ($number in 1..3) { [pscustomobject]@{ TenantId = "$number"; Name = "$number"; DefaultDomain = ''; Number = $number } }
            $queue = [Collections.Generic.Queue[object]]::new([object[]]$tenants)
            $results = @(Invoke-TenantQueue $queue ([pscustomobject]@{ Text = $text; Values = @{} }) ([pscustomobject]@{}) 2 | Select-Object -First $first)
            $results.Count | Should -Be $first
            "$($script:opened.RunspacePoolStateInfo.State)" | Should -Be 'Closed'
        }
    }
}
