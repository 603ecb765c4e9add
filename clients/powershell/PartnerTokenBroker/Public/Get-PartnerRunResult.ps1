function Get-PartnerRunResult {
    <#
    .SYNOPSIS
    Gets the rows of a run, each with its tenant. A run in progress returns the rows so far.

    .DESCRIPTION
    A table shows four of the columns that a job declares. Select-Object * and Export-Csv have all.

    The broker returns the rows in pages, which the command reads one after the other, so that a large result is not held
    in memory. A page that fails is requested up to five times. With -OutFile, the command writes all pages to one file. The
    file gets its name when it is complete.

    .PARAMETER RunId
    Id of the run.

    .PARAMETER Tenant
    Only the rows of these tenants: tenant ids, domains, names, group:NAME, tag:NAME or tag:NAME=VALUE. Default: all.

    .PARAMETER Except
    Tenants whose rows are left out, written like -Tenant.

    .PARAMETER OutFile
    File to write to.

    .PARAMETER Format
    Format of the file: csv, json or jsonl.

    .EXAMPLE
    Get-PartnerRunResult -RunId $run.RunId | Group-Object tenantName

    .EXAMPLE
    Get-PartnerRunResult -RunId $run.RunId -OutFile licences.csv -Format csv

    .EXAMPLE
    Get-PartnerRunResult -RunId $run.RunId -Tenant group:gold -Except tag:trial

    .LINK
    https://github.com/partner-token-broker/partner-token-broker/blob/main/docs/powershell.md
    #>
    [CmdletBinding(DefaultParameterSetName = 'Object', SupportsShouldProcess)]
    [OutputType([psobject], ParameterSetName = 'Object')]
    [OutputType([IO.FileInfo], ParameterSetName = 'File')]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipelineByPropertyName)] [ValidateNotNullOrEmpty()] [string] $RunId,
        [string[]] $Tenant,
        [string[]] $Except,
        [Parameter(Mandatory, ParameterSetName = 'File')] [ValidateNotNullOrEmpty()] [string] $OutFile,
        [Parameter(ParameterSetName = 'File')] [ValidateSet('csv', 'json', 'jsonl')] [string] $Format = 'csv'
    )
    process {
        $filter = Get-TenantQuery $Tenant $Except
        if ($PSCmdlet.ParameterSetName -ne 'File') {
            # The rows of a query have the properties that its caller chose.
            $job = $RunId -replace '^query@.*|@.*'
            Read-ResultPage $RunId 'jsonl' $filter { param($Body) Read-Row $Body (Get-JobView $job) }
            return
        }
        if (-not $PSCmdlet.ShouldProcess($OutFile, "Write the rows of $RunId")) { return }
        $path = $PSCmdlet.GetUnresolvedProviderPathFromPSPath($OutFile)
        $file = [IO.File]::Create("$path.part")
        $isComplete = $false
        try {
            if ($Format -eq 'json') { Write-JsonResult $RunId $filter $file }
            else { Read-ResultPage $RunId $Format.ToLowerInvariant() $filter { param($Body) $Body.CopyTo($file) } }
            $isComplete = $true
        }
        finally {
            # Also runs on Ctrl+C.
            $file.Dispose()
            if (-not $isComplete) { [IO.File]::Delete("$path.part") }
        }
        Move-Item -LiteralPath "$path.part" -Destination $path -Force
        Get-Item -LiteralPath $path
    }
}
