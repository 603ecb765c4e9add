# What the API takes for tenants: ids, domains, groups and tags as they are, and ids for names. Customers choose their names, so
# only a name that no other delegated tenant has is taken. Looking it up needs the role Tenants.Read.
function Resolve-TenantName([string[]] $Tenant) {
    $known = $null
    foreach ($each in $Tenant) {
        $entries = '^(\*|(group|tag):.*|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[\w-]+(\.[\w-]+)+)$'
        if (-not ($each.Split(',') | Where-Object { $_.Trim() -notmatch $entries })) { $each; continue }
        if ($null -eq $known) { $known = @(Get-TenantList) }
        $found = @($known | Where-Object { $_.Name -eq $each.Trim() })
        if ($found.Count -gt 1) { Write-UnknownTenant "$($found.Count) delegated tenants have the name '$each'." }
        if ($found.Count -eq 0) { Write-UnknownTenant "No delegated tenant has the name '$each'$(Get-Question $each $known)" }
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

# The end of a sentence that asks whether the nearest tenant is meant, by its name or the first word of it. All letters between
# the first and the last difference count as different: that is fast enough for thousands of tenants, and finds one typing error.
function Get-Question([string] $Written, $Known) {
    $nearest = $null
    $wanted = $Written.Trim().ToLowerInvariant()
    $most = [Math]::Max(2, [Math]::Floor($wanted.Length / 3))
    foreach ($tenant in $Known) {
        foreach ($text in @($tenant.Name, $tenant.Name.Split(' ')[0], $tenant.DefaultDomain)) {
            if (-not $text -or [Math]::Abs($text.Length - $wanted.Length) -gt $most) { continue }
            $other = $text.ToLowerInvariant()
            $shorter = [Math]::Min($other.Length, $wanted.Length)
            for ($start = 0; $start -lt $shorter -and $other[$start] -ceq $wanted[$start]; $start++) { }
            for ($end = 0; $end -lt $shorter - $start -and $other[-1 - $end] -ceq $wanted[-1 - $end]; $end++) { }
            $distance = [Math]::Max($other.Length, $wanted.Length) - $start - $end
            if ($distance -gt $most) { continue }
            $most = $distance - 1
            $nearest = if ($text -eq $tenant.DefaultDomain) { $text } else { $tenant.Name }
        }
    }
    if ($nearest) { "; did you mean '$nearest'?" } else { '.' }
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
        Write-UnknownTenant "No delegated tenant has the id, domain or name '$Name'$(Get-Question $Name $Known)"
    }
    $found
}
