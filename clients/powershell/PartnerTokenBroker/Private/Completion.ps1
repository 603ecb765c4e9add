# What Tab offers for -Job, -Resource, -Tenant and -Except: the names that the broker knows.

# The resources of the product, see Get-PartnerToken. Jobs may name others that the operator added.
$script:KnownResources = 'graph', 'aad-graph', 'partner-center', 'exchange', 'arm', 'office-management', 'defender', 'teams', 'compliance'

# Seconds for which an answer of the broker is offered, or none if there was no answer.
$script:OfferSeconds = 60

# The completions of a parameter that match the text typed so far.
function Get-Completion([string] $Command, [string] $Parameter, [string] $Typed) {
    $wanted = $Typed.Trim([char[]]"'`"")
    $offers = switch ($Parameter) {
        'Job' { Get-JobOffer }
        'Resource' { $script:KnownResources + @(Get-Offer '/jobs' jobs | ForEach-Object { $_.resources }) | Select-Object -Unique | ForEach-Object { @{ Text = $_; Label = $_ } } }
        default { Get-TenantOffer ($Parameter -eq 'Except' -or (Get-Command $Command).Parameters['Tenant'].ParameterType.IsArray) }
    }
    foreach ($offer in $offers) {
        if (-not (@($offer.Text, $offer.Label) | Where-Object { $_.StartsWith($wanted, 'OrdinalIgnoreCase') })) { continue }
        $text = if ($offer.Text -match '^[\w.:=-]+$') { $offer.Text } else { "'$($offer.Text.Replace("'", "''"))'" }
        [Management.Automation.CompletionResult]::new($text, $offer.Label, 'ParameterValue', $offer.Label)
    }
}

function Get-JobOffer { Get-Offer '/jobs' jobs | ForEach-Object { @{ Text = $_.name; Label = "$($_.name): $($_.title)" } } }

# A tenant by its domain or its name. Groups and tags choose several tenants, which some parameters do not accept.
function Get-TenantOffer([bool] $AcceptsSeveral) {
    $tenants = @(Get-Offer '/tenants' tenants)
    foreach ($tenant in $tenants) {
        $domain = Get-Field $tenant 'defaultDomain'
        @{ Text = $(if ($domain) { $domain } else { $tenant.tenantId }); Label = [string]$tenant.name }
    }
    if (-not $AcceptsSeveral) { return }
    foreach ($kind in 'group', 'tag') {
        $tenants | ForEach-Object { Get-Field $_ "${kind}s" } | Where-Object { $_ } | Sort-Object -Unique | ForEach-Object { @{ Text = "${kind}:$_"; Label = "${kind}:$_" } }
    }
}

# A list of the broker. Without a session, or if the broker does not answer, there is none: Tab shows no errors. A sign-in may
# take long, so none is started.
function Get-Offer([string] $Path, [string] $List) {
    if ($null -eq $script:Broker) { return }
    $known = $script:Broker.Offers[$Path]
    if ($script:Broker.CallerExpiresAt -gt (Get-UtcNow).AddMinutes(1) -and (-not $known -or $known.Until -lt (Get-UtcNow))) {
        $errors = Get-Variable -Name Error -Scope Global -ValueOnly
        $before = $errors.Count
        $answer = try { Request-BrokerApi @{ Method = 'GET'; Path = $Path; Glance = $true } } catch { while ($errors.Count -gt $before) { $errors.RemoveAt(0) } }
        $known = @{ Until = (Get-UtcNow).AddSeconds($script:OfferSeconds); Items = @(Get-Field (Get-Field $answer 'Value') $List) }
        $script:Broker.Offers[$Path] = $known
    }
    if ($known) { $known.Items | Where-Object { $_ } }
}
