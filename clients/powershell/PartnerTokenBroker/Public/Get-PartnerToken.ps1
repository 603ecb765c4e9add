function Get-PartnerToken {
    <#
    .SYNOPSIS
    Gets a token for one customer tenant and one resource.

    .DESCRIPTION
    The broker issues the token if its access policy allows the request, and records it in the audit log. The command
    caches the token in memory and returns it again while its lifetime is sufficient. The result is a SecureString with the
    properties ExpiresAt (UTC, by the clock of this machine), TenantId, Resource and Scopes.

    .PARAMETER Tenant
    Tenant id, a domain of the tenant, or its name.

    .PARAMETER Resource
    Alias of the resource: graph, exchange, arm, partner-center, aad-graph, office-management, defender, teams, compliance, or an alias that the operator of the broker added. Default: graph.

    .PARAMETER Scope
    Required scopes. The policy must allow each of them. Entra includes all consented scopes in the token anyway.

    .PARAMETER Grant
    delegated: token of the service account. application: token of the application.

    .PARAMETER MinimumLifetimeSeconds
    Minimum remaining lifetime of the token.

    .PARAMETER AsPlainText
    Return the token as a string. Do not write it to output or to long-lived variables.

    .PARAMETER Force
    Request the token from the broker even if this session has cached one. The broker may return a token
    from its own cache.

    .EXAMPLE
    Invoke-RestMethod https://graph.microsoft.com/v1.0/organization -Authentication Bearer -Token (Get-PartnerToken -Tenant contoso.com -Resource graph)

    For PowerShell 7.

    .EXAMPLE
    $headers = @{ Authorization = "Bearer $(Get-PartnerToken -Tenant contoso.com -Resource graph -AsPlainText)" }

    For Windows PowerShell 5.1.

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
        [Parameter(Position = 1)] [ValidateNotNullOrEmpty()] [string] $Resource = 'graph',
        [string[]] $Scope,
        [ValidateSet('delegated', 'application')] [string] $Grant = 'delegated',
        [ValidateRange(0, 3000)] [int] $MinimumLifetimeSeconds = 300,
        [switch] $AsPlainText,
        [switch] $Force
    )
    process {
        Invoke-ForTenant $_ $Tenant {
            $record = Get-TokenRecord @{
                Tenant = $Tenant; Resource = $Resource; Scope = $Scope; Grant = $Grant.ToLowerInvariant()
                MinimumLifetimeSeconds = $MinimumLifetimeSeconds; Force = [bool]$Force
            }
            if ($AsPlainText) { return ConvertFrom-SecretText $record.Secret }
            # A copy, so that the caller may dispose of it without affecting the cached token.
            $token = $record.Secret.Copy()
            foreach ($name in 'ExpiresAt', 'TenantId', 'Resource', 'Scopes') { Add-Member -InputObject $token -NotePropertyName $name -NotePropertyValue $record.$name }
            # For the default view, which does not show the token.
            $token.PSObject.TypeNames.Insert(0, 'PartnerTokenBroker.Token')
            $token
        }
    }
}
