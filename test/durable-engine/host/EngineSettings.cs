using System.Reflection;
using DurableTask.AzureStorage;
using Microsoft.Azure.WebJobs.Extensions.DurableTask;

/// <summary>Settings that host.json does not have, or that the extension refuses there.</summary>
static class EngineSettings
{
    /// <param name="recovery">
    /// How soon another process takes over the work of this one after a kill. The extension refuses less than a minute in host.json.
    /// </param>
    /// <param name="balance">How often processes look whether they should take queues from each other, instead of every ten seconds.</param>
    public static void Set(IDurabilityProviderFactory factory, TimeSpan? recovery, TimeSpan? balance)
    {
        const BindingFlags Hidden = BindingFlags.Instance | BindingFlags.NonPublic;
        // The factory makes the settings when it makes the service, which copies some of them.
        factory.GetType().GetMethod("EnsureDefaultClientSettingsInitialized", Hidden)!.Invoke(factory, null);
        var settings = (AzureStorageOrchestrationServiceSettings)factory.GetType().GetField("defaultSettings", Hidden)!.GetValue(factory)!;
        // The default is the name of the machine: two processes on one would take each other for themselves.
        settings.WorkerId = $"{Environment.MachineName}-{Environment.ProcessId}";
        if (balance is { } often)
        {
            settings.LeaseRenewInterval = often;
            settings.LeaseAcquireInterval = often;
        }
        if (recovery is not { } time) return;
        settings.ControlQueueVisibilityTimeout = time;
        settings.WorkItemQueueVisibilityTimeout = time;
        settings.LeaseInterval = time;
    }
}
