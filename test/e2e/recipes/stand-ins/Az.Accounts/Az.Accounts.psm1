# Stands in for Az.Accounts in `Connect-AzAccount -Identity`: the request that Azure.Identity sends in an App Service ("Use
# managed identities for App Service and Azure Functions", REST endpoint reference), for the resource id of Azure Resource
# Manager in Az (Get-AzEnvironment, ActiveDirectoryServiceEndpointResourceId).
$script:Headers = $null

function Disable-AzContextAutosave { [CmdletBinding()] param([ValidateSet('Process', 'CurrentUser')] [string] $Scope) }

function Connect-AzAccount {
    [CmdletBinding()]
    param([Parameter(Mandatory)] [switch] $Identity)
    $endpoint = "$($env:IDENTITY_ENDPOINT)?api-version=2019-08-01&resource=https%3A%2F%2Fmanagement.core.windows.net%2F"
    $answer = Invoke-RestMethod -Uri $endpoint -Headers @{ 'X-IDENTITY-HEADER' = $env:IDENTITY_HEADER }
    $script:Headers = @{ Authorization = "Bearer $($answer.access_token)" }
}

function Get-AzSubscription {
    [CmdletBinding()] param()
    if ($null -eq $script:Headers) { throw 'Run Connect-AzAccount to login.' }
    $address = 'https://management.azure.com/subscriptions?api-version=2022-12-01'
    (Invoke-RestMethod -Uri $address -Headers $script:Headers).value |
        ForEach-Object { [pscustomobject]@{ Id = $_.subscriptionId; State = $_.state } }
}
