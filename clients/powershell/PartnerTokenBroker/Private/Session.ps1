# Hosts of the Microsoft clouds, and the name of each cloud in each Microsoft module.
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
    if ($null -eq $script:Broker) { Write-TerminatingError not_connected 'This PowerShell session is not connected to a broker.' }
    $script:Broker
}

# The caller's token for the broker, cached until one minute before its expiry. Runspaces share it. One of them renews it.
function Get-CallerToken {
    $session = Get-Session
    [Threading.Monitor]::Enter($session.Gate)
    try {
        if ($session.CallerToken -and $session.CallerExpiresAt -gt [DateTime]::UtcNow.AddMinutes(1)) { return $session.CallerToken }
        if ($session.CallerToken -and -not $session.CanRenew) {
            Write-TerminatingError session_expired "The token of the sign-in expired at $($session.CallerExpiresAt.ToString('u'))."
        }
        $token = & $session.SignIn $session
        $session.CallerToken = $token.Secret
        $session.CallerExpiresAt = $token.ExpiresAt
        Write-Verbose "Signed in to $($session.Audience) by $($session.SignInName) until $($token.ExpiresAt.ToString('u'))."
        $token.Secret
    }
    finally { [Threading.Monitor]::Exit($session.Gate) }
}

# Requests the health report. This verifies that the server is a broker and accepts the caller. An unhealthy broker may
# still work, so it causes only a warning.
function Confirm-Broker {
    $answer = Request-BrokerApi @{ Method = 'GET'; Path = '/health' }
    $problem = $answer.Problem
    if ($problem -and ($problem.Status -lt 500 -or $problem.Code -in 'broker_unreachable', 'not_a_broker')) { Write-TerminatingError -Problem $problem }
    if ($problem) { Write-Warning "$($problem.Title). $($problem.Detail) [$($problem.Code)] $($problem.Advice)" }
    $status = Get-Field $answer.Value 'status'
    if ($status -and $status -ne 'ok') { Write-Warning "The broker reports the status '$status'. Its operator can run ptb doctor to see the reason." }
    $answer.Value
}

# The public view of a session, without secrets.
function ConvertTo-SessionView($Session, $Health) {
    [pscustomobject]@{
        PSTypeName = 'PartnerTokenBroker.Session'
        Url        = $Session.Url
        SignIn     = $Session.SignInName
        ExpiresAt  = $Session.CallerExpiresAt
        Status     = Get-Field $Health 'status'
    }
}
