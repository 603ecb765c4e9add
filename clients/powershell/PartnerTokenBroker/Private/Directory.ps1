# The part of a query that limits an answer to some tenants, which may be groups and tags. Empty without a limit.
function Get-TenantQuery([string[]] $Tenant, [string[]] $Except) {
    $query = ''
    if ($Tenant) { $query += "&tenants=$([Uri]::EscapeDataString($Tenant -join ','))" }
    if ($Except) { $query += "&except=$([Uri]::EscapeDataString($Except -join ','))" }
    $query
}

# Whether one tenant is named, and not a group, a tag or a list.
function Test-OneTenant([string[]] $Tenant, [string[]] $Except) {
    $Tenant -and $Tenant.Count -eq 1 -and -not $Except -and $Tenant[0] -notmatch '^(group|tag):|[*,]'
}

# The delegated tenants in the broker's directory: all, or those that the query of Get-TenantQuery names.
function Get-TenantList([string] $Filter) {
    $path = if ($Filter) { "/tenants?$($Filter.Substring(1))" } else { '/tenants' }
    $value = (Invoke-BrokerApi @{ Method = 'GET'; Path = $path }).Value
    foreach ($warning in @(Get-Field $value 'warnings')) { if ($warning) { Write-Warning $warning } }
    foreach ($item in @($value.tenants)) { ConvertTo-Tenant $item }
}

# The tenants of a list that match a tenant id, domain or name. No match is an error, except for a wildcard pattern.
function Select-Tenant($Known, [string] $Name) {
    $found = @($Known | Where-Object { $_.TenantId -like $Name -or $_.DefaultDomain -like $Name -or $_.Name -like $Name })
    if ($found.Count -eq 0 -and -not [Management.Automation.WildcardPattern]::ContainsWildcardCharacters($Name)) {
        $document = [pscustomobject]@{
            code   = 'tenant_unknown'; title = 'The tenant does not exist'
            detail = "No delegated tenant has the id, domain or name '$Name'."; advice = 'Run Get-PartnerTenant to list the tenants.'
        }
        Write-TerminatingError -Problem (ConvertTo-Problem -Document $document -Status 404)
    }
    $found
}
