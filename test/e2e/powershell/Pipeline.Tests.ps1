BeforeAll {
    . "$PSScriptRoot/TestSetup.ps1"
    Connect-TestBroker
    $plain = @(Get-TestTenant | Select-Object -First 2)
    $refusing = @(Get-TestTenant no_consent)[0]
    $known = @(Get-PartnerTenant)
    # Tenants of the pipeline, of which the second has no consent.
    $mixed = foreach ($id in $plain[0].tenantId, $refusing.tenantId, $plain[1].tenantId) { $known | Where-Object TenantId -EQ $id }
    $unknown = [pscustomobject]@{ TenantId = 'nobody.example' }
    # The time of a caller who has set no preference.
    function Invoke-WithDefault([scriptblock] $Script) { $ErrorActionPreference = 'Continue'; & $Script }
}
AfterAll { Disconnect-PartnerTokenBroker }

Describe 'A pipeline over tenants' {
    It 'goes on after a tenant that fails, with an error that names it: <command>' -ForEach @(
        @{ command = 'Get-PartnerToken'; arguments = @{ Resource = 'graph' } }
        @{ command = 'Invoke-PartnerExchangeCommand'; arguments = @{ CmdletName = 'Get-OrganizationConfig' } }
        @{ command = 'Invoke-PartnerRequest'; arguments = @{ Path = '/organization' } }
    ) {
        $Error.Clear()
        $found = @(Invoke-WithDefault { $mixed | & $command @arguments -ErrorVariable failed 2>$null; $script:failed = $failed })
        $found.Count | Should -Be 2
        $script:failed.Count | Should -Be 1
        $Error.Count | Should -Be 1
        $record = $script:failed[0]
        $record.FullyQualifiedErrorId | Should -Be "consent_required,$command"
        $record.CategoryInfo.Category | Should -Be 'PermissionDenied'
        $record.TargetObject.TenantId | Should -Be $refusing.tenantId
        $record.Exception.Message | Should -BeLike "$($mixed[1].Name): *"
        $record.ErrorDetails.RecommendedAction | Should -Not -BeNullOrEmpty
        $record.InvocationInfo.ScriptName | Should -Be $PSCommandPath
    }

    It 'goes on after a tenant that does not exist: <command>' -ForEach @(
        @{ command = 'Get-PartnerAuditEntry'; arguments = @{ First = 1 }; least = 0 }
        @{ command = 'Get-PartnerTenantEvent'; arguments = @{ First = 1 }; least = 0 }
        @{ command = 'Get-PartnerJobHistory'; arguments = @{ Job = 'licence-report' }; least = 0 }
        @{ command = 'Get-PartnerTenant'; arguments = @{}; least = 2 }
        @{ command = 'Invoke-PartnerTenant'; arguments = @{ ScriptBlock = { $_.TenantId } }; least = 2 }
    ) {
        $failed = $null
        $found = @($mixed[0], $unknown, $mixed[2] | & $command @arguments -ErrorVariable failed -ErrorAction SilentlyContinue -WarningAction SilentlyContinue)
        $found.Count | Should -BeGreaterOrEqual $least
        $failed.Count | Should -Be 1
        $failed[0].FullyQualifiedErrorId | Should -Be "tenant_unknown,$command"
        $failed[0].TargetObject.TenantId | Should -Be 'nobody.example'
    }

    It 'is known of every command that takes tenants' {
        $here = Get-Content -Raw $PSCommandPath
        # These make one request of all tenants, or leave a connection, which has to be the one that was asked for.
        $others = 'Invoke-PartnerQuery', 'Start-PartnerRun', 'New-PartnerPlan'
        $takers = Get-Command -Module PartnerTokenBroker | Where-Object { $_.Name -notlike 'Connect-*' -and $_.Name -notin $others -and $_.Parameters['Tenant'] } |
            Where-Object { @($_.Parameters['Tenant'].Attributes | Where-Object { $_ -is [Parameter] -and ($_.ValueFromPipeline -or $_.ValueFromPipelineByPropertyName) }) }
        $takers.Count | Should -BeGreaterThan 7
        foreach ($taker in $takers) { $here | Should -Match "command = '$($taker.Name)'" }
    }

    It 'ends at the first failure with -ErrorAction Stop, and if the preference of the caller says so' {
        $found = [Collections.Generic.List[object]]::new()
        $failure = Get-Failure { $mixed | Invoke-PartnerRequest -Path /organization -ErrorAction Stop | ForEach-Object { $found.Add($_) } }
        $failure.FullyQualifiedErrorId | Should -Be 'consent_required,Invoke-PartnerRequest'
        $found.Count | Should -Be 1
        (Get-Failure { $mixed | Get-PartnerToken -Resource graph }).TargetObject.TenantId | Should -Be $refusing.tenantId
    }

    It 'ends at a failure that every tenant would have' {
        $failure = Get-Failure { Invoke-WithDefault { $mixed | Get-PartnerToken -Resource no-such-resource } }
        $failure.FullyQualifiedErrorId | Should -Be 'resource_not_allowed,Get-PartnerToken'
    }

    It 'passes on the error of a later command' {
        $failure = Get-Failure { Invoke-WithDefault { $mixed | Invoke-PartnerRequest -Path /organization | ForEach-Object { throw 'later' } } }
        $failure.Exception.Message | Should -Be 'later'
    }

    It 'leaves the failure of a later command of the module to its caller' {
        $caught = @(Invoke-WithDefault {
                $mixed[0], $mixed[2] | Get-PartnerToken -Resource graph | ForEach-Object {
                    try { Get-PartnerToken -Tenant $refusing.tenantId -Resource graph } catch { $_.TargetObject.Code }
                }
            })
        $caught | Should -Be 'consent_required', 'consent_required'
    }

    It 'addresses a mailbox of the tenant itself in each Exchange command' {
        $script:anchors = @()
        Mock Invoke-ExchangeRest -ModuleName PartnerTokenBroker { $script:anchors += $Anchor }
        $mixed[0], $mixed[2] | Invoke-PartnerExchangeCommand -CmdletName Get-Mailbox
        $script:anchors | Should -Be ($mixed[0], $mixed[2] | ForEach-Object { "UPN:SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}@$($_.TenantId)" })
    }
}

Describe 'Invoke-PartnerQuery without a preference for errors' {
    It 'writes an error for each tenant that failed' {
        $ids = @(Get-TestTenant no_consent)[0].tenantId, @(Get-TestTenant conditional_access)[0].tenantId
        $written = @(Invoke-WithDefault { Invoke-PartnerQuery /organization -Tenant $ids 2>&1 })
        $written.TargetObject.TenantId | Sort-Object | Should -Be ($ids | Sort-Object)
    }
}

Describe 'A stop, as by Ctrl+C' {
    BeforeAll {
        # Starts a script in a runspace with the session of this one.
        function Start-Shell([scriptblock] $Script, $Argument) {
            $shell = [powershell]::Create()
            $session = & (Get-Module PartnerTokenBroker) { $script:Broker }
            $begin = { param($Module, $Session, $Text, $Argument) Import-Module $Module; & (Get-Module PartnerTokenBroker) { $script:Broker = $args[0] } $Session; & ([scriptblock]::Create($Text)) $Argument }
            [void]$shell.AddScript($begin).AddArgument($modulePath).AddArgument($session).AddArgument("$Script").AddArgument($Argument)
            [pscustomobject]@{ Shell = $shell; Handle = $shell.BeginInvoke() }
        }
        function Wait-Until([scriptblock] $Condition) {
            for ($n = 0; $n -lt 600 -and -not (& $Condition); $n++) { Start-Sleep -Milliseconds 100 }
            & $Condition | Should -BeTrue
        }
    }

    It 'cancels the query that it interrupts' {
        $before = (@(Get-PartnerRun -Job query -First 1)[0]).RunId
        $fault = @{ service = 'graph'; tenantId = $plain[1].tenantId; delayMs = 1000 } | ConvertTo-Json
        $id = (Invoke-RestMethod -Method POST -Uri "$($cloud.control)/faults" -Body $fault).id
        try {
            $started = Start-Shell { param($Tenant) Invoke-PartnerQuery '/users?$top=1' -Tenant $Tenant -AllPages } $plain[1].tenantId
            Wait-Until { $script:run = @(Get-PartnerRun -Job query -First 1)[0]; $script:run -and $script:run.RunId -ne $before }
            $started.Shell.Stop()
            (Wait-PartnerRun -RunId $script:run.RunId -PollIntervalSeconds 0.2 -TimeoutSeconds 60).Status | Should -Be 'cancelled'
        }
        finally { $null = Invoke-RestMethod -Method DELETE -Uri "$($cloud.control)/faults/$id"; $started.Shell.Dispose() }
    }

    It 'ends the scripts of Invoke-PartnerTenant' {
        $log = [Collections.Concurrent.ConcurrentBag[string]]::new()
        $started = Start-Shell {
            param($Log)
            Get-PartnerTenant -Reachable | Select-Object -First 3 | Invoke-PartnerTenant { $bag = $using:Log; try { $bag.Add('begun'); Start-Sleep -Seconds 600 } finally { $bag.Add('ended') } } -ThrottleLimit 2
        } $log
        Wait-Until { @($log).Count -eq 2 }
        $started.Shell.Stop()
        $started.Shell.Dispose()
        @($log | Where-Object { $_ -eq 'ended' }).Count | Should -Be 2
    }

    It 'leaves no part of a file' {
        Mock Write-JsonResult -ModuleName PartnerTokenBroker { Write-TerminatingError broker_unreachable 'It is gone.' }
        $path = Join-Path $TestDrive rows.json
        $null = Get-Failure { Get-PartnerRunResult -RunId any@run -OutFile $path -Format json }
        Get-ChildItem $TestDrive | Should -BeNullOrEmpty
    }
}
