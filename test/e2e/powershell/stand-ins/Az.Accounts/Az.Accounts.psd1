@{
    RootModule        = 'Az.Accounts.psm1'
    ModuleVersion     = '5.3.0'
    GUID              = 'b2d01811-631f-4d44-9dcf-7de72653a422'
    Description       = 'Replaces Az.Accounts in tests. It has the same parameter sets for the Connect command, and one command that reads with the token.'
    FunctionsToExport = @('Connect-AzAccount','Disconnect-AzAccount','Get-AzSubscription')
    CmdletsToExport   = @()
    AliasesToExport   = @()
}
