function Disconnect-PartnerTokenBroker {
    <#
    .SYNOPSIS
    Ends the session with the broker.

    .DESCRIPTION
    Forgets the caller's token and every token that was kept. What other modules were given by the Connect-Partner commands
    is theirs: end those connections with their own Disconnect commands.

    .EXAMPLE
    Disconnect-PartnerTokenBroker

    .LINK
    https://github.com/partner-token-broker/partner-token-broker/blob/main/docs/powershell.md
    #>
    [CmdletBinding()]
    param()
    if ($null -eq $script:Broker) { return }
    foreach ($record in $script:Broker.Tokens.Values) { $record.Secret.Dispose() }
    $script:Broker.Tokens.Clear()
    if ($script:Broker.CallerToken) { $script:Broker.CallerToken.Dispose() }
    $script:Broker = $null
}
