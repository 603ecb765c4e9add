@{
    RootModule        = 'MSOnline.psm1'
    ModuleVersion     = '1.1.183.81'
    GUID              = 'a2f03f94-8ce1-4798-923b-0224357a5480'
    Description       = 'Stands in for MSOnline in tests: the same parameter sets of its Connect command, and a reading command that uses the token.'
    FunctionsToExport = @('Connect-MsolService','Get-MsolCompanyInformation')
    CmdletsToExport   = @()
    AliasesToExport   = @()
}
