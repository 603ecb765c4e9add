# The largest number that the broker accepts. It may return fewer rows.
$script:RowsPerPage = 50000

# Pauses before the next page if the rows of a run in progress have all been read, in milliseconds: while nothing comes, and
# after a short page. For each page, the broker looks at all tenants of the run.
$script:PagePause = @{ First = 200; Longest = 2000; AfterRows = 250; ShortBytes = 512KB }

# Calls Read with the body of each page of a run's rows. Filter has more of the query: the tenants (Get-TenantQuery) or the order.
# A page is complete before it is read, so that a page that failed can be repeated without doubling its rows.
function Read-ResultPage([string] $RunId, [string] $Format, [string] $Filter, [scriptblock] $Read) {
    $path = "$(Get-RunPath $RunId)/results"
    $query = "?format=$Format&limit=$script:RowsPerPage$Filter"
    $isInProgress = $Filter -match '&order=arrival'
    $pause = $script:PagePause.First
    for ($page = 1; $query; $page++) {
        $answer = Request-BrokerApi @{ Method = 'GET'; Path = "$path$query"; AsBytes = $true; Patient = $true }
        if ($answer.Problem) {
            # The first page fails if the run does not exist, so its number says nothing.
            if ($page -gt 1) { $answer.Problem.Detail = "Page $page of the rows could not be read, after $($page - 1) that were. $($answer.Problem.Detail)" }
            Write-TerminatingError -Problem $answer.Problem
        }
        $query = Get-NextQuery (Get-ReplyHeaderLine $answer.Reply 'Link')
        $length = $answer.Reply.Bytes.Length
        if ($length -gt 0) {
            & $Read ([IO.MemoryStream]::new($answer.Reply.Bytes))
            $pause = $script:PagePause.AfterRows
        }
        if ($isInProgress -and $query -and $length -lt $script:PagePause.ShortBytes) {
            Start-Sleep -Milliseconds ([int]$pause)
            $pause = [Math]::Min($script:PagePause.Longest, 1.5 * $pause)
        }
    }
}

# A link of the header Link and its parameters (RFC 8288, section 3).
$script:LinkParameter = ';\s*(?<name>[\w-]+)\s*(?:=\s*(?:"(?<value>(?:[^"\\]|\\.)*)"|(?<value>[^\s;,"]*)))?\s*'
$script:Link = [regex]::new("<(?<target>[^<>]*)>\s*(?<parameters>(?:$script:LinkParameter)*)")

# The query of the next page from the lines of the header Link, or $null on the last page. Only the query is used, so that the
# token cannot be sent anywhere else.
function Get-NextQuery([string[]] $Line) {
    foreach ($link in $script:Link.Matches(@($Line) -join ', ')) {
        $relation = [regex]::Matches($link.Groups['parameters'].Value, $script:LinkParameter) | Where-Object { $_.Groups['name'].Value -eq 'rel' } | Select-Object -First 1
        if (-not $relation -or 'next' -notin ($relation.Groups['value'].Value -split '\s+')) { continue }
        if ($link.Groups['target'].Value -match '\?[^#]*') { return $Matches[0] }
    }
}

# The lines of a stream that are not empty.
function Read-Line([IO.Stream] $Body) {
    $reader = [IO.StreamReader]::new($Body, [Text.Encoding]::UTF8)
    while ($null -ne ($line = $reader.ReadLine())) { if ($line) { $line } }
}

# Characters that are converted at once. ConvertFrom-Json takes milliseconds a call, and 2 MB at most in Windows PowerShell.
$script:JsonBatch = 100000

# The rows in a stream of JSON Lines, as objects. Shown are the properties of their view, if any.
function Read-Row([IO.Stream] $Body, [string[]] $Shown) {
    $type = if ($Shown) {
        # Types hold for all sessions, and another broker may have a job of this name.
        $name = "PartnerTokenBroker.Row#$($Shown -join ',')"
        Update-TypeData -TypeName $name -DefaultDisplayPropertySet $Shown -Force
        $name
    }
    $batch = [Collections.Generic.List[string]]::new()
    $length = 0
    Read-Line $Body | ForEach-Object {
        $batch.Add($_)
        $length += $_.Length
        if ($length -ge $script:JsonBatch) {
            ConvertFrom-JsonLine $batch $type
            $batch.Clear()
            $length = 0
        }
    }
    if ($batch.Count -gt 0) { ConvertFrom-JsonLine $batch $type }
}

function ConvertFrom-JsonLine([Collections.Generic.List[string]] $Lines, [string] $Type) {
    # Windows PowerShell returns an array, PowerShell 7 its items.
    $rows = @(foreach ($row in (ConvertFrom-Reply "[$($Lines -join ',')]")) { $row })
    if ($rows.Count -ne $Lines.Count) { Write-TerminatingError reply_invalid 'A page of the rows is not JSON Lines.' }
    if ($Type) {
        foreach ($row in $rows) { $row.PSObject.TypeNames.Insert(0, $Type) }
    }
    $rows
}

# The columns that the view of a job's rows shows. None if the job declares none, or the broker does not say.
function Get-JobView([string] $Job) {
    $columns = if ($Job) { Get-Offer '/jobs' jobs | Where-Object { $_.name -eq $Job } | ForEach-Object { Get-Field $_ 'columns' } }
    if ($columns) { Get-ShownColumn $columns }
}

# The columns of a job that a view shows: four, because PowerShell makes a list of more. The tenant, the first text, which says
# what the row is about, and numbers and booleans before other texts and dates. Ids come last.
function Get-ShownColumn($Columns) {
    $texts, $others = @($Columns).Where({ $_.type -in 'text', 'date' }, 'Split')
    $ids, $texts = @($texts).Where({ $_.name -cmatch '(^i|I)d$' }, 'Split')
    $ordered = @(@($texts | Select-Object -First 1) + $others + @($texts | Select-Object -Skip 1) + $ids | Select-Object -First 3 -ExpandProperty name)
    'tenantName'
    $Columns.name | Where-Object { $_ -in $ordered }
}

# Writes the rows of a run as one JSON array. The pages are JSON Lines, because they can be joined.
function Write-JsonResult([string] $RunId, [string] $Filter, [IO.Stream] $File) {
    $writer = [IO.StreamWriter]::new($File, [Text.UTF8Encoding]::new($false))
    $state = @{ Separator = "[`n" }
    Read-ResultPage $RunId 'jsonl' $Filter {
        param($Body)
        Read-Line $Body | ForEach-Object {
            $writer.Write($state.Separator + $_)
            $state.Separator = ",`n"
        }
    }
    $writer.Write($(if ($state.Separator -eq "[`n") { "[]`n" } else { "`n]`n" }))
    $writer.Flush()
}
