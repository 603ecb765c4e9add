BeforeAll { . "$PSScriptRoot/TestSetup.ps1" }

Describe 'The module as a package' {
    BeforeAll {
        # Reads the module of the shell itself: the tests hide the module path of the machine.
        Import-Module (Join-Path $PSHOME Modules/Microsoft.PowerShell.PSResourceGet)
        $folder = Join-Path $TestDrive repository
        $null = New-Item -ItemType Directory $folder
        Register-PSResourceRepository -Name PartnerTokenBrokerTest -Uri $folder -Trusted
    }
    AfterAll { Unregister-PSResourceRepository -Name PartnerTokenBrokerTest }

    It 'has what the PowerShell Gallery shows' {
        $manifest = Test-ModuleManifest "$modulePath/PartnerTokenBroker.psd1"
        foreach ($name in 'Author', 'CompanyName', 'Copyright', 'Description', 'LicenseUri', 'ProjectUri', 'IconUri', 'ReleaseNotes') { $manifest.$name | Should -Not -BeNullOrEmpty -Because $name }
        # The gallery refuses more than 4,000 characters of tags, and blanks in one.
        foreach ($tag in $manifest.Tags) { $tag | Should -Match '^\w+$' }
        ($manifest.Tags -join ' ').Length | Should -BeLessThan 4000
        foreach ($edition in 'Desktop', 'Core') { $manifest.Tags | Should -Contain "PSEdition_$edition" }
        $icon = [IO.File]::ReadAllBytes((Join-Path $testEnvironment.projectRoot ($manifest.IconUri.AbsolutePath -replace '^/[^/]+/[^/]+/main/', '')))
        [Text.Encoding]::ASCII.GetString($icon, 1, 3) | Should -Be 'PNG'
    }

    It 'passes Publish-PSResource -WhatIf without a repository' {
        { Publish-PSResource -Path $modulePath -Repository PartnerTokenBrokerTest -WhatIf } | Should -Not -Throw
        Get-ChildItem $folder | Should -BeNullOrEmpty
    }

    It 'is published to a repository, found and installed from there, and explains and runs each command' {
        Publish-PSResource -Path $modulePath -Repository PartnerTokenBrokerTest
        $found = Find-PSResource -Name PartnerTokenBroker -Repository PartnerTokenBrokerTest
        "$($found.Version)" | Should -Be (Import-PowerShellDataFile "$modulePath/PartnerTokenBroker.psd1").ModuleVersion
        # Into the home folder of the tests. A new shell finds it there by its name.
        $installed = Install-PSResource -Name PartnerTokenBroker -Repository PartnerTokenBrokerTest -Scope CurrentUser -PassThru
        # The location is that of all modules of this person. On Windows it is not in the home folder of the tests.
        $own = Join-Path $installed.InstalledLocation PartnerTokenBroker "$($installed.Version)"
        $beside = New-Item -ItemType Directory (Join-Path $installed.InstalledLocation "Beside$PID")
        try {
            $copy = Get-ChildItem $own -Recurse -Filter PartnerTokenBroker.psd1
            $expected = Get-ChildItem $modulePath -Recurse -File | ForEach-Object { [IO.Path]::GetRelativePath($modulePath, $_.FullName) } | Sort-Object
            $present = Get-ChildItem $copy.DirectoryName -Recurse -File | ForEach-Object { [IO.Path]::GetRelativePath($copy.DirectoryName, $_.FullName) } | Sort-Object
            foreach ($file in $expected) { $present | Should -Contain $file }
            $script = {
                $module = Import-Module PartnerTokenBroker -PassThru
                $commands = @($module.ExportedCommands.Values)
                $help = @($commands | ForEach-Object { Get-Help $_.Name })
                $about = Get-Help about_PartnerTokenBroker
                [pscustomobject]@{
                    Path       = $module.Path
                    Commands   = $commands.Count
                    Explained  = @($help | Where-Object { $_.Synopsis -and $_.Synopsis -notmatch "^\s*$($_.Name)\b" }).Count
                    About      = "$about"
                } | ConvertTo-Json -Compress
            }
            $result = & $testEnvironment.program -NoProfile -NonInteractive -Command $script | ConvertFrom-Json
            $result = if ($result -is [string]) { $result | ConvertFrom-Json } else { $result }
            $result.Path | Should -BeLike "$own*"
            $result.Commands | Should -Be @((Get-Command -Module PartnerTokenBroker)).Count
            $result.Explained | Should -Be $result.Commands
            $result.About | Should -Match 'Connect-PartnerTokenBroker'
        }
        finally { Remove-Item -Recurse -Force $own }
        $own | Should -Not -Exist
        $beside | Should -Exist
        Remove-Item $beside
    }
}
