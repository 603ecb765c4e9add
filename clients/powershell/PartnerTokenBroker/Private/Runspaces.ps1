# Runs in a separate runspace for one tenant. $_ is the tenant. The first error ends the script, so that no command runs
# after a failed Connect command.
$script:TenantScript = {
    param($Tenant, $Text, $Values, $ModulePath, $Session)
    $ErrorActionPreference = 'Stop'
    Import-Module $ModulePath
    & (Get-Module PartnerTokenBroker) { param($Session) $script:Broker = $Session } $Session
    foreach ($name in $Values.Keys) { Set-Variable -Name $name -Value $Values[$name] }
    $block = [scriptblock]::Create($Text)
    # The user's script must not see these variables.
    Remove-Variable -Name Session, ModulePath, Text, Values
    $Tenant | ForEach-Object -Process $block
}

<#
Converts a script block to text for another runspace, because a script block stays bound to the runspace that created it.
Each $using:name becomes an ordinary variable, whose value is read in the session state of the caller.
#>
function ConvertTo-PortableScript([scriptblock] $ScriptBlock, $SessionState) {
    $text = $ScriptBlock.Ast.Extent.Text
    $offset = $ScriptBlock.Ast.Extent.StartOffset
    $values = @{}
    $uses = $ScriptBlock.Ast.FindAll({ param($node) $node -is [Management.Automation.Language.UsingExpressionAst] }, $true)
    foreach ($use in @($uses) | Sort-Object { $_.Extent.StartOffset } -Descending) {
        $path = ($use.SubExpression.FindAll({ param($node) $node -is [Management.Automation.Language.VariableExpressionAst] }, $true))[0].VariablePath.UserPath
        $values["__using_$path"] = $SessionState.PSVariable.GetValue($path)
        $start = $use.Extent.StartOffset - $offset
        $expression = $use.Extent.Text -replace '^([$@])using:', '$1__using_'
        $text = $text.Remove($start, $use.Extent.Text.Length).Insert($start, $expression)
    }
    # The text includes braces, except if the script block was created from text.
    if ($text.StartsWith('{')) { $text = $text.Substring(1, $text.Length - 2) }
    [pscustomobject]@{ Text = $text; Values = $values }
}

# A pool of runspaces without variables or modules of the caller.
function Get-RunspacePool([int] $Size) {
    $state = [Management.Automation.Runspaces.InitialSessionState]::CreateDefault2()
    $pool = [runspacefactory]::CreateRunspacePool(1, $Size, $state, $Host)
    $pool.Open()
    $pool
}

$script:ModulePath = Join-Path (Split-Path $PSScriptRoot) 'PartnerTokenBroker.psd1'

# Starts the script for one tenant. Handle is signalled when the script ends.
function Invoke-TenantScript($Pool, $Tenant, $Portable, $Session) {
    $shell = [powershell]::Create()
    $shell.RunspacePool = $Pool
    [void]$shell.AddScript($script:TenantScript).AddArgument($Tenant).AddArgument($Portable.Text).AddArgument($Portable.Values)
    [void]$shell.AddArgument($script:ModulePath).AddArgument($Session)
    $noInput = [Management.Automation.PSDataCollection[psobject]]::new()
    # Without this call, the pipeline waits for more input.
    $noInput.Complete()
    $output = [Management.Automation.PSDataCollection[psobject]]::new()
    $handle = $shell.BeginInvoke($noInput, $output)
    [pscustomobject]@{ Tenant = $Tenant; Shell = $shell; Handle = $handle; Output = $output; StartedAt = [DateTime]::UtcNow }
}

# The result of a tenant whose script has ended.
function Receive-TenantScript($Work) {
    $errors = [Collections.Generic.List[Management.Automation.ErrorRecord]]::new()
    foreach ($written in $Work.Shell.Streams.Error) { $errors.Add($written) }
    # EndInvoke would throw, which would add the exception to the caller's $Error.
    $state = $Work.Shell.InvocationStateInfo
    $isEnded = $state.State -eq 'Completed'
    if ($state.Reason -is [Management.Automation.RuntimeException]) { $errors.Add($state.Reason.ErrorRecord) }
    elseif ($state.Reason) { $errors.Add([Management.Automation.ErrorRecord]::new($state.Reason, 'script_failed', 'NotSpecified', $null)) }
    $status = if ($isEnded) { 'succeeded' } else { 'failed' }
    $result = ConvertTo-TenantResult -Tenant $Work.Tenant -Status $status -Errors $errors
    $result.Output = @($Work.Output.ReadAll())
    $result.Warnings = @($Work.Shell.Streams.Warning | ForEach-Object { $_.Message })
    $result.Duration = [DateTime]::UtcNow - $Work.StartedAt
    $Work.Shell.Dispose()
    $result
}

function ConvertTo-TenantResult($Tenant, [string] $Status, $Errors) {
    $code = $detail = $null
    if ($Errors -and $Errors.Count -gt 0) {
        $last = $Errors[$Errors.Count - 1]
        $problem = $last.TargetObject
        $isProblem = $problem -and $problem.PSObject.TypeNames[0] -eq 'PartnerTokenBroker.Problem'
        $code = if ($isProblem) { $problem.Code } else { 'script_failed' }
        $detail = if ($isProblem) { $problem.Detail } else { Hide-Token $last.Exception.Message }
    }
    [pscustomobject]@{
        PSTypeName = 'PartnerTokenBroker.TenantResult'
        TenantId = $Tenant.TenantId; Name = $Tenant.Name; DefaultDomain = $Tenant.DefaultDomain; Status = $Status
        Code = $code; Detail = $detail; Output = @(); Errors = @($Errors); Warnings = @(); Duration = [timespan]::Zero
    }
}
