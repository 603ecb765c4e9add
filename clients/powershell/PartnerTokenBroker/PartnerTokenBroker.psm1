Set-StrictMode -Version 2
# Stop at every error inside this module. The commands convert it into their own terminating error.
$ErrorActionPreference = 'Stop'

# Windows PowerShell 5.1 does not load this assembly automatically.
Add-Type -AssemblyName System.Net.Http

# The session. Connect-PartnerTokenBroker sets it, every other command reads it. It exists in memory only.
$script:Broker = $null

$public = foreach ($folder in 'Private', 'Public') {
    foreach ($file in [IO.Directory]::GetFiles([IO.Path]::Combine($PSScriptRoot, $folder), '*.ps1')) {
        . $file
        if ($folder -eq 'Public') { [IO.Path]::GetFileNameWithoutExtension($file) }
    }
}

foreach ($parameter in 'Job', 'Resource', 'Tenant', 'Except') {
    Register-ArgumentCompleter -CommandName $public -ParameterName $parameter -ScriptBlock { Get-Completion $args[0] $args[1] $args[2] }
}
