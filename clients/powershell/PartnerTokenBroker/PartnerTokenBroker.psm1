Set-StrictMode -Version 2
# A cmdlet that fails inside this module must not be passed over; the commands turn it into an error of their own.
$ErrorActionPreference = 'Stop'

# Windows PowerShell 5.1 does not load this assembly by itself.
Add-Type -AssemblyName System.Net.Http

# What Connect-PartnerTokenBroker sets up and every other command reads. It lives in memory only.
$script:Broker = $null

foreach ($folder in 'Private', 'Public') {
    foreach ($file in [IO.Directory]::GetFiles([IO.Path]::Combine($PSScriptRoot, $folder), '*.ps1')) { . $file }
}

$resourceNames = {
    # The third argument is what has been typed so far.
    $typed = $args[2]
    'graph', 'aad-graph', 'exchange', 'partner-center', 'arm' | Where-Object { $_ -like "$typed*" }
}
Register-ArgumentCompleter -CommandName Get-PartnerToken -ParameterName Resource -ScriptBlock $resourceNames
