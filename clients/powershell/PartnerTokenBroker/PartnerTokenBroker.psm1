Set-StrictMode -Version 2
# Stop at every error inside this module. The commands convert it into their own terminating error.
$ErrorActionPreference = 'Stop'

# Windows PowerShell 5.1 does not load this assembly automatically.
Add-Type -AssemblyName System.Net.Http

# The session. Connect-PartnerTokenBroker sets it, every other command reads it. It exists in memory only.
$script:Broker = $null

foreach ($folder in 'Private', 'Public') {
    foreach ($file in [IO.Directory]::GetFiles([IO.Path]::Combine($PSScriptRoot, $folder), '*.ps1')) { . $file }
}

$resourceNames = {
    # The third argument of a completer is the text typed so far.
    $typed = $args[2]
    $known = 'graph', 'aad-graph', 'partner-center', 'exchange', 'arm', 'office-management', 'defender', 'teams', 'compliance'
    $known | Where-Object { $_ -like "$typed*" }
}
Register-ArgumentCompleter -CommandName Get-PartnerToken -ParameterName Resource -ScriptBlock $resourceNames
