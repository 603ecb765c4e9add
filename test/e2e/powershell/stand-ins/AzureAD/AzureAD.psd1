@{
    RootModule        = 'AzureAD.psm1'
    ModuleVersion     = '2.0.2.182'
    GUID              = '555cb0ab-f696-4c4f-ba58-0621be2c2d6c'
    Description       = 'Replaces AzureAD in tests. It has the same parameter sets for the Connect command, and one command that reads with the token.'
    FunctionsToExport = @('Connect-AzureAD','Disconnect-AzureAD','Get-AzureADTenantDetail')
    CmdletsToExport   = @()
    AliasesToExport   = @()
}
