# What each target command is given, from the parameters of our own. Each takes them as a hashtable and asks the broker for
# the tokens. A '?' before a name: left out where the installed version does not know it.

function Get-MgGraphArgument([hashtable] $Order) {
    $graph = Get-ConnectToken $Order.Tenant graph $Order.Grant
    @{ AccessToken = $graph.Secret; Environment = (Get-Session).Environment['MgGraph']; '?NoWelcome' = $true }
}

function Get-ExchangeOnlineArgument([hashtable] $Order) {
    $exchange = Get-ConnectToken $Order.Tenant exchange $Order.Grant
    $name = if ($Order.Organization) { $Order.Organization } else { $exchange.TenantId }
    $given = @{ AccessToken = $exchange.Secret; ShowBanner = $false; ExchangeEnvironmentName = (Get-Session).Environment['ExchangeOnline'] }
    if ($Order.Grant -eq 'application') { $given.Organization = $name } else { $given.DelegatedOrganization = $name }
    foreach ($optional in 'CommandName', 'Prefix') { if ($Order[$optional]) { $given[$optional] = $Order[$optional] } }
    $given
}

function Get-AzAccountArgument([hashtable] $Order) {
    $arm = Get-ConnectToken $Order.Tenant arm
    $given = @{
        AccessToken = $arm.Secret; AccountId = (Resolve-AccountId $Order.AccountId $arm.Secret); Tenant = $arm.TenantId
        # Not into the contexts that the module saves on disk.
        Scope = 'Process'; Environment = (Get-Session).Environment['Az']
    }
    if (-not $Order.SkipGraph) { $given['?MicrosoftGraphAccessToken'] = (Get-ConnectToken $Order.Tenant graph).Secret }
    if ($Order.Subscription) { $given.Subscription = $Order.Subscription }
    $given
}

function Get-MsolServiceArgument([hashtable] $Order) {
    @{
        MsGraphAccessToken = (Get-ConnectToken $Order.Tenant graph).Secret
        AdGraphAccessToken = (Get-ConnectToken $Order.Tenant aad-graph).Secret
        AzureEnvironment   = (Get-Session).Environment['Msol']
    }
}

function Get-AzureADArgument([hashtable] $Order) {
    $aadGraph = Get-ConnectToken $Order.Tenant aad-graph
    @{
        AadAccessToken       = $aadGraph.Secret
        MsAccessToken        = (Get-ConnectToken $Order.Tenant graph).Secret
        AccountId            = (Resolve-AccountId $Order.AccountId $aadGraph.Secret)
        TenantId             = $aadGraph.TenantId
        AzureEnvironmentName = (Get-Session).Environment['AzureAD']
    }
}

# The account behind a token, which some modules want to be told.
function Resolve-AccountId([string] $AccountId, [securestring] $Token) {
    if ($AccountId) { return $AccountId }
    $claims = Get-TokenClaim $Token
    foreach ($name in 'upn', 'unique_name', 'preferred_username', 'appid', 'azp') {
        $value = Get-Field $claims $name
        if ($value) { return $value }
    }
    Write-TerminatingError reply_invalid 'The token names no account; give -AccountId.'
}
