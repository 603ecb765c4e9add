function Disconnect-PartnerTokenBroker {
    <#
    .SYNOPSIS
    Ends the session with the broker.

    .DESCRIPTION
    Deletes the caller's token and all cached tokens. Connections of other modules stay open. End them with the Disconnect
    commands of those modules.

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
