# Functions that the stand-ins share. A connection is state of the process, as in the real modules.

function Get-TestCloud { Get-Content -Raw -LiteralPath $env:PTB_TEST_ENVIRONMENT | ConvertFrom-Json }

# Records a call of a Connect command with its arguments.
function Add-StandInCall([string] $Command, [hashtable] $Arguments) {
    if ($null -eq $global:StandInCalls) { $global:StandInCalls = [Collections.Generic.List[object]]::new() }
    $global:StandInCalls.Add([pscustomobject]@{ Command = $Command; Arguments = $Arguments })
    # {0} is replaced by the token, because a real module may quote its arguments.
    if ($global:StandInFailure) { throw ($global:StandInFailure -f @($Arguments.Values | Where-Object { $_ -is [string] -and $_.Length -gt 200 })[0]) }
}

function Get-Claim([string] $Token) {
    $base64 = $Token.Split('.')[1].Replace('-', '+').Replace('_', '/')
    [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($base64 + '=' * ((4 - $base64.Length % 4) % 4))) | ConvertFrom-Json
}

function Invoke-TestCloud([string] $Uri, [string] $Token, [string] $Method = 'GET', [string] $Body) {
    $more = if ($Body) { @{ Body = $Body; ContentType = 'application/json' } } else { @{} }
    Invoke-RestMethod -Uri $Uri -Method $Method -Headers @{ Authorization = "Bearer $Token" } @more
}
