@{
    RootModule        = 'MSOnline.psm1'
    ModuleVersion     = '1.1.183.81'
    GUID              = 'a2f03f94-8ce1-4798-923b-0224357a5480'
    Description       = 'Replaces MSOnline in tests. It has the same parameter sets for the Connect command, and one command that reads with the token.'
    FunctionsToExport = @('Connect-MsolService','Get-MsolCompanyInformation')
    CmdletsToExport   = @()
    AliasesToExport   = @()
}
