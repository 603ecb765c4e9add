@{
    RootModule        = 'Az.Accounts.psm1'
    ModuleVersion     = '5.3.0'
    GUID              = 'b2d01811-631f-4d44-9dcf-7de72653a422'
    Description       = 'Stands in for Az.Accounts in tests: the same parameter sets of its Connect command, and a reading command that uses the token.'
    FunctionsToExport = @('Connect-AzAccount','Disconnect-AzAccount','Get-AzSubscription')
    CmdletsToExport   = @()
    AliasesToExport   = @()
}
