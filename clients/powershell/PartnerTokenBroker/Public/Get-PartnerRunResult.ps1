function Get-PartnerRunResult {
    <#
    .SYNOPSIS
    Gets the rows of a run, each with its tenant. A run in progress returns the rows so far.

    .DESCRIPTION
    Rows are returned while they are received, so that a large result is not held in memory. With -OutFile, the command
    writes the export of the broker unchanged to a file.

    .PARAMETER RunId
    Id of the run.

    .PARAMETER OutFile
    File to write to.

    .PARAMETER Format
    Format of the file: csv, json or jsonl.

    .EXAMPLE
    Get-PartnerRunResult -RunId $run.RunId | Group-Object tenantName

    .EXAMPLE
    Get-PartnerRunResult -RunId $run.RunId -OutFile licences.csv -Format csv

    .LINK
    https://github.com/partner-token-broker/partner-token-broker/blob/main/docs/powershell.md
    #>
    [CmdletBinding(DefaultParameterSetName = 'Object', SupportsShouldProcess)]
    [OutputType([psobject], ParameterSetName = 'Object')]
    [OutputType([IO.FileInfo], ParameterSetName = 'File')]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipelineByPropertyName)] [ValidateNotNullOrEmpty()] [string] $RunId,
        [Parameter(Mandatory, ParameterSetName = 'File')] [ValidateNotNullOrEmpty()] [string] $OutFile,
        [Parameter(ParameterSetName = 'File')] [ValidateSet('csv', 'json', 'jsonl')] [string] $Format = 'csv'
    )
    process {
        $isFile = $PSCmdlet.ParameterSetName -eq 'File'
        if ($isFile -and -not $PSCmdlet.ShouldProcess($OutFile, "Write the rows of $RunId")) { return }
        $exportFormat = if ($isFile) { $Format.ToLowerInvariant() } else { 'jsonl' }
        $answer = Invoke-BrokerApi @{ Method = 'GET'; Path = "$(Get-RunPath $RunId)/results?format=$exportFormat"; Stream = $true }
        $response = $answer.Reply.Response
        try {
            $body = $response.Content.ReadAsStreamAsync().GetAwaiter().GetResult()
            if ($isFile) {
                $path = $PSCmdlet.GetUnresolvedProviderPathFromPSPath($OutFile)
                $file = [IO.File]::Create($path)
                try { $body.CopyTo($file) } finally { $file.Dispose() }
                return Get-Item -LiteralPath $path
            }
            $reader = [IO.StreamReader]::new($body, [Text.Encoding]::UTF8)
            while ($null -ne ($line = $reader.ReadLine())) { if ($line) { ConvertFrom-Reply $line } }
        }
        finally { $response.Dispose() }
    }
}
