<#
Gets a token for one tenant and one resource, from the cache of the session if its lifetime is sufficient, otherwise from the
broker. Keys of Request: Tenant, Resource, Scope (string[]), Grant, MinimumLifetimeSeconds, Force.
#>
function Get-TokenRecord([hashtable] $Request) {
    $session = Get-Session
    $scopes = @($Request['Scope'] | Where-Object { $_ } | Sort-Object -Unique)
    $key = @($Request.Tenant.ToLowerInvariant(), $Request.Resource, $Request.Grant, ($scopes -join ' ')) -join '|'
    $record = $null
    $neededUntil = [DateTime]::UtcNow.AddSeconds($Request.MinimumLifetimeSeconds)
    if (-not $Request['Force'] -and $session.Tokens.TryGetValue($key, [ref]$record) -and $record.ExpiresAt -gt $neededUntil) { return $record }
    $body = @{ tenant = Resolve-TenantName $Request.Tenant; resource = $Request.Resource; grant = $Request.Grant; minimumLifetimeSeconds = $Request.MinimumLifetimeSeconds }
    if ($scopes.Count -gt 0) { $body.scopes = $scopes }
    $answer = Invoke-BrokerApi @{ Method = 'POST'; Path = '/tokens'; Body = $body; Recorded = $true }
    $value = $answer.Value
    if (-not (Get-Field $value 'accessToken')) { Write-TerminatingError reply_invalid 'The reply of the broker contains no token.' }
    if (Get-ReplyHeader $answer.Reply 'deprecation') {
        Write-Warning "Microsoft has retired the resource '$($value.resource)'; its API may reject the token. Use graph instead (Connect-PartnerMgGraph)."
    }
    $record = [pscustomobject]@{
        Secret    = ConvertTo-SecretText $value.accessToken
        # By the local clock, which may differ from the broker's.
        ExpiresAt = $answer.SentAt.AddSeconds([double](Get-Field $value 'expiresInSeconds'))
        TenantId  = $value.tenantId
        Resource  = $value.resource
        Scopes    = @($value.scopes)
        Grant     = $value.grant
        TokenId   = $value.tokenId
    }
    $session.Tokens[$key] = $record
    $record
}

# Gets a token for a Connect command, with a lifetime of at least half an hour, because the modules cannot renew it.
function Get-ConnectToken([string] $Tenant, [string] $Resource, [string] $Grant = 'delegated') {
    Get-TokenRecord @{ Tenant = $Tenant; Resource = $Resource; Grant = $Grant; MinimumLifetimeSeconds = 1800 }
}
