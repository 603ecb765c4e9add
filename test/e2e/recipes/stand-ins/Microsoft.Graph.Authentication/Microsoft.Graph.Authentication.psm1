# Stands in for Microsoft.Graph.Authentication in `Connect-MgGraph -Identity`: the request that Azure.Identity sends in an
# App Service ("Use managed identities for App Service and Azure Functions", REST endpoint reference).
$script:Headers = $null

function Connect-MgGraph {
    [CmdletBinding()]
    param([Parameter(Mandatory)] [switch] $Identity, [switch] $NoWelcome)
    $endpoint = "$($env:IDENTITY_ENDPOINT)?api-version=2019-08-01&resource=https%3A%2F%2Fgraph.microsoft.com"
    $answer = Invoke-RestMethod -Uri $endpoint -Headers @{ 'X-IDENTITY-HEADER' = $env:IDENTITY_HEADER }
    $script:Headers = @{ Authorization = "Bearer $($answer.access_token)" }
    if (-not $NoWelcome) { 'Welcome to Microsoft Graph!' }
}

function Invoke-MgGraphRequest {
    [CmdletBinding()]
    param([string] $Method = 'GET', [Parameter(Mandatory)] [uri] $Uri, [ValidateSet('PSObject')] [string] $OutputType)
    if ($null -eq $script:Headers) { throw 'Authentication needed. Please call Connect-MgGraph.' }
    $address = if ($Uri.IsAbsoluteUri -and $Uri.Scheme -eq 'https') { $Uri } else { "https://graph.microsoft.com$($Uri.OriginalString)" }
    Invoke-RestMethod -Method $Method -Uri $address -Headers $script:Headers
}
