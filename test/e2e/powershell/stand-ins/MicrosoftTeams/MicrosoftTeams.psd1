@{
    RootModule        = 'MicrosoftTeams.psm1'
    ModuleVersion     = '7.1.0'
    GUID              = 'd910df43-3ca6-4c9c-a2e3-e9f45a8e2ad9'
    Description       = 'Replaces MicrosoftTeams in tests. It has the same parameter sets for the Connect command.'
    FunctionsToExport = @('Connect-MicrosoftTeams','Disconnect-MicrosoftTeams')
    CmdletsToExport   = @()
    AliasesToExport   = @()
}
