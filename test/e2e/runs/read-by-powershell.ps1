# Writes the rows of a run as JSON Lines to the output, or to a file. The token is in PTB_TOKEN.
param([Parameter(Mandatory)] [string] $Url, [Parameter(Mandatory)] [string] $RunId, [string] $OutFile)

$ErrorActionPreference = 'Stop'
[Console]::OutputEncoding = [Text.UTF8Encoding]::new($false)
Import-Module (Join-Path $PSScriptRoot '../../../clients/powershell/PartnerTokenBroker')
Connect-PartnerTokenBroker -Url $Url -AccessToken ([Net.NetworkCredential]::new('', $env:PTB_TOKEN).SecurePassword)
if ($OutFile) { $null = Get-PartnerRunResult -RunId $RunId -OutFile $OutFile -Format jsonl }
else { Get-PartnerRunResult -RunId $RunId | ForEach-Object { [Console]::Out.WriteLine((ConvertTo-Json -InputObject $_ -Compress)) } }
