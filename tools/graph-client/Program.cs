// Signs in as an application and reads users, an object that does not exist, and the parts of a batch. The result is one
// line of JSON. Arguments: Entra, Graph, tenant id, client id. The secret is in the environment.
using System.Text.Json;
using Azure.Identity;
using Microsoft.Graph;
using Microsoft.Graph.Authentication;
using Microsoft.Graph.Models.ODataErrors;

var (entra, graph, tenant, client) = (args[0], args[1], args[2], args[3]);
var secret = Environment.GetEnvironmentVariable("CLIENT_SECRET");
var credential = new ClientSecretCredential(tenant, client, secret, new ClientSecretCredentialOptions
{
    AuthorityHost = new Uri(entra),
    DisableInstanceDiscovery = true,
});
var provider = new AzureIdentityAuthenticationProvider(
    credential,
    allowedHosts: [new Uri(graph).Host],
    isCaeEnabled: false,
    scopes: ["https://graph.microsoft.com/.default"]);
using var service = new GraphServiceClient(provider, $"{graph}/v1.0");

var names = new List<string?>();
var page = await service.Users.GetAsync(request =>
{
    request.QueryParameters.Select = ["id", "userPrincipalName"];
    request.QueryParameters.Top = 3;
});
var pages = PageIterator<Microsoft.Graph.Models.User, Microsoft.Graph.Models.UserCollectionResponse>.CreatePageIterator(
    service,
    page!,
    user =>
    {
        names.Add(user.UserPrincipalName);
        return true;
    });
await pages.IterateAsync();

string? failure;
try
{
    await service.Users["nobody"].GetAsync();
    failure = null;
}
catch (ODataError error)
{
    failure = $"{error.ResponseStatusCode} {error.Error?.Code}";
}

var batch = new BatchRequestContentCollection(service);
var organization = await batch.AddBatchRequestStepAsync(service.Organization.ToGetRequestInformation());
var replies = await service.Batch.PostAsync(batch);
var found = await replies.GetResponseByIdAsync<Microsoft.Graph.Models.OrganizationCollectionResponse>(organization);

Console.WriteLine(JsonSerializer.Serialize(new { names, failure, organization = found.Value?[0].Id }));
