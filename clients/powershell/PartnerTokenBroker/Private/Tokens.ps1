<#
A token for one tenant and one resource, from the session's memory while it lives long enough, else from the broker.
Order: Tenant, Resource, Scope (string[]), Grant, MinimumLifetimeSeconds, Force.
#>
function Get-TokenRecord([hashtable] $Order) {
    $session = Get-Session
    $scopes = @($Order['Scope'] | Where-Object { $_ } | Sort-Object -Unique)
    $key = @($Order.Tenant.ToLowerInvariant(), $Order.Resource, $Order.Grant, ($scopes -join ' ')) -join '|'
    $record = $null
    $neededUntil = [DateTime]::UtcNow.AddSeconds($Order.MinimumLifetimeSeconds)
    if (-not $Order['Force'] -and $session.Tokens.TryGetValue($key, [ref]$record) -and $record.ExpiresAt -gt $neededUntil) { return $record }
    $body = @{ tenant = $Order.Tenant; resource = $Order.Resource; grant = $Order.Grant; minimumLifetimeSeconds = $Order.MinimumLifetimeSeconds }
    if ($scopes.Count -gt 0) { $body.scopes = $scopes }
    $answer = Invoke-BrokerApi @{ Method = 'POST'; Path = '/tokens'; Body = $body }
    $value = $answer.Value
    if (-not (Get-Field $value 'accessToken')) { Write-TerminatingError reply_invalid 'The broker answered without a token.' }
    if (Get-ReplyHeader $answer.Reply 'deprecation') {
        Write-Warning "Microsoft has retired the resource '$($value.resource)'; the token may be refused. Move to graph (Connect-PartnerMgGraph)."
    }
    $record = [pscustomobject]@{
        Secret    = ConvertTo-SecretText $value.accessToken
        # By the clock of this machine, with which it is compared: the broker's may differ.
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

# The same with what the Connect commands need: half an hour at least, since the modules cannot renew it.
function Get-ConnectToken([string] $Tenant, [string] $Resource, [string] $Grant = 'delegated') {
    Get-TokenRecord @{ Tenant = $Tenant; Resource = $Resource; Grant = $Grant; MinimumLifetimeSeconds = 1800 }
}
