# The target commands of the Connect-Partner commands, their modules, and the texts for retired modules.
$script:ConnectTargets = @{
    MgGraph        = @{ Command = 'Connect-MgGraph'; Arguments = 'Get-MgGraphArgument'; Disconnect = 'Disconnect-MgGraph'; Module = 'Microsoft.Graph.Authentication' }
    ExchangeOnline = @{ Command = 'Connect-ExchangeOnline'; Arguments = 'Get-ExchangeOnlineArgument'; Disconnect = 'Disconnect-ExchangeOnline'; Module = 'ExchangeOnlineManagement' }
    IPPSSession    = @{ Command = 'Connect-IPPSSession'; Arguments = 'Get-IPPSSessionArgument'; Disconnect = 'Disconnect-ExchangeOnline'; Module = 'ExchangeOnlineManagement' }
    MicrosoftTeams = @{ Command = 'Connect-MicrosoftTeams'; Arguments = 'Get-MicrosoftTeamsArgument'; Disconnect = 'Disconnect-MicrosoftTeams'; Module = 'MicrosoftTeams' }
    AzAccount      = @{ Command = 'Connect-AzAccount'; Arguments = 'Get-AzAccountArgument'; Disconnect = 'Disconnect-AzAccount'; Module = 'Az.Accounts' }
    MsolService    = @{ Command = 'Connect-MsolService'; Arguments = 'Get-MsolServiceArgument'; Module = 'MSOnline'; Retired = 'Microsoft retired MSOnline in May 2025. Use Connect-PartnerMgGraph and the Microsoft.Graph modules instead.' }
    AzureAD        = @{ Command = 'Connect-AzureAD'; Arguments = 'Get-AzureADArgument'; Disconnect = 'Disconnect-AzureAD'; Module = 'AzureAD'; Retired = 'Microsoft retired AzureAD in 2025. Use Connect-PartnerMgGraph and the Microsoft.Graph modules instead.' }
}

# Gets the tokens for the target command and calls it. On a failure, it also ends an earlier connection of the module:
# otherwise the next commands of a script would run in the previous tenant.
function Invoke-ConnectCommand([string] $Name, [hashtable] $Options) {
    $target = $script:ConnectTargets[$Name]
    if ((Get-Session).IsParallel) { Write-TerminatingError connection_shared "$($target.Command) cannot connect to several tenants at once." }
    if ((Get-Session).SignInName -eq 'demo') {
        Write-TerminatingError connect_failed 'The session belongs to the demo, and Microsoft does not accept its tokens.' -Advice 'Use Get-PartnerToken with a REST call to the simulated cloud, or Invoke-PartnerExchangeCommand.'
    }
    $command = Resolve-ConnectCommand $target
    if ($target['Retired']) { Write-Warning $target.Retired }
    $isConnected = $false
    try {
        $given = & $target.Arguments $Options
        $arguments = Resolve-Argument -Target $target -Command $command -Given $given
        Invoke-Target -Target $target -Command $command -Arguments $arguments
        $isConnected = $true
    }
    finally { if (-not $isConnected) { Disconnect-Target $target } }
}

function Resolve-ConnectCommand($Target) {
    # Get-Command also loads the module of the command.
    $command = Get-Command -Name $Target.Command -ErrorAction Ignore | Select-Object -First 1
    if ($command) { return $command }
    $advice = if ($Target['Retired']) { $Target.Retired } else { "Run Install-Module $($Target.Module) -Scope CurrentUser." }
    Write-TerminatingError module_missing "The module $($Target.Module) with $($Target.Command) is not installed. $advice"
}

# Selects the arguments that the installed version has, and converts tokens to the types of its parameters.
function Resolve-Argument($Target, $Command, [hashtable] $Given) {
    $resolved = @{}
    foreach ($key in $Given.Keys) {
        $value = $Given[$key]
        if ($null -eq $value) { continue }
        $name = $key.TrimStart('?')
        $parameter = if ($Command.Parameters.ContainsKey($name)) { $Command.Parameters[$name] }
        if (-not $parameter) {
            if ($key -ne $name) { continue }
            Write-TerminatingError module_outdated "$($Target.Command) of the installed $($Target.Module) has no parameter -$name. Run Update-Module $($Target.Module)."
        }
        if ($value -is [securestring]) {
            $value = if ($parameter.ParameterType -eq [securestring]) { $value.Copy() } else { ConvertFrom-SecretText $value }
        }
        $resolved[$name] = $value
    }
    $resolved
}

# Calls the target command. Its error records contain the arguments, including tokens, so they are removed from $Error.
function Invoke-Target($Target, $Command, [hashtable] $Arguments) {
    $errors = Get-Variable -Name Error -Scope Global -ValueOnly
    $newestBefore = if ($errors.Count -gt 0) { $errors[0] }
    $failure = $null
    try { & $Command @Arguments -ErrorAction Stop }
    catch {
        $failure = $_.Exception.Message
        foreach ($argument in $Arguments.Values) {
            if ($argument -is [string] -and $argument.Length -gt 100) { $failure = $failure.Replace($argument, '[token]') }
        }
    }
    if ($null -eq $failure) { return }
    while ($errors.Count -gt 0 -and -not [object]::ReferenceEquals($errors[0], $newestBefore)) { $errors.RemoveAt(0) }
    $hint = if ($Target['Retired']) { " $($Target.Retired)" } else { '' }
    if ($Target.Command -eq 'Connect-ExchangeOnline') { $hint = ' Invoke-PartnerExchangeCommand runs the same commands without this module.' }
    Write-TerminatingError connect_failed "$($Target.Command): $failure$hint"
}

function Disconnect-Target($Target) {
    if (-not $Target['Disconnect']) { return }
    $command = Get-Command -Name $Target.Disconnect -ErrorAction Ignore | Select-Object -First 1
    if (-not $command) { return }
    $arguments = @{ ErrorAction = 'Ignore'; WarningAction = 'Ignore' }
    if ($command.Parameters.ContainsKey('Confirm')) { $arguments.Confirm = $false }
    # Limited to this process: the user may have another account saved on disk.
    if ($Target.Disconnect -eq 'Disconnect-AzAccount') { $arguments.Scope = 'Process' }
    try { & $command @arguments | Out-Null }
    catch { Write-Verbose "$($Target.Disconnect): there was no connection to end." }
}
