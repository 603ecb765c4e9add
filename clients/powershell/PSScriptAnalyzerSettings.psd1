# Settings for PSScriptAnalyzer in editors and in the tests, which run it if it is installed.
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
