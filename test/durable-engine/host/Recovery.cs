using System.Reflection;
using DurableTask.AzureStorage;
using Microsoft.Azure.WebJobs.Extensions.DurableTask;

/// <summary>
/// How soon another process takes over the work of one that was killed. The extension refuses less than a minute, for which a
/// test would have to wait.
/// </summary>
static class Recovery
{
    public static void After(TimeSpan time, IDurabilityProviderFactory factory)
    {
        factory.GetDurabilityProvider();
        var field = factory.GetType().GetField("defaultSettings", BindingFlags.Instance | BindingFlags.NonPublic);
        var settings = (AzureStorageOrchestrationServiceSettings)field!.GetValue(factory)!;
        settings.ControlQueueVisibilityTimeout = time;
        settings.WorkItemQueueVisibilityTimeout = time;
        settings.LeaseInterval = time;
        settings.LeaseRenewInterval = time / 3;
        settings.LeaseAcquireInterval = time / 3;
    }
}
