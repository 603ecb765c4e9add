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

# Asks the broker how it is: proves that it is one, and that it knows the caller. A broker that is not well is still one,
# which may do what it is asked; the person is warned.
function Confirm-Broker {
    $answer = Request-BrokerApi @{ Method = 'GET'; Path = '/health' }
    $problem = $answer.Problem
    if ($problem -and ($problem.Status -lt 500 -or $problem.Code -in 'broker_unreachable', 'not_a_broker')) { Write-TerminatingError -Problem $problem }
    if ($problem) { Write-Warning "$($problem.Title). $($problem.Detail) [$($problem.Code)] $($problem.Advice)" }
    $status = Get-Field $answer.Value 'status'
    if ($status -and $status -ne 'ok') { Write-Warning "The broker says that it is '$status'; its operator sees why with ptb doctor." }
    $answer.Value
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
