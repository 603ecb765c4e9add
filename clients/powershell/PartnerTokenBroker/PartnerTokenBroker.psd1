@{
    RootModule           = 'PartnerTokenBroker.psm1'
    ModuleVersion        = '0.2.0'
    GUID                 = 'f4a4a6d0-6c0b-4c53-9a0e-0f5a3a6f3b61'
    Author               = 'The partner-token-broker authors'
    CompanyName          = 'The partner-token-broker authors'
    Copyright            = '(c) The partner-token-broker authors. MIT licence.'
    Description          = 'Gets short-lived tokens for customer tenants from a partner-token-broker and connects the Microsoft modules with them. Scripts contain no refresh token and no secret.'
    PowerShellVersion    = '5.1'
    CompatiblePSEditions = @('Desktop', 'Core')
    FormatsToProcess     = @('PartnerTokenBroker.Format.ps1xml')
    FunctionsToExport    = @(
        'Connect-PartnerAzAccount'
        'Connect-PartnerAzureAD'
        'Connect-PartnerComplianceSession'
        'Connect-PartnerExchangeOnline'
        'Connect-PartnerMgGraph'
        'Connect-PartnerMsolService'
        'Connect-PartnerTeams'
        'Connect-PartnerTokenBroker'
        'Disconnect-PartnerTokenBroker'
        'Get-PartnerAuditEntry'
        'Get-PartnerJob'
        'Get-PartnerJobHistory'
        'Get-PartnerPlan'
        'Get-PartnerRun'
        'Get-PartnerRunResult'
        'Get-PartnerTenant'
        'Get-PartnerTenantEvent'
        'Get-PartnerToken'
        'Invoke-PartnerExchangeCommand'
        'Invoke-PartnerQuery'
        'Invoke-PartnerRequest'
        'Invoke-PartnerTenant'
        'New-PartnerPlan'
        'Resume-PartnerApply'
        'Start-PartnerApply'
        'Start-PartnerRun'
        'Stop-PartnerApply'
        'Stop-PartnerRun'
        'Undo-PartnerPlan'
        'Wait-PartnerRun'
    )
    CmdletsToExport      = @()
    VariablesToExport    = @()
    AliasesToExport      = @()
    PrivateData          = @{
        PSData = @{
            Tags         = @(
                'Microsoft365', 'M365', 'Partner', 'PartnerCenter', 'CSP', 'MSP', 'GDAP', 'SecureApplicationModel', 'MicrosoftGraph', 'ExchangeOnline'
                'MultiTenant', 'PSEdition_Desktop', 'PSEdition_Core', 'Windows', 'Linux', 'MacOS'
            )
            LicenseUri   = 'https://github.com/partner-token-broker/partner-token-broker/blob/main/LICENSE'
            ProjectUri   = 'https://github.com/partner-token-broker/partner-token-broker'
            IconUri      = 'https://raw.githubusercontent.com/partner-token-broker/partner-token-broker/main/clients/powershell/icon.png'
            ReleaseNotes = 'https://github.com/partner-token-broker/partner-token-broker/blob/main/CHANGELOG.md'
        }
    }
}
