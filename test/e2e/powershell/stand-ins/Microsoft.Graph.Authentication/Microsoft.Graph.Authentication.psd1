@{
    RootModule        = 'Microsoft.Graph.Authentication.psm1'
    ModuleVersion     = '2.30.0'
    GUID              = '0ada678a-de85-4539-9a94-4661f49a4fe5'
    Description       = 'Stands in for Microsoft.Graph.Authentication in tests: the same parameter sets of its Connect command, and a reading command that uses the token.'
    FunctionsToExport = @('Connect-MgGraph','Disconnect-MgGraph','Get-MgContext','Invoke-MgGraphRequest')
    CmdletsToExport   = @()
    AliasesToExport   = @()
}
