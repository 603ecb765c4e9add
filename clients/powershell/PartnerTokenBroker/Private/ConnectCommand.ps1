# The commands that the Connect-Partner commands call, and what a person is told when one is not there.
$script:ConnectTargets = @{
    MgGraph        = @{ Command = 'Connect-MgGraph'; Arguments = 'Get-MgGraphArgument'; Disconnect = 'Disconnect-MgGraph'; Module = 'Microsoft.Graph.Authentication' }
    ExchangeOnline = @{ Command = 'Connect-ExchangeOnline'; Arguments = 'Get-ExchangeOnlineArgument'; Disconnect = 'Disconnect-ExchangeOnline'; Module = 'ExchangeOnlineManagement' }
    AzAccount      = @{ Command = 'Connect-AzAccount'; Arguments = 'Get-AzAccountArgument'; Disconnect = 'Disconnect-AzAccount'; Module = 'Az.Accounts' }
    MsolService    = @{ Command = 'Connect-MsolService'; Arguments = 'Get-MsolServiceArgument'; Module = 'MSOnline'; Retired = 'MSOnline was retired by Microsoft in May 2025: use Connect-PartnerMgGraph and the Microsoft.Graph modules instead.' }
    AzureAD        = @{ Command = 'Connect-AzureAD'; Arguments = 'Get-AzureADArgument'; Disconnect = 'Disconnect-AzureAD'; Module = 'AzureAD'; Retired = 'AzureAD was retired by Microsoft in 2025: use Connect-PartnerMgGraph and the Microsoft.Graph modules instead.' }
}

# Fetches the tokens that the target wants, and calls it with them. A connection that fails leaves none behind: the commands
# that follow in a script would otherwise run in the tenant of the one before.
function Invoke-ConnectCommand([string] $Name, [hashtable] $Order) {
    $target = $script:ConnectTargets[$Name]
    if ((Get-Session).IsParallel) { Write-TerminatingError connection_shared "$($target.Command) cannot connect to several tenants at once." }
    $command = Resolve-ConnectCommand $target
    if ($target['Retired']) { Write-Warning $target.Retired }
    $isConnected = $false
    try {
        $given = & $target.Arguments $Order
        $arguments = Resolve-Argument -Target $target -Command $command -Given $given
        Invoke-Target -Target $target -Command $command -Arguments $arguments
        $isConnected = $true
    }
    finally { if (-not $isConnected) { Disconnect-Target $target } }
}

function Resolve-ConnectCommand($Target) {
    # Get-Command also loads the module that has the command.
    $command = Get-Command -Name $Target.Command -ErrorAction Ignore | Select-Object -First 1
    if ($command) { return $command }
    $advice = if ($Target['Retired']) { $Target.Retired } else { "Install-Module $($Target.Module) -Scope CurrentUser brings it." }
    Write-TerminatingError module_missing "The module $($Target.Module) with $($Target.Command) is not installed. $advice"
}

# Arguments by the names and in the types that the installed version knows.
function Resolve-Argument($Target, $Command, [hashtable] $Given) {
    $resolved = @{}
    foreach ($key in $Given.Keys) {
        $value = $Given[$key]
        if ($null -eq $value) { continue }
        $name = $key.TrimStart('?')
        $parameter = if ($Command.Parameters.ContainsKey($name)) { $Command.Parameters[$name] }
        if (-not $parameter) {
            if ($key -ne $name) { continue }
            Write-TerminatingError module_outdated "$($Target.Command) of the installed $($Target.Module) has no parameter -$name. Update-Module $($Target.Module) brings a newer one."
        }
        if ($value -is [securestring]) {
            $value = if ($parameter.ParameterType -eq [securestring]) { $value.Copy() } else { ConvertFrom-SecretText $value }
        }
        $resolved[$name] = $value
    }
    $resolved
}

# A failure of the target carries the arguments it was called with, tokens too: its record is taken out of $Error.
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
    $more = if ($Target['Retired']) { " $($Target.Retired)" } else { '' }
    if ($Target.Module -eq 'ExchangeOnlineManagement') { $more = ' Invoke-PartnerExchangeCommand reaches the same commands without this module.' }
    Write-TerminatingError connect_failed "$($Target.Command): $failure$more"
}

function Disconnect-Target($Target) {
    if (-not $Target['Disconnect']) { return }
    $command = Get-Command -Name $Target.Disconnect -ErrorAction Ignore | Select-Object -First 1
    if (-not $command) { return }
    $arguments = @{ ErrorAction = 'Ignore'; WarningAction = 'Ignore' }
    if ($command.Parameters.ContainsKey('Confirm')) { $arguments.Confirm = $false }
    # Only what this process holds: an account saved on disk is the person's own.
    if ($Target.Disconnect -eq 'Disconnect-AzAccount') { $arguments.Scope = 'Process' }
    try { & $command @arguments | Out-Null }
    catch { Write-Verbose "$($Target.Disconnect): there was no connection to end." }
}
