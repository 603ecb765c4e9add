// Prints the settable properties of the classes that the Functions host binds parts of host.json to, as JSON:
// { "Class": { "Property": "type" } }. It reads the assemblies without running them.
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.Json;

string[] roots =
[
    "Microsoft.Azure.WebJobs.Extensions.DurableTask.DurableTaskOptions",
    "Microsoft.Azure.WebJobs.Extensions.DurableTask.AzureStorageOptions",
    "Microsoft.Azure.WebJobs.Extensions.Http.HttpOptions",
    "Microsoft.ApplicationInsights.WindowsServer.Channel.Implementation.SamplingPercentageEstimatorSettings",
];

string[] frameworks = ["net8.0", "netstandard2.0"];
var libraries = Directory.GetDirectories("packages")
    .Where(package => Path.GetFileName(package).StartsWith("microsoft."))
    .SelectMany(package => Directory.GetDirectories(package))
    .Select(version => frameworks.Select(name => Path.Combine(version, "lib", name)).FirstOrDefault(Directory.Exists))
    .OfType<string>()
    .SelectMany(folder => Directory.GetFiles(folder, "*.dll"))
    .ToArray();
var runtime = Directory.GetFiles(RuntimeEnvironment.GetRuntimeDirectory(), "*.dll");
using var context = new MetadataLoadContext(new PathAssemblyResolver(runtime.Concat(libraries)));
var assemblies = libraries.Select(context.LoadFromAssemblyPath).ToArray();

var classes = new SortedDictionary<string, SortedDictionary<string, string>>(StringComparer.Ordinal);
foreach (var root in roots)
{
    var type = assemblies.Select(assembly => assembly.GetType(root)).OfType<Type>().FirstOrDefault()
        ?? throw new InvalidOperationException($"There is no class {root}.");
    Describe(type);
}
Console.WriteLine(JsonSerializer.Serialize(classes));

void Describe(Type type)
{
    if (!classes.TryAdd(type.FullName!, new(StringComparer.Ordinal))) return;
    foreach (var property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance))
    {
        if (property.SetMethod?.IsPublic == true) classes[type.FullName!][property.Name] = NameOf(property);
    }
}

// A type of an assembly that is not downloaded stays unknown.
string NameOf(PropertyInfo property)
{
    try
    {
        return Name(property.PropertyType);
    }
    catch (FileNotFoundException)
    {
        return "unknown";
    }
}

string Name(Type type)
{
    if (type.IsEnum) return $"enum {string.Join(' ', type.GetFields(BindingFlags.Public | BindingFlags.Static).Select(field => field.Name))}";
    if (type.IsGenericType && type.GetGenericTypeDefinition().FullName == "System.Nullable`1") return Name(type.GetGenericArguments()[0]);
    if (type.Namespace == "System") return type.Name;
    if (type.IsGenericType) return type.Name;
    Describe(type);
    return type.FullName!;
}
