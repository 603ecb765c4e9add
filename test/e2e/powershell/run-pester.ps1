# Runs Pester files of this folder, whose names are separated by commas, and writes their results as JSON.
param([Parameter(Mandatory)] [string] $Files, [Parameter(Mandatory)] [string] $ResultPath, [string] $Filter = '*')

$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
Import-Module Pester -MinimumVersion 5.7

$configuration = New-PesterConfiguration
$configuration.Run.Path = @($Files -split ',' | ForEach-Object { Join-Path $PSScriptRoot $_ })
$configuration.Run.PassThru = $true
$configuration.Run.Exit = $false
# A part of a title is enough, as for `vitest -t`.
$configuration.Filter.FullName = "*$Filter*"
$configuration.Output.Verbosity = 'Detailed'
$configuration.Output.RenderMode = 'Plaintext'
$outcome = Invoke-Pester -Configuration $configuration

# Message and stack of a failure, without the frames of Pester.
function Format-Failure($Records) {
    $texts = foreach ($record in $Records) {
        $frames = "$($record.ScriptStackTrace)" -split '\r?\n' | Where-Object { $_ -notmatch 'Pester(\.ScriptScope)?\.ps' }
        @($record.Exception.Message) + @($frames | Select-Object -First 6) -join "`n"
    }
    @($texts) -join "`n"
}

$tests = foreach ($test in $outcome.Tests) {
    # What a filter leaves out is not run.
    if ($Filter -ne '*' -and "$($test.Result)" -eq 'NotRun') { continue }
    @{
        name         = $test.ExpandedPath
        result       = "$($test.Result)"
        milliseconds = [int]$test.Duration.TotalMilliseconds
        failure      = (Format-Failure $test.ErrorRecord)
    }
}
# A file that does not load, or a failed BeforeAll, has no failed test.
$broken = foreach ($part in @($outcome.FailedContainers) + @($outcome.FailedBlocks)) {
    if ($part) { @{ name = "$part"; failure = (Format-Failure $part.ErrorRecord) } }
}
ConvertTo-Json -Depth 5 -InputObject @{ tests = @($tests); broken = @($broken) } | Set-Content -LiteralPath $ResultPath -Encoding utf8
