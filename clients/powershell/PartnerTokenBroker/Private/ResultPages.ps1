# The largest number that the broker accepts. It may return fewer rows.
$script:RowsPerPage = 50000

# Calls Read with the body of each page of a run's rows.
function Read-ResultPage([string] $RunId, [string] $Format, [scriptblock] $Read) {
    $path = "$(Get-RunPath $RunId)/results"
    $query = "?format=$Format&limit=$script:RowsPerPage"
    while ($query) {
        $answer = Invoke-BrokerApi @{ Method = 'GET'; Path = "$path$query"; Stream = $true }
        $query = Get-NextQuery (Get-ReplyHeader $answer.Reply 'Link')
        $response = $answer.Reply.Response
        try { & $Read $response.Content.ReadAsStreamAsync().GetAwaiter().GetResult() } finally { $response.Dispose() }
    }
}

# The query of the next page from a Link header (RFC 8288), or $null on the last page.
function Get-NextQuery([string] $Link) {
    if ($Link -match '<[^<>?]*(?<query>\?[^<>]*)>\s*;\s*rel="?next\b') { $Matches.query }
}

# The lines of a stream that are not empty.
function Read-Line([IO.Stream] $Body) {
    $reader = [IO.StreamReader]::new($Body, [Text.Encoding]::UTF8)
    while ($null -ne ($line = $reader.ReadLine())) { if ($line) { $line } }
}

# Writes the rows of a run as one JSON array. The pages are JSON Lines, because they can be joined.
function Write-JsonResult([string] $RunId, [IO.Stream] $File) {
    $writer = [IO.StreamWriter]::new($File, [Text.UTF8Encoding]::new($false))
    $state = @{ Separator = "[`n" }
    Read-ResultPage $RunId 'jsonl' {
        param($Body)
        Read-Line $Body | ForEach-Object {
            $writer.Write($state.Separator + $_)
            $state.Separator = ",`n"
        }
    }
    $writer.Write($(if ($state.Separator -eq "[`n") { "[]`n" } else { "`n]`n" }))
    $writer.Flush()
}
