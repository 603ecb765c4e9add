# All delegated tenants, from the broker's directory.
function Get-TenantList {
    $value = (Invoke-BrokerApi @{ Method = 'GET'; Path = '/tenants' }).Value
    foreach ($warning in @(Get-Field $value 'warnings')) { if ($warning) { Write-Warning $warning } }
    foreach ($item in @($value.tenants)) { ConvertTo-Tenant $item }
}

# Those of a list that a tenant id, domain or name means. A plain name that means none is an error, a pattern is not.
function Select-Tenant($Known, [string] $Name) {
    $found = @($Known | Where-Object { $_.TenantId -like $Name -or $_.DefaultDomain -like $Name -or $_.Name -like $Name })
    if ($found.Count -eq 0 -and -not [Management.Automation.WildcardPattern]::ContainsWildcardCharacters($Name)) {
        $document = [pscustomobject]@{
            code   = 'tenant_unknown'; title = 'The tenant does not exist'
            detail = "No delegated tenant has the id, domain or name '$Name'."; advice = 'Get-PartnerTenant lists the tenants.'
        }
        Write-TerminatingError -Problem (ConvertTo-Problem -Document $document -Status 404)
    }
    $found
}
