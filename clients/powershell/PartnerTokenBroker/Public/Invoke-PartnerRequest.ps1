function Invoke-PartnerRequest {
    <#
    .SYNOPSIS
    Sends a request to Microsoft Graph, or another resource, in a customer tenant through the broker.

    .DESCRIPTION
    The broker sends the request with its own token, if the permissions in the caller's rule open it. The script gets no token.
    The result is the answer of the resource: an object for JSON, otherwise a text. With -AllPages, it is the entries of all pages.

    A GET request is repeated while the broker is not available. Other requests are repeated only if the broker refused them
    because there were too many.

    .PARAMETER Tenant
    Tenant id, a domain of the tenant, or its name.

    .PARAMETER Method
    HTTP method.

    .PARAMETER Path
    Path and query at the resource, for example '/users?$top=5'. For Microsoft Graph, the version is added. A link of an earlier
    answer is accepted, too. Use single quotes because of the dollar signs.

    .PARAMETER Body
    An object to send as JSON, or a text that is JSON.

    .PARAMETER Headers
    Further headers, for example @{ ConsistencyLevel = 'eventual' }. The broker forwards only those that it knows.

    .PARAMETER Beta
    Use the beta version of Microsoft Graph. The rule must name it.

    .PARAMETER AllPages
    Read all pages of a collection and return its entries.

    .PARAMETER Resource
    Alias of the resource.

    .EXAMPLE
    Invoke-PartnerRequest -Tenant contoso.com -Path '/users?$select=id,displayName' -AllPages

    .EXAMPLE
    Invoke-PartnerRequest -Tenant contoso.com -Method PATCH -Path /users/alice@contoso.com -Body @{ jobTitle = 'Manager' }

    .EXAMPLE
    Get-PartnerTenant -Reachable | Invoke-PartnerRequest -Path /subscribedSkus -AllPages

    .LINK
    https://github.com/partner-token-broker/partner-token-broker/blob/main/docs/gateway.md
    #>
    [CmdletBinding(SupportsShouldProcess)]
    [OutputType([psobject], [string])]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipelineByPropertyName)]
        [Alias('TenantId', 'CustomerId', 'DefaultDomain', 'DefaultDomainName')] [ValidateNotNullOrEmpty()] [string] $Tenant,
        [Parameter(Position = 1)] [ValidateSet('GET', 'POST', 'PATCH', 'PUT', 'DELETE')] [string] $Method = 'GET',
        [Parameter(Mandatory, Position = 2)] [ValidateNotNullOrEmpty()] [string] $Path,
        [object] $Body,
        [hashtable] $Headers,
        [switch] $Beta,
        [switch] $AllPages,
        [ValidateNotNullOrEmpty()] [string] $Resource = 'graph'
    )
    process {
        $isReading = $Method -eq 'GET'
        if (-not $isReading -and -not $PSCmdlet.ShouldProcess($Tenant, "$Method $Path")) { return }
        $versioned = Get-VersionedPath $Path $Resource ([bool]$Beta)
        Invoke-ForTenant $_ $Tenant {
            $id = Resolve-TenantName $Tenant
            $call = @{
                Method = $Method.ToUpperInvariant(); Path = (Get-GatewayPath $id $Resource $versioned)
                Headers = $Headers; Patient = $isReading; Gateway = $true
            }
            if ($Body -is [string]) { $call.Json = $Body }
            elseif ($null -ne $Body) { $call.Body = $Body }
            if ($AllPages) { Read-GatewayPage $call $id $Resource }
            else { ConvertFrom-GatewayReply (Invoke-BrokerApi $call).Reply }
        }
    }
}
