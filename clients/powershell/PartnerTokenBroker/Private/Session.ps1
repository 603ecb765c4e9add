# Hosts and names of the Microsoft clouds, as each of the modules calls them.
$script:Environments = @{
    Public       = @{ Authority = 'https://login.microsoftonline.com'; Exchange = 'https://outlook.office365.com' }
    USGovernment = @{
        Authority = 'https://login.microsoftonline.us'; Exchange = 'https://outlook.office365.us'
        MgGraph = 'USGov'; Az = 'AzureUSGovernment'; ExchangeOnline = 'O365USGovGCCHigh'; AzureAD = 'AzureUSGovernment'; Msol = 'USGovernment'
    }
    China        = @{
        Authority = 'https://login.partner.microsoftonline.cn'; Exchange = 'https://partner.outlook.cn'
        MgGraph = 'China'; Az = 'AzureChinaCloud'; ExchangeOnline = 'O365China'; AzureAD = 'AzureChinaCloud'; Msol = 'AzureChinaCloud'
    }
}

function Get-Session {
    if ($null -eq $script:Broker) { Write-TerminatingError not_connected 'Nothing is connected in this PowerShell session.' }
    $script:Broker
}

# A token of the caller's own for the broker, kept until a minute before its end. Runspaces share it, one asks.
function Get-CallerToken {
    $session = Get-Session
    [Threading.Monitor]::Enter($session.Gate)
    try {
        if ($session.CallerToken -and $session.CallerExpiresAt -gt [DateTime]::UtcNow.AddMinutes(1)) { return $session.CallerToken }
        if ($session.CallerToken -and -not $session.CanRenew) {
            Write-TerminatingError session_expired "The token of the sign-in ended at $($session.CallerExpiresAt.ToString('u'))."
        }
        $token = & $session.SignIn $session
        $session.CallerToken = $token.Secret
        $session.CallerExpiresAt = $token.ExpiresAt
        Write-Verbose "Signed in to $($session.Audience) by $($session.SignInName) until $($token.ExpiresAt.ToString('u'))."
        $token.Secret
    }
    finally { [Threading.Monitor]::Exit($session.Gate) }
}

# What others may see of a session: no secret.
function ConvertTo-SessionView($Session, $Health) {
    [pscustomobject]@{
        PSTypeName = 'PartnerTokenBroker.Session'
        Url        = $Session.Url
        SignIn     = $Session.SignInName
        ExpiresAt  = $Session.CallerExpiresAt
        Status     = Get-Field $Health 'status'
    }
}
