# Dot-sourced in each BeforeAll: imports the module and defines the test environment and ways to connect.
$ErrorActionPreference = 'Stop'
$testEnvironment = Get-Content -Raw -LiteralPath $env:PTB_TEST_ENVIRONMENT | ConvertFrom-Json
$cloud = $testEnvironment.cloud
$url = $testEnvironment.url
$audience = $cloud.brokerApplication.audience
$modulePath = Join-Path $testEnvironment.projectRoot 'clients/powershell/PartnerTokenBroker'
Import-Module $modulePath -Force

# Variables of the machine must not change the sign-in method of the tests.
Remove-Item Env:IDENTITY_ENDPOINT, Env:IDENTITY_HEADER, Env:AZURE_POD_IDENTITY_AUTHORITY_HOST, Env:PTB_TEST_AZ -ErrorAction Ignore

function Get-TestCaller([string] $Name) { $cloud.brokerApplication.callers | Where-Object name -EQ $Name }

function Get-TestCredential([string] $Name) {
    $caller = Get-TestCaller $Name
    [pscredential]::new($caller.clientId, [Net.NetworkCredential]::new('', $caller.clientSecret).SecurePassword)
}

# URLs of the local servers.
function Get-LocalArgument([string] $Url = $url) {
    @{ Url = $Url; Audience = $audience; Authority = $cloud.entra; ExchangeUrl = $cloud.exchange }
}

function Connect-TestBroker([string] $Name = 'Operations console', [string] $Url = $url) {
    $local = Get-LocalArgument $Url
    Connect-PartnerTokenBroker @local -ClientSecretCredential (Get-TestCredential $Name) -TenantId $cloud.partnerTenantId
}

# Customer tenants with a state and a trait. By default, tenants without a trait.
function Get-TestTenant([string] $State = 'ok', [string] $Trait) {
    $cloud.tenants | Where-Object { $_.state -eq $State -and "$($_.PSObject.Properties['trait'].Value)" -eq $Trait }
}

function Get-PlainText([securestring] $Secret) { [Net.NetworkCredential]::new('', $Secret).Password }

function Get-TestClaim([string] $Token) {
    $base64 = $Token.Split('.')[1].Replace('-', '+').Replace('_', '/')
    [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($base64 + '=' * ((4 - $base64.Length % 4) % 4))) | ConvertFrom-Json
}

# The heads of a default view at 80 columns. A head that does not fit takes several lines.
function Get-Head($InputObject) {
    $lines = @(($InputObject | Out-String -Width 80) -split '\r?\n' | Where-Object { $_.Trim() })
    $lines[1] | Should -Match '^[- ]+$' -Because $lines[0]
    $lines[0].Trim()
}

# Returns the error of a script block.
function Get-Failure([scriptblock] $ScriptBlock) {
    try { $null = & $ScriptBlock }
    catch { return $_ }
    throw 'The script block did not fail.'
}

# Number of tokens that the broker has issued, according to its health report.
function Get-IssuedCount {
    & (Get-Module PartnerTokenBroker) { (Invoke-BrokerApi @{ Method = 'GET'; Path = '/health' }).Value.tokens.issued }
}

# A reply of the broker, for a mock of Send-HttpRequest. Keys of Reply are its fields.
function Get-FakeReply([hashtable] $Reply) {
    $message = [Net.Http.HttpResponseMessage]::new()
    [void]$message.Headers.TryAddWithoutValidation('x-correlation-id', 'c')
    $fields = @{ Status = 200; Failure = $null; Text = ''; Bytes = $null; Headers = $message.Headers; MediaType = 'application/json' }
    foreach ($name in $Reply.Keys) { $fields[$name] = $Reply[$name] }
    [pscustomobject]$fields
}
