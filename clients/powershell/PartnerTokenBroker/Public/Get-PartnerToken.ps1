function Get-PartnerToken {
    <#
    .SYNOPSIS
    Gets a token for one customer tenant and one resource.

    .DESCRIPTION
    The broker hands it out if its access policy allows the caller to have it, and records that it did. It is kept in memory
    and given again while it lives. Returned as a SecureString, with ExpiresAt (UTC, by the clock of this machine), TenantId,
    Resource and Scopes beside it.

    .PARAMETER Tenant
    Tenant id, or a domain of the tenant.

    .PARAMETER Resource
    Alias of the resource: graph, exchange, arm, partner-center, aad-graph, or what the broker's operator has added.

    .PARAMETER Scope
    Scopes that are needed. The policy is asked for each; Entra puts all consented ones into the token anyway.

    .PARAMETER Grant
    delegated: in the name of the service account. application: of the application itself.

    .PARAMETER MinimumLifetimeSeconds
    How long the token must still live.

    .PARAMETER AsPlainText
    Return the token as a string. Keep it out of variables that outlive the call, and out of output.

    .PARAMETER Force
    Ask the broker even if a token is kept.

    .EXAMPLE
    Invoke-RestMethod https://graph.microsoft.com/v1.0/organization -Authentication Bearer -Token (Get-PartnerToken -Tenant contoso.com -Resource graph)

    In PowerShell 7.

    .EXAMPLE
    $headers = @{ Authorization = "Bearer $(Get-PartnerToken -Tenant contoso.com -Resource graph -AsPlainText)" }

    In Windows PowerShell 5.1.

    .EXAMPLE
    Get-PartnerTenant -Tenant contoso.com | Get-PartnerToken -Resource exchange

    .LINK
    https://github.com/partner-token-broker/partner-token-broker/blob/main/docs/powershell.md
    #>
    [CmdletBinding()]
    [OutputType([securestring], [string])]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipelineByPropertyName)]
        [Alias('TenantId', 'CustomerId', 'DefaultDomain', 'DefaultDomainName')] [ValidateNotNullOrEmpty()] [string] $Tenant,
        [Parameter(Mandatory, Position = 1)] [ValidateNotNullOrEmpty()] [string] $Resource,
        [string[]] $Scope,
        [ValidateSet('delegated', 'application')] [string] $Grant = 'delegated',
        [ValidateRange(0, 3000)] [int] $MinimumLifetimeSeconds = 300,
        [switch] $AsPlainText,
        [switch] $Force
    )
    process {
        $record = Get-TokenRecord @{
            Tenant = $Tenant; Resource = $Resource; Scope = $Scope; Grant = $Grant.ToLowerInvariant()
            MinimumLifetimeSeconds = $MinimumLifetimeSeconds; Force = [bool]$Force
        }
        if ($AsPlainText) { return ConvertFrom-SecretText $record.Secret }
        # A copy: whoever disposes of it does not take the kept one away.
        $token = $record.Secret.Copy()
        foreach ($name in 'ExpiresAt', 'TenantId', 'Resource', 'Scopes') { Add-Member -InputObject $token -NotePropertyName $name -NotePropertyValue $record.$name }
        $token
    }
}
