import { defined } from '../../lib/core/objects.ts';
import type { ExecTenant } from './tenant.ts';

/**
 * Variables from which Microsoft's libraries take another identity than the endpoint of the child, in upper case. Sources:
 * "EnvironmentCredential Class", "WorkloadIdentityCredential Class", the managed identity sources of the libraries (App
 * Service, Service Fabric, Azure Arc, Cloud Shell and Azure Machine Learning), and two from before Azure.Identity:
 * "Service-to-service authentication to Azure Key Vault using .NET" and "Azure SDK for Go: authentication with a file".
 * The last ones are the sign-in of a pipeline ("AzurePipelinesCredential Class", "OpenID Connect reference" of GitHub
 * Actions, "Azure CLI task").
 */
const otherIdentities: ReadonlySet<string> = new Set([
  'AZURE_CLIENT_ID',
  'AZURE_TENANT_ID',
  'AZURE_CLIENT_SECRET',
  'AZURE_CLIENT_CERTIFICATE_PATH',
  'AZURE_CLIENT_CERTIFICATE_PASSWORD',
  'AZURE_CERTIFICATE_PATH',
  'AZURE_CERTIFICATE_PASSWORD',
  'AZURE_USERNAME',
  'AZURE_PASSWORD',
  'AZURE_FEDERATED_TOKEN_FILE',
  'AZURE_AUTHORITY_HOST',
  'AZURE_POD_IDENTITY_AUTHORITY_HOST',
  'AZURE_AUTH_LOCATION',
  'AZURESERVICESAUTHCONNECTIONSTRING',
  'DEFAULT_IDENTITY_CLIENT_ID',
  'IDENTITY_SERVER_THUMBPRINT',
  'IMDS_ENDPOINT',
  'MSI_ENDPOINT',
  'MSI_SECRET',
  'ACTIONS_ID_TOKEN_REQUEST_TOKEN',
  'ACTIONS_ID_TOKEN_REQUEST_URL',
  'SYSTEM_ACCESSTOKEN',
  'SYSTEM_OIDCREQUESTURI',
  'SERVICEPRINCIPALID',
  'SERVICEPRINCIPALKEY',
  'IDTOKEN',
]);

/** As above, by their beginning: "AzurePipelinesCredential Class", AzCopy, and the Azure providers of Terraform. */
const ofOtherIdentity = /^(?:AZURESUBSCRIPTION_|AZCOPY_SPA_|ARM_(?!SUBSCRIPTION_ID$|ENVIRONMENT$))/;

/**
 * Variables with which the operator reaches the broker or its storage: a child that had them could reach every tenant. With
 * `PTB_`, also those of an outer `ptb exec`, which may be about another tenant.
 */
const ownAccess =
  /^(?:PTB_.*|BROKER_(?:URL|CLIENT_ID)|CALLER_(?:ID|SECRET|TOKEN)|MANAGED_IDENTITY_CLIENT_ID|AZUREWEBJOBSSTORAGE|NOTIFICATION_(?:(?:SIGNED_)?WEBHOOK|SIGNING_SECRET))$/;

/**
 * Files in which a step of GitHub Actions sets variables and outputs: programs for several tenants would write into them at
 * the same time, and the name of a customer may have a line break.
 */
const filesOfStep = /^GITHUB_(?:ENV|PATH|OUTPUT|STATE)$/;

/** What only this child gets: the address of its endpoints. */
export interface ChildAccess {
  /** Address and header value of the managed identity endpoint ("Use managed identities for App Service", REST reference). */
  readonly identity: { readonly url: string; readonly header: string };
  /** Base of Microsoft Graph for requests through the gateway. Undefined: the child gets tokens. */
  readonly graphUrl?: string | undefined;
  /** Folder for files of this tenant. */
  readonly folder?: string | undefined;
}

/** The variables that every child gets, whatever its tenant. Reading those of this process takes long. */
export type CommonEnvironment = Readonly<Record<string, string | undefined>>;

/**
 * The variables of the operator, without whatever leads to another identity than that of the tenant.
 * AZURE_TOKEN_CREDENTIALS keeps `DefaultAzureCredential` from falling back to the operator's own sign-in if the broker
 * refuses a token ("Credential chains in the Azure Identity library"). Its value is one that the first versions with this
 * variable know, too: they fail for the name of a credential.
 */
export function commonEnvironment(operator: NodeJS.ProcessEnv): CommonEnvironment {
  const kept = Object.entries(operator).filter(([name]) => {
    // Windows ignores the case of names.
    const known = name.toUpperCase();
    return !(
      otherIdentities.has(known) ||
      ofOtherIdentity.test(known) ||
      ownAccess.test(known) ||
      filesOfStep.test(known) ||
      known === 'NO_PROXY'
    );
  });
  const direct = withoutProxy(operator);
  return { ...Object.fromEntries(kept), AZURE_TOKEN_CREDENTIALS: 'prod', NO_PROXY: direct, no_proxy: direct };
}

/** The environment of a child. */
export const childEnvironment = (
  common: CommonEnvironment,
  tenant: ExecTenant,
  { identity, graphUrl, folder }: ChildAccess,
): NodeJS.ProcessEnv =>
  defined({
    ...common,
    IDENTITY_ENDPOINT: identity.url,
    IDENTITY_HEADER: identity.header,
    PTB_TENANT_ID: tenant.tenantId,
    PTB_TENANT_NAME: tenant.name,
    PTB_TENANT_DOMAIN: tenant.defaultDomain,
    PTB_GRAPH_URL: graphUrl,
    PTB_OUTPUT_DIR: folder,
  });

/**
 * The hosts that are reached without the operator's proxy, and the address of the child's endpoints: requests to these
 * contain its secret, and many clients ask the proxy for loopback addresses, too. Clients differ in whether they read
 * NO_PROXY or no_proxy.
 */
function withoutProxy(operator: NodeJS.ProcessEnv): string {
  const given = Object.entries(operator).flatMap(([name, value = '']) =>
    name.toUpperCase() === 'NO_PROXY' ? value.split(',').map((host) => host.trim()) : [],
  );
  // Clients know the star only if it stands alone.
  return given.includes('*') ? '*' : [...new Set([...given.filter((host) => host !== ''), '127.0.0.1'])].join(',');
}
