// Hosts the durable functions of an app on Microsoft's extension. `DurableEngine APP NODE WORKER…`: the folder of the app, the
// program that runs it, and its arguments. Prints one line of JSON when it is ready. Ends with its parent.
using Microsoft.Azure.WebJobs;
using Microsoft.Azure.WebJobs.Extensions.DurableTask;
using Microsoft.Azure.WebJobs.Host.Config;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

// A parent that is killed cannot end this process, but its pipe closes.
new Thread(() => { Console.In.ReadToEnd(); Environment.Exit(1); }) { IsBackground = true }.Start();

var (app, program, arguments) = (args[0], args[1], args[2..]);
using var worker = await Worker.Start(program, arguments);
AppMethods.Worker = worker;
var hostJson = new ConfigurationBuilder().AddJsonFile(Path.Combine(Path.GetFullPath(app), "host.json")).Build();

using var host = new HostBuilder()
    .ConfigureAppConfiguration(configuration => configuration.AddEnvironmentVariables())
    .ConfigureLogging(logging => logging
        .SetMinimumLevel(LogLevel.Warning)
        .AddSimpleConsole(console => console.SingleLine = true)
        .Services.Configure<ConsoleLoggerOptions>(options => options.LogToStandardErrorThreshold = LogLevel.Trace))
    .ConfigureWebJobs(webJobs =>
    {
        webJobs.Services.AddSingleton<ITypeLocator>(new Types([typeof(AppMethods), AppMethods.For(worker.Functions)]));
#pragma warning disable CS0618 // The extension knows no other way to learn its address.
        webJobs.Services.AddSingleton<IWebHookProvider>(new WebHooks(new Uri(worker.Url)));
#pragma warning restore CS0618
        webJobs.AddDurableTask(options => hostJson.GetSection("extensions:durableTask").Bind(options));
    })
    .Build();
TimeSpan? Seconds(string name) =>
    Environment.GetEnvironmentVariable(name) is { } seconds ? TimeSpan.FromSeconds(double.Parse(seconds)) : null;
EngineSettings.Set(
    host.Services.GetRequiredService<IDurabilityProviderFactory>(),
    Seconds("DURABLE_ENGINE_RECOVERY_SECONDS"),
    Seconds("DURABLE_ENGINE_BALANCE_SECONDS"));
await host.StartAsync();

var client = new TaskCompletionSource<string>();
await host.Services.GetRequiredService<IJobHost>().CallAsync(AppMethods.ClientFunction, new Dictionary<string, object> { ["value"] = client });
await worker.Serve(await client.Task);
Console.WriteLine($$"""{"url":"{{worker.Url}}","workerPid":{{worker.Id}}}""");

var stopped = host.WaitForShutdownAsync();
return await Task.WhenAny(worker.Ended, stopped) == stopped ? 0 : 1;

sealed class Types(IReadOnlyList<Type> types) : ITypeLocator
{
    public IReadOnlyList<Type> GetTypes() => types;
}

#pragma warning disable CS0618
sealed class WebHooks(Uri url) : IWebHookProvider
{
    public Uri GetUrl(IExtensionConfigProvider extension) => new(url, "/runtime/webhooks/durabletask");
}
#pragma warning restore CS0618
