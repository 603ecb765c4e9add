# For PSScriptAnalyzer, in editors and in the tests where it is installed: its default rules, and these.
@{
    IncludeDefaultRules = $true
    Rules               = @{
        PSUseCompatibleSyntax                     = @{ Enable = $true; TargetVersions = @('5.1', '7.0') }
        PSUseConsistentIndentation                = @{ Enable = $true; IndentationSize = 4 }
        PSUseConsistentWhitespace                 = @{ Enable = $true; CheckOperator = $false }
        PSUseCorrectCasing                        = @{ Enable = $true }
        PSPlaceOpenBrace                          = @{ Enable = $true }
        PSAvoidUsingDoubleQuotesForConstantString = @{ Enable = $true }
    }
}
