@{
    RootModule        = 'Microsoft.Graph.Authentication.psm1'
    ModuleVersion     = '2.30.0'
    GUID              = '0ada678a-de85-4539-9a94-4661f49a4fe5'
    Description       = 'Replaces Microsoft.Graph.Authentication in tests. It has the same parameter sets for the Connect command, and one command that reads with the token.'
    FunctionsToExport = @('Connect-MgGraph','Disconnect-MgGraph','Get-MgContext','Invoke-MgGraphRequest')
    CmdletsToExport   = @()
    AliasesToExport   = @()
}
