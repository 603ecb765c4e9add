# A page of an Exchange answer has 1,000 objects at most; this many pages are a million.
$script:MostPages = 1000

# One command with all its pages. Throttled and faulty replies are tried again as Retry-After says.
function Invoke-ExchangeRest($Token, [string] $CmdletName, [hashtable] $Parameters, [string] $Anchor) {
    $base = (Get-Session).ExchangeUrl
    $json = ConvertTo-Json -InputObject @{ CmdletInput = @{ CmdletName = $CmdletName; Parameters = $Parameters } } -Depth 20 -Compress
    $uri = "$base/adminapi/beta/$($Token.TenantId)/InvokeCommand"
    $headers = @{ 'X-CmdletName' = $CmdletName; 'X-AnchorMailbox' = $Anchor; Prefer = 'odata.maxpagesize=1000' }
    for ($page = 1; $uri; $page++) {
        if ($page -gt $script:MostPages) { Write-TerminatingError exchange_failed "$CmdletName has more than $script:MostPages pages." }
        $reply = Send-ExchangeRequest -Uri $uri -Json $json -Headers $headers -Bearer $Token.Secret -CmdletName $CmdletName
        $answer = ConvertFrom-Reply $reply.Text
        foreach ($warning in @(Get-Field $answer '@adminapi.warnings')) { if ($warning) { Write-Warning $warning } }
        Get-Field $answer 'value'
        $uri = Get-Field $answer '@odata.nextLink'
        # The token goes to the host that it is for, and nowhere that a reply names instead.
        if ($uri -and ([Uri]$uri).GetLeftPart([UriPartial]::Authority) -ne ([Uri]$base).GetLeftPart([UriPartial]::Authority)) {
            Write-TerminatingError exchange_failed 'The next page is at another host, which is refused.'
        }
    }
}

function Send-ExchangeRequest([string] $Uri, [string] $Json, [hashtable] $Headers, [securestring] $Bearer, [string] $CmdletName) {
    for ($attempt = 1; ; $attempt++) {
        $reply = Send-HttpRequest @{ Method = 'POST'; Uri = $Uri; Json = $Json; Headers = $Headers; Bearer = $Bearer }
        if ($reply.Status -eq 200) { return $reply }
        $isTransient = $reply.Status -in 0, 429, 502, 503, 504
        $wait = if ($reply.Status -eq 0) { $null } else { Get-ReplyHeader $reply 'retry-after' }
        $seconds = if ($wait -match '^\d{1,6}$') { [int]$wait } else { [Math]::Pow(2, $attempt - 1) }
        # A command that changes something may have been carried out although no reply came.
        $isSafe = $reply.Status -eq 429 -or $CmdletName -match '^(Get|Test|Search|Resolve)-'
        if (-not $isTransient -or -not $isSafe -or $attempt -ge $script:Attempts -or $seconds -gt $script:LongestWaitSeconds) { break }
        Write-Verbose "Exchange Online answers with status $($reply.Status); next try in $seconds seconds."
        Start-Sleep -Milliseconds ([int](1000 * $seconds) + (Get-Random -Maximum 500))
    }
    if ($reply.Status -eq 0) { Write-TerminatingError exchange_failed "Exchange Online could not be reached: $($reply.Failure)." }
    $said = Get-Field (Get-Field (ConvertFrom-Reply $reply.Text) 'error') 'message'
    Write-TerminatingError exchange_failed "$CmdletName, status $($reply.Status): $said"
}
