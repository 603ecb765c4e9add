# What the API takes for tenants: ids, domains, groups and tags as they are, and ids for names. Customers choose their names, so
# only a name that no other delegated tenant has is taken. Looking it up needs the role Tenants.Read.
function Resolve-TenantName([string[]] $Tenant) {
    $known = $null
    foreach ($each in $Tenant) {
        $entries = '^(\*|(group|tag):.*|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[\w-]+(\.[\w-]+)+)$'
        if (-not ($each.Split(',') | Where-Object { $_.Trim() -notmatch $entries })) { $each; continue }
        if ($null -eq $known) { $known = @(Get-TenantList) }
        $found = @($known | Where-Object { $_.Name -eq $each.Trim() })
        if ($found.Count -ne 1) { Write-UnknownTenant "$(if ($found) { "$($found.Count) delegated tenants have" } else { 'No delegated tenant has' }) the name '$each'." }
        $found[0].TenantId
    }
}

function Write-UnknownTenant([string] $Detail) {
    $document = [pscustomobject]@{
        code = 'tenant_unknown'; title = 'The tenant does not exist'; detail = $Detail
        advice = 'Run Get-PartnerTenant to list the tenants, and give an id or a domain.'
    }
    Write-TerminatingError -Problem (ConvertTo-Problem -Document $document -Status 404)
}

# The part of a query that limits an answer to some tenants, which may be groups and tags. Empty without a limit.
function Get-TenantQuery([string[]] $Tenant, [string[]] $Except) {
    $query = ''
    if ($Tenant) { $query += "&tenants=$([Uri]::EscapeDataString((Resolve-TenantName $Tenant) -join ','))" }
    if ($Except) { $query += "&except=$([Uri]::EscapeDataString((Resolve-TenantName $Except) -join ','))" }
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

# The tenants of a list that match a tenant id, domain or name, or those of a group or tag. No match is an error, except for a
# wildcard pattern, a group and a tag.
function Select-Tenant($Known, [string] $Name) {
    if ($Name -match '^(group|tag):') { return Get-TenantList (Get-TenantQuery $Name) }
    $found = @($Known | Where-Object { $_.TenantId -like $Name -or $_.DefaultDomain -like $Name -or $_.Name -like $Name })
    if ($found.Count -eq 0 -and -not [Management.Automation.WildcardPattern]::ContainsWildcardCharacters($Name)) {
        Write-UnknownTenant "No delegated tenant has the id, domain or name '$Name'."
    }
    $found
}
