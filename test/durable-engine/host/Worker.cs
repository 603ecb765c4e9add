using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;

/// <summary>A function that the app has registered.</summary>
record AppFunction(string Name, string Kind);

/// <summary>The process that runs the app. Requests and answers are lines of JSON on its standard input and output.</summary>
sealed class Worker : IDisposable
{
    record Ready(string Url, AppFunction[] Functions);
    record Answer(int Id, string? Result, string? Error, string? Stack);

    static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);
    readonly Process process;
    readonly ConcurrentDictionary<int, TaskCompletionSource<string?>> open = new();
    readonly SemaphoreSlim writing = new(1);
    int lastId;

    Worker(Process process) => this.process = process;

    /// <summary>Where it serves the HTTP functions of the app.</summary>
    public string Url { get; private set; } = "";
    public int Id => process.Id;
    public AppFunction[] Functions { get; private set; } = [];

    /// <summary>Completes when the process has ended.</summary>
    public Task Ended => process.WaitForExitAsync();

    public static async Task<Worker> Start(string program, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true };
        var worker = new Worker(Process.Start(start)!);
        var first = await worker.process.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException("The app could not be loaded.");
        var ready = JsonSerializer.Deserialize<Ready>(first, Json)!;
        (worker.Url, worker.Functions) = (ready.Url, ready.Functions);
        _ = Task.Run(worker.ReadAnswers);
        return worker;
    }

    /// <summary>Gives the app the value of its durable client bindings. From then on it serves its HTTP functions.</summary>
    public Task Serve(string durableClient) => Write(new { client = durableClient });

    /// <returns>The result as JSON.</returns>
    /// <exception cref="WorkerException">The function threw.</exception>
    public async Task<string?> Invoke(string function, string? input, string? instanceId)
    {
        var id = Interlocked.Increment(ref lastId);
        var answer = new TaskCompletionSource<string?>(TaskCreationOptions.RunContinuationsAsynchronously);
        open[id] = answer;
        await Write(new { id, function, input, instanceId });
        return await answer.Task;
    }

    async Task Write(object request)
    {
        await writing.WaitAsync();
        try
        {
            await JsonSerializer.SerializeAsync(process.StandardInput.BaseStream, request, Json);
            process.StandardInput.BaseStream.WriteByte((byte)'\n');
            await process.StandardInput.BaseStream.FlushAsync();
        }
        finally
        {
            writing.Release();
        }
    }

    async Task ReadAnswers()
    {
        while (await process.StandardOutput.ReadLineAsync() is { } line)
        {
            var answer = JsonSerializer.Deserialize<Answer>(line, Json)!;
            if (!open.TryRemove(answer.Id, out var waiting)) continue;
            if (answer.Error is null) waiting.SetResult(answer.Result);
            else waiting.SetException(new WorkerException(answer.Error, answer.Stack ?? ""));
        }
        foreach (var waiting in open.Values) waiting.TrySetException(new InvalidOperationException("The process of the app has ended."));
    }

    public void Dispose() => process.StandardInput.Close();
}

/// <summary>The message has the form of the RpcException of the Functions host: the extension takes it apart.</summary>
sealed class WorkerException(string message, string stack) : Exception($"Result: Failure\nException: {message}\nStack: {stack}");
