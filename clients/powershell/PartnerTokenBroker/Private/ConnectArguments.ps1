# Builds the arguments of each target command from the parameters of our command, and requests the tokens from the broker.
# An argument whose name begins with '?' is omitted if the installed version of the module does not have it.

function Get-MgGraphArgument([hashtable] $Options) {
    $graph = Get-ConnectToken $Options.Tenant graph $Options.Grant
    @{ AccessToken = $graph.Secret; Environment = (Get-Session).Environment['MgGraph']; '?NoWelcome' = $true }
}

function Get-ExchangeOnlineArgument([hashtable] $Options) {
    $exchange = Get-ConnectToken $Options.Tenant exchange $Options.Grant
    $name = if ($Options.Organization) { $Options.Organization } else { $exchange.TenantId }
    $given = @{ AccessToken = $exchange.Secret; ShowBanner = $false; ExchangeEnvironmentName = (Get-Session).Environment['ExchangeOnline'] }
    if ($Options.Grant -eq 'application') { $given.Organization = $name } else { $given.DelegatedOrganization = $name }
    foreach ($optional in 'CommandName', 'Prefix') { if ($Options[$optional]) { $given[$optional] = $Options[$optional] } }
    $given
}

function Get-IPPSSessionArgument([hashtable] $Options) {
    $compliance = Get-ConnectToken $Options.Tenant compliance
    $organization = if ($Options.Organization) { $Options.Organization } else { Get-InitialDomain $Options.Tenant }
    $given = @{ AccessToken = $compliance.Secret; Organization = $organization; '?ShowBanner' = $false }
    foreach ($optional in 'CommandName', 'Prefix') { if ($Options[$optional]) { $given[$optional] = $Options[$optional] } }
    $given
}

# The onmicrosoft.com domain with which the tenant was created: Connect-IPPSSession accepts no tenant id.
function Get-InitialDomain([string] $Tenant) {
    $exchange = Get-ConnectToken $Tenant exchange
    $domains = Invoke-ExchangeRest $exchange Get-AcceptedDomain @{} "UPN:$script:SystemMailbox@$($exchange.TenantId)"
    $initial = @($domains | Where-Object { Get-Field $_ 'InitialDomain' })
    if ($initial.Count -ne 1) { Write-TerminatingError connect_failed 'Exchange Online names no initial domain of the tenant. Specify -Organization.' }
    $initial[0].DomainName
}

function Get-MicrosoftTeamsArgument([hashtable] $Options) {
    $teams = Get-ConnectToken $Options.Tenant teams
    # The module tells the tokens apart by their audiences.
    $tokens = foreach ($token in (Get-ConnectToken $Options.Tenant graph), $teams) { ConvertFrom-SecretText $token.Secret }
    @{ AccessTokens = [string[]]$tokens; TenantId = $teams.TenantId }
}

function Get-AzAccountArgument([hashtable] $Options) {
    $arm = Get-ConnectToken $Options.Tenant arm
    $given = @{
        AccessToken = $arm.Secret; AccountId = (Resolve-AccountId $Options.AccountId $arm.Secret); Tenant = $arm.TenantId
        # Do not store the connection in the contexts that the module saves on disk.
        Scope = 'Process'; Environment = (Get-Session).Environment['Az']
    }
    if (-not $Options.SkipGraph) { $given['?MicrosoftGraphAccessToken'] = (Get-ConnectToken $Options.Tenant graph).Secret }
    if ($Options.Subscription) { $given.Subscription = $Options.Subscription }
    $given
}

function Get-MsolServiceArgument([hashtable] $Options) {
    @{
        MsGraphAccessToken = (Get-ConnectToken $Options.Tenant graph).Secret
        AdGraphAccessToken = (Get-ConnectToken $Options.Tenant aad-graph).Secret
        AzureEnvironment   = (Get-Session).Environment['Msol']
    }
}

function Get-AzureADArgument([hashtable] $Options) {
    $aadGraph = Get-ConnectToken $Options.Tenant aad-graph
    @{
        AadAccessToken       = $aadGraph.Secret
        MsAccessToken        = (Get-ConnectToken $Options.Tenant graph).Secret
        AccountId            = (Resolve-AccountId $Options.AccountId $aadGraph.Secret)
        TenantId             = $aadGraph.TenantId
        AzureEnvironmentName = (Get-Session).Environment['AzureAD']
    }
}

# The account of a token. Some modules require it as an argument.
function Resolve-AccountId([string] $AccountId, [securestring] $Token) {
    if ($AccountId) { return $AccountId }
    $claims = Get-TokenClaim $Token
    foreach ($name in 'upn', 'unique_name', 'preferred_username', 'appid', 'azp') {
        $value = Get-Field $claims $name
        if ($value) { return $value }
    }
    Write-TerminatingError reply_invalid 'The token contains no account. Specify -AccountId.'
}
