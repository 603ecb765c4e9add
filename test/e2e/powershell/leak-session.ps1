# Runs a typical session with verbose and debug output. Leaks.Tests.ps1 starts it in a separate process and scans its
# transcript, its output and $Error for tokens.
param([Parameter(Mandatory)] [string] $TranscriptPath, [Parameter(Mandatory)] [string] $ErrorPath)

Start-Transcript -LiteralPath $TranscriptPath | Out-Null
. "$PSScriptRoot/TestSetup.ps1"
$ErrorActionPreference = 'Continue'
$VerbosePreference = $DebugPreference = 'Continue'
$Error.Clear()

$tenant = @(Get-TestTenant)[0].tenantId
$refusing = @(Get-TestTenant no_consent)[0].tenantId
$local = Get-LocalArgument

Connect-TestBroker
Get-PartnerToken -Tenant $tenant -Resource graph | Format-List *
Get-PartnerToken -Tenant $refusing -Resource graph
Get-PartnerToken -Tenant nobody.example -Resource graph
Get-PartnerTenant | Format-Table
Start-PartnerRun -Job licence-report -Tenant $tenant | Wait-PartnerRun -PollIntervalSeconds 0.2 | Get-PartnerRunResult | Format-Table
Start-PartnerRun -Job no-such-job
Connect-PartnerMgGraph -Tenant $tenant
Connect-PartnerExchangeOnline -Tenant $tenant
Connect-PartnerAzAccount -Tenant $tenant
Connect-PartnerMsolService -Tenant $tenant
Connect-PartnerAzureAD -Tenant $tenant
$global:StandInFailure = 'The token was not accepted.'
Connect-PartnerExchangeOnline -Tenant $tenant
Connect-PartnerAzAccount -Tenant $tenant
Connect-PartnerMsolService -Tenant $tenant
Connect-PartnerAzureAD -Tenant $tenant
$global:StandInFailure = $null
Invoke-PartnerExchangeCommand -Tenant $tenant -CmdletName Get-OrganizationConfig
Invoke-PartnerExchangeCommand -Tenant $tenant -CmdletName Get-Mailbox -Parameters @{ Identity = 'nobody' }
Invoke-PartnerRequest -Tenant $tenant -Path '/users?$top=1' -AllPages | Format-List *
Invoke-PartnerRequest -Tenant $tenant -Path /users/00000000-0000-4000-8000-000000000000
Invoke-PartnerTenant { $_ | Get-PartnerToken -Resource graph | Out-Null } | Format-List *
& (Get-Module PartnerTokenBroker) { $script:Broker.CallerExpiresAt = [DateTime]::UtcNow; $script:Broker.CanRenew = $false }
Get-PartnerTenant
Connect-TestBroker -Url $testEnvironment.servers.echo
Connect-TestBroker -Url $testEnvironment.servers.web
Connect-TestBroker -Url $testEnvironment.servers.closed
Connect-TestBroker -Url http://broker.contoso.com
Connect-TestBroker 'Stranger'
Get-PartnerTenant
Connect-PartnerTokenBroker @local -AzureCli -PassThru | Format-List *
$env:IDENTITY_ENDPOINT = "$($testEnvironment.servers.identity)/msi/token"
$env:IDENTITY_HEADER = $testEnvironment.servers.identityHeader
Connect-PartnerTokenBroker @local -Identity -PassThru | Format-List *
Disconnect-PartnerTokenBroker
Get-PartnerTenant

# Writes each error with its exceptions, bound parameters and target.
$texts = foreach ($record in $Error) {
    $record | Format-List -Property * -Force | Out-String -Width 4000
    if ($record -isnot [Management.Automation.ErrorRecord]) { continue }
    $record.InvocationInfo | Format-List -Property * -Force | Out-String -Width 4000
    $record.InvocationInfo.BoundParameters.GetEnumerator() | ForEach-Object { "$($_.Key) = $($_.Value)" }
    for ($exception = $record.Exception; $exception; $exception = $exception.InnerException) { $exception | Format-List -Property * -Force | Out-String -Width 4000 }
    [Management.Automation.PSSerializer]::Serialize($record, 5)
}
Set-Content -LiteralPath $ErrorPath -Value (@("$($Error.Count) errors") + $texts)
Stop-Transcript | Out-Null
