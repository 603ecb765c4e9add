using System.Reflection;
using System.Reflection.Emit;
using Microsoft.Azure.WebJobs;
using Microsoft.Azure.WebJobs.Extensions.DurableTask;
using Newtonsoft.Json;

/// <summary>
/// A class with one static method for each durable function of the app, because the WebJobs SDK finds functions by reflection.
/// The Functions host does the same for its workers. The value of a trigger is its JSON text.
/// </summary>
public static class AppMethods
{
    /// <summary>Set before a method is called.</summary>
    internal static Worker Worker { get; set; } = null!;

    static readonly JsonSerializerSettings NoDates = new() { DateParseHandling = DateParseHandling.None };

    /// <summary>
    /// The body of all methods. The extension calls an orchestrator on a scheduler with one thread, and blocks it: the work must be
    /// on another.
    /// </summary>
    public static Task<object?> Invoke(string function, string? input, string? instanceId) => Task.Run(async () =>
        await Worker.Invoke(function, input, instanceId) is { } json ? JsonConvert.DeserializeObject(json, NoDates) : null);

    /// <summary>Lets the extension write the value of a durable client binding.</summary>
    [NoAutomaticTrigger, FunctionName(ClientFunction)]
    public static void ReadClient([DurableClient] string client, TaskCompletionSource<string> value) => value.SetResult(client);

    public const string ClientFunction = "durable-client-value";

    internal static Type For(IEnumerable<AppFunction> functions)
    {
        var assembly = AssemblyBuilder.DefineDynamicAssembly(new("App"), AssemblyBuilderAccess.Run);
        var type = assembly.DefineDynamicModule("App").DefineType("AppFunctions", TypeAttributes.Public | TypeAttributes.Abstract | TypeAttributes.Sealed);
        foreach (var function in functions) Define(type, function);
        return type.CreateType();
    }

    static void Define(TypeBuilder type, AppFunction function)
    {
        var isActivity = function.Kind == "activityTrigger";
        Type[] parameters = isActivity ? [typeof(string), typeof(string)] : [typeof(string)];
        var method = type.DefineMethod(
            function.Name.Replace('-', '_'), MethodAttributes.Public | MethodAttributes.Static, typeof(Task<object>), parameters);
        method.SetCustomAttribute(Attribute<FunctionNameAttribute>([typeof(string)], function.Name));
        method.DefineParameter(1, ParameterAttributes.None, "input").SetCustomAttribute(
            isActivity ? Attribute<ActivityTriggerAttribute>([]) : Attribute<OrchestrationTriggerAttribute>([]));
        if (isActivity) method.DefineParameter(2, ParameterAttributes.None, "instanceId");
        var code = method.GetILGenerator();
        code.Emit(OpCodes.Ldstr, function.Name);
        code.Emit(OpCodes.Ldarg_0);
        code.Emit(isActivity ? OpCodes.Ldarg_1 : OpCodes.Ldnull);
        code.Emit(OpCodes.Call, typeof(AppMethods).GetMethod(nameof(Invoke))!);
        code.Emit(OpCodes.Ret);
    }

    static CustomAttributeBuilder Attribute<T>(Type[] types, params object[] values) => new(typeof(T).GetConstructor(types)!, values);
}
