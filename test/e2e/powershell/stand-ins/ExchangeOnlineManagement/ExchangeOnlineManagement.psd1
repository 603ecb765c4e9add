@{
    RootModule        = 'ExchangeOnlineManagement.psm1'
    ModuleVersion     = '3.9.0'
    GUID              = '1faf2772-3ed0-4cc1-9dd8-5af74d0f09c0'
    Description       = 'Replaces ExchangeOnlineManagement in tests. It has the same parameter sets for the Connect command, and one command that reads with the token.'
    FunctionsToExport = @('Connect-ExchangeOnline','Connect-IPPSSession','Disconnect-ExchangeOnline','Get-EXOMailbox')
    CmdletsToExport   = @()
    AliasesToExport   = @()
}
