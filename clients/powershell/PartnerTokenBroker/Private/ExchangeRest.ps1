# Exchange returns at most 1,000 objects per page, so this limit allows a million objects.
$script:MaxPages = 1000

# A mailbox that every tenant has, to route requests that concern no other.
$script:SystemMailbox = 'SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}'

# Runs one command and returns all pages. Transient failures are retried after Retry-After.
function Invoke-ExchangeRest($Token, [string] $CmdletName, [hashtable] $Parameters, [string] $Anchor) {
    $base = (Get-Session).ExchangeUrl
    $json = ConvertTo-Json -InputObject @{ CmdletInput = @{ CmdletName = $CmdletName; Parameters = $Parameters } } -Depth 20 -Compress
    $uri = "$base/adminapi/beta/$($Token.TenantId)/InvokeCommand"
    $headers = @{ 'X-CmdletName' = $CmdletName; 'X-AnchorMailbox' = $Anchor; Prefer = 'odata.maxpagesize=1000' }
    for ($page = 1; $uri; $page++) {
        if ($page -gt $script:MaxPages) { Write-TerminatingError exchange_failed "$CmdletName has more than $script:MaxPages pages." }
        $reply = Send-ExchangeRequest -Uri $uri -Json $json -Headers $headers -Bearer $Token.Secret -CmdletName $CmdletName
        $answer = ConvertFrom-Reply $reply.Text
        foreach ($warning in @(Get-Field $answer '@adminapi.warnings')) { if ($warning) { Write-Warning $warning } }
        Get-Field $answer 'value'
        $uri = Get-Field $answer '@odata.nextLink'
        # The token must not be sent to another host that a reply names.
        if ($uri -and ([Uri]$uri).GetLeftPart([UriPartial]::Authority) -ne ([Uri]$base).GetLeftPart([UriPartial]::Authority)) {
            Write-TerminatingError exchange_failed 'The next page is on another host, so it was not requested.'
        }
    }
}

function Send-ExchangeRequest([string] $Uri, [string] $Json, [hashtable] $Headers, [securestring] $Bearer, [string] $CmdletName) {
    for ($attempt = 1; ; $attempt++) {
        $reply = Send-HttpRequest @{ Method = 'POST'; Uri = $Uri; Json = $Json; Headers = $Headers; Bearer = $Bearer; Client = (Get-Session).ExchangeClient }
        if ($reply.Status -eq 200) { return $reply }
        $isTransient = $reply.Status -in 0, 429, 502, 503, 504
        $wait = if ($reply.Status -eq 0) { $null } else { Get-ReplyHeader $reply 'retry-after' }
        $seconds = if ($wait -match '^\d{1,6}$') { [int]$wait } else { [Math]::Pow(2, $attempt - 1) }
        # A command that changes something may have succeeded although the reply was lost or failed.
        $isSafe = $reply.Status -eq 429 -or $CmdletName -match '^(Get|Test|Search|Resolve)-'
        if (-not $isTransient -or -not $isSafe -or $attempt -ge $script:MaxAttempts -or $seconds -gt $script:MaxWaitSeconds) { break }
        Write-Verbose "Exchange Online returned HTTP $($reply.Status). Retrying in $seconds seconds."
        Start-Sleep -Milliseconds ([int](1000 * $seconds) + (Get-Random -Maximum 500))
    }
    if ($reply.Status -eq 0) { Write-TerminatingError exchange_failed "Exchange Online could not be reached: $($reply.Failure)." }
    $message = Get-Field (Get-Field (ConvertFrom-Reply $reply.Text) 'error') 'message'
    Write-TerminatingError exchange_failed "$CmdletName failed with HTTP $($reply.Status): $message"
}
