# Maximum number of entries in one answer of the broker.
$script:AuditPage = 1000

function Get-PartnerAuditEntry {
    <#
    .SYNOPSIS
    Lists issued tokens, requests through the gateway and denials, newest first.

    .DESCRIPTION
    Needs the role Audit.Read. Times are UTC. No entry contains a token; ptb audit export writes all columns for other programs.

    .PARAMETER From
    Start of the period. Default: 24 hours before the end. A time without a zone is local time.

    .PARAMETER To
    End of the period, exclusive. Default: now.

    .PARAMETER Caller
    Application id of the caller.

    .PARAMETER Tenant
    Tenant id, any domain of a customer tenant, or its name.

    .PARAMETER Outcome
    Only entries with this outcome: tokens are issued or denied; requests through the gateway are denied, sent, answered or failed; approvals are asked for, approved, denied, revoked, expired, used or ended; tags are changed, or the change failed; tools of agents are called.

    .PARAMETER Kind
    Only entries about tokens, about requests through the gateway, about steps of approvals, about changes of tags, or about calls of tools by agents.

    .PARAMETER First
    Maximum number of entries, newest first. The command warns if there may be more.

    .EXAMPLE
    Get-PartnerAuditEntry -Outcome denied | Group-Object Code, Caller

    .EXAMPLE
    Get-PartnerAuditEntry -Tenant fabrikam.com -From (Get-Date).AddDays(-7) -First 10000 | Export-Csv fabrikam.csv

    .EXAMPLE
    Get-PartnerAuditEntry -Kind request -Tenant fabrikam.com

    .EXAMPLE
    Get-PartnerAuditEntry -First 10000 | Where-Object TokenFingerprint -EQ $fingerprint

    .LINK
    https://github.com/partner-token-broker/partner-token-broker/blob/main/docs/audit.md
    #>
    [CmdletBinding()]
    [OutputType('PartnerTokenBroker.AuditEntry')]
    param(
        [Parameter(Position = 0, ValueFromPipelineByPropertyName)] [Alias('TenantId', 'CustomerId', 'DefaultDomain', 'DefaultDomainName')] [ValidateNotNullOrEmpty()] [string] $Tenant,
        [Nullable[datetime]] $From,
        [Nullable[datetime]] $To,
        [string] $Caller,
        [ValidateSet('issued', 'denied', 'sent', 'answered', 'failed', 'asked', 'approved', 'revoked', 'expired', 'used', 'ended', 'changed', 'called')] [string] $Outcome,
        [ValidateSet('token', 'request', 'approval', 'tags', 'tool')] [string] $Kind,
        [ValidateRange(1, 100000)] [int] $First = 100
    )
    process {
        Invoke-ForTenant $_ $Tenant {
            $query = @{ from = ConvertTo-WireTime $From; to = ConvertTo-WireTime $To; caller = $Caller; tenant = Resolve-TenantName $Tenant; outcome = $Outcome; kind = $Kind }
            $left = $First
            $names = @{}
            Get-Offer '/tenants' tenants | ForEach-Object { $names[$_.tenantId] = $_.name }
            do {
                $query.limit = [Math]::Min($script:AuditPage, $left)
                $page = (Invoke-BrokerApi @{ Method = 'GET'; Path = "/audit?$(ConvertTo-Query $query)" }).Value
                foreach ($item in @($page.entries)) { ConvertTo-AuditEntry $item $names }
                $left -= @($page.entries).Count
                # All pages must use the period of the first page, even if -To is not set.
                $query.from = $page.from
                $query.to = $page.to
                $query.continuation = Get-Field $page 'continuation'
            } while ($query.continuation -and $left -gt 0)
            if ($query.continuation) { Write-Warning 'There may be more entries. Increase -First or shorten the period.' }
        }
    }
}
