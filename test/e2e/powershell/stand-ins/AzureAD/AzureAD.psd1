@{
    RootModule        = 'AzureAD.psm1'
    ModuleVersion     = '2.0.2.182'
    GUID              = '555cb0ab-f696-4c4f-ba58-0621be2c2d6c'
    Description       = 'Stands in for AzureAD in tests: the same parameter sets of its Connect command, and a reading command that uses the token.'
    FunctionsToExport = @('Connect-AzureAD','Disconnect-AzureAD','Get-AzureADTenantDetail')
    CmdletsToExport   = @()
    AliasesToExport   = @()
}
