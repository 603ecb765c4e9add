# Requests as partners' scripts send them with Invoke-RestMethod: tables as bodies, PascalCase names, pages by nextLink, and
# errors read from ErrorDetails. Writes one line of JSON.
param([string]$DocumentPath)
$ErrorActionPreference = 'Stop'
$cloud = Get-Content -Raw $DocumentPath | ConvertFrom-Json
$tenant = ($cloud.tenants | Where-Object state -EQ 'no_consent')[0].tenantId

function Get-Token([string]$TenantId, [string]$Resource = 'https://graph.microsoft.com') {
    $body = @{
        client_id     = $cloud.application.clientId
        client_secret = $cloud.application.clientSecret
        scope         = "$Resource/.default offline_access"
        refresh_token = $cloud.refreshToken
        grant_type    = 'refresh_token'
    }
    $reply = Invoke-RestMethod -Method Post -Uri "$($cloud.entra)/$TenantId/oauth2/v2.0/token" -Body $body
    @{ Authorization = "Bearer $($reply.access_token)" }
}

function Get-All([string]$Uri, [hashtable]$Headers) {
    do {
        $page = Invoke-RestMethod -Uri $Uri -Headers $Headers -ContentType 'application/json; charset=utf-8'
        $page.value
        $Uri = $page.'@odata.nextLink'
    } while ($Uri)
}

$result = [ordered]@{}
try { Get-Token $tenant | Out-Null } catch {
    $result.withoutConsent = ($_.ErrorDetails.Message | ConvertFrom-Json).error_codes[0]
}

$partner = Get-Token $cloud.partnerTenantId 'https://api.partnercenter.microsoft.com'
$consents = "$($cloud.partnerCenter)/v1/customers/$tenant/applicationconsents"
foreach ($grant in @(
        @{ EnterpriseApplicationId = '00000003-0000-0000-c000-000000000000'; Scope = 'Directory.Read.All,User.Read.All,Policy.Read.All' }
        @{ EnterpriseApplicationId = '00000002-0000-0ff1-ce00-000000000000'; Scope = 'Exchange.Manage' })) {
    $body = @{
        ApplicationId     = $cloud.application.clientId
        DisplayName       = 'Partner scripts'
        ApplicationGrants = @($grant)
    } | ConvertTo-Json -Depth 5
    Invoke-RestMethod -Method Post -Uri $consents -Headers $partner -Body $body -ContentType 'application/json' | Out-Null
}
Start-Sleep -Milliseconds 1100

$graph = Get-Token $tenant
$users = Get-All "$($cloud.graph)/beta/users?`$select=id,userPrincipalName&`$top=5" $graph
$result.users = @($users).Count
$count = Invoke-RestMethod -Uri "$($cloud.graph)/v1.0/users/`$count" -Headers ($graph + @{ ConsistencyLevel = 'eventual' })
$result.count = [int]"$count".TrimStart([char]0xFEFF)
$batch = @{ requests = @(
        @{ id = 'policies'; method = 'GET'; url = '/identity/conditionalAccess/policies' }
        @{ id = 'nothing'; method = 'GET'; url = '/users/nobody' }) } | ConvertTo-Json -Depth 5
$replies = Invoke-RestMethod -Method Post -Uri "$($cloud.graph)/v1.0/`$batch" -Headers $graph -Body $batch -ContentType 'application/json'
$result.batch = @($replies.responses | Sort-Object id | ForEach-Object { "$($_.id) $($_.status)" })

$exchange = Get-Token $tenant 'https://outlook.office365.com'
$command = @{ CmdletInput = @{ CmdletName = 'Get-Mailbox'; Parameters = @{} } } | ConvertTo-Json -Depth 5
$mailboxes = Invoke-RestMethod -Method Post -Uri "$($cloud.exchange)/adminapi/beta/$tenant/InvokeCommand" -Headers $exchange -Body $command -ContentType 'application/json'
$result.hasMailboxes = @($mailboxes.value).Count -gt 0

$name = $cloud.tenants[0].name.Substring(0, 4)
$filter = [uri]::EscapeDataString((@{ Field = 'CompanyName'; Value = $name; Operator = 'starts_with' } | ConvertTo-Json -Compress))
$found = Invoke-RestMethod -Uri "$($cloud.partnerCenter)/v1/customers?size=500&filter=$filter" -Headers $partner
$result.filtered = @($found.items.companyProfile.companyName)
$result | ConvertTo-Json -Compress
