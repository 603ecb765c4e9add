@{
    RootModule        = 'ExchangeOnlineManagement.psm1'
    ModuleVersion     = '3.9.0'
    GUID              = '1faf2772-3ed0-4cc1-9dd8-5af74d0f09c0'
    Description       = 'Stands in for ExchangeOnlineManagement in tests: the same parameter sets of its Connect command, and a reading command that uses the token.'
    FunctionsToExport = @('Connect-ExchangeOnline','Disconnect-ExchangeOnline','Get-EXOMailbox')
    CmdletsToExport   = @()
    AliasesToExport   = @()
}
