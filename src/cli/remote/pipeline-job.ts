import { BrokerError } from '../../lib/core/errors.ts';
import { parseGuid } from '../../lib/core/identifiers.ts';
import { asObject, textOf } from '../../lib/core/objects.ts';
import { type Fetch, outboundFailure, type OutboundRequest, parseJson, send } from '../../lib/core/outbound.ts';
import { clouds } from '../../lib/core/resources.ts';
import { type EntraFailure, errorOf, judgeTokenReply, type RedeemedToken } from '../../lib/microsoft/token-reply.ts';
import { CommandFailure } from '../command-failure.ts';
import { UsageError } from '../run-program.ts';
import { isLoopback } from './loopback.ts';

/** A job of GitHub Actions or Azure Pipelines, and the application that trusts it (workload identity federation). */
interface PipelineJob {
  readonly tenantId: string;
  readonly clientId: string;
  readonly pipeline: string;
  /** Request for the job's own token, whose answer has it under `property`. */
  readonly request: Pick<OutboundRequest, 'method' | 'url' | 'headers'>;
  readonly property: string;
  /** What the job may lack. */
  readonly nextStep: string;
}

type Variables = Readonly<Record<string, string | undefined>>;

/** Without the permission, a job of GitHub Actions does not have the variables either. */
export const idTokenStep = 'Give the job `permissions: { id-token: write }`.';

const limits = { timeoutMs: 30_000, maxBodyBytes: 256 * 1024 };

/**
 * The job that this program runs in, if its variables name an application. Sources: "OpenID Connect reference" (GitHub
 * Actions), "AzurePipelinesCredential Class", whose variables AzureCLI@2 and AzurePowerShell@5 set for a service connection.
 * @throws UsageError for a client or tenant id that is no GUID, and a wrong address.
 */
export function pipelineJob(variables: Variables): PipelineJob | undefined {
  const {
    ACTIONS_ID_TOKEN_REQUEST_URL: githubUrl = '',
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: githubToken = '',
    SYSTEM_OIDCREQUESTURI: azureUrl = '',
    SYSTEM_ACCESSTOKEN: azureToken = '',
    AZURESUBSCRIPTION_SERVICE_CONNECTION_ID: connection = '',
  } = variables;
  const application = (client: string, tenant: string) => {
    const [clientId = '', tenantId = ''] = [variables[client], variables[tenant]];
    if (clientId === '' || tenantId === '') return undefined;
    for (const [name, value] of [[client, clientId] as const, [tenant, tenantId] as const])
      if (parseGuid(value) === undefined) throw new UsageError(`${name}: is not a GUID.`);
    return { clientId, tenantId };
  };
  const github = githubUrl === '' ? undefined : application('AZURE_CLIENT_ID', 'AZURE_TENANT_ID');
  if (github !== undefined) {
    const url = URL.parse(githubUrl);
    if (url === null) throw new UsageError('ACTIONS_ID_TOKEN_REQUEST_URL: is no address.');
    url.searchParams.set('audience', audienceOf(variables));
    return {
      ...github,
      pipeline: 'GitHub Actions',
      request: { method: 'GET', url: url.href, headers: { authorization: `Bearer ${githubToken}` } },
      property: 'value',
      nextStep: idTokenStep,
    };
  }
  if (azureUrl === '' || azureToken === '' || connection === '') return undefined;
  const azure = application('AZURESUBSCRIPTION_CLIENT_ID', 'AZURESUBSCRIPTION_TENANT_ID');
  if (azure === undefined) return undefined;
  const query = new URLSearchParams({ 'api-version': '7.1', serviceConnectionId: connection });
  return {
    ...azure,
    pipeline: 'Azure Pipelines',
    request: {
      method: 'POST',
      url: `${azureUrl}?${query.toString()}`,
      // Without the second header, a wrong token leads to a sign-in page.
      headers: { authorization: `Bearer ${azureToken}`, 'x-tfs-fedauthredirect': 'Suppress' },
    },
    property: 'oidcToken',
    nextStep: 'Pass SYSTEM_ACCESSTOKEN: $(System.AccessToken) in `env` of the task, and check the service connection.',
  };
}

/** @throws UsageError for an address without https, because the token of the job would travel in the clear. */
function authorityOf({ AZURE_AUTHORITY_HOST: host = '' }: Variables): string {
  if (host === '') return clouds.public.endpoints.entra;
  if (URL.parse(host)?.protocol !== 'https:' && !isLoopback(host))
    throw new UsageError('AZURE_AUTHORITY_HOST: is no https address.');
  return host.replace(/(?<!\/)\/+$/, '');
}

/** The audience that the cloud of the authority wants. */
function audienceOf(variables: Variables): string {
  const authority = authorityOf(variables);
  const cloud = Object.values(clouds).find(({ endpoints }) => endpoints.entra === authority) ?? clouds.public;
  return cloud.federationAudience;
}

/**
 * A token for an application, such as the broker's, which Entra issues for the token of the job. No secret is involved.
 * @throws CommandFailure caller_unauthenticated; BrokerError throttled, entra_unavailable, resource_error; UsageError.
 */
export async function tokenOfJob(
  fetch: Fetch,
  job: PipelineJob,
  { variables, scope, nowMs }: { readonly variables: Variables; readonly scope: string; readonly nowMs: number },
): Promise<Pick<RedeemedToken, 'accessToken' | 'expiresAtMs'>> {
  const { pipeline, tenantId, clientId, nextStep } = job;
  const own = await send(fetch, { ...job.request, ...limits }).catch((thrown: unknown): never => {
    throw outboundFailure(thrown, 'resource_error', pipeline);
  });
  const assertion = own.status === 200 ? textOf(asObject(parseJson(own.body)), job.property) : undefined;
  if (assertion === undefined) {
    const detail = `${pipeline} issued no token for this job (HTTP ${own.status}).`;
    const isRefused = own.status >= 400 && own.status < 500 && own.status !== 429;
    throw isRefused
      ? new CommandFailure('caller_unauthenticated', detail, nextStep)
      : new BrokerError('resource_error', detail);
  }
  const reply = await send(fetch, {
    method: 'POST',
    url: `${authorityOf(variables)}/${tenantId}/oauth2/v2.0/token`,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: clientId,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: assertion,
      scope,
    }).toString(),
    ...limits,
  }).catch((thrown: unknown): never => {
    throw outboundFailure(thrown, 'entra_unavailable', 'Entra');
  });
  const judged = judgeTokenReply(reply, nowMs);
  if (judged.ok) return judged.token;
  const { reach, detail, logFields } = judged.failure;
  if (reach === 'transient') throw errorOf(judged.failure);
  throw new CommandFailure(
    'caller_unauthenticated',
    `Entra issued no token for this job: ${detail}`,
    stepFor(judged.failure, clientId),
    { logFields },
  );
}

/** What to do if Entra refuses the application of a job. */
function stepFor({ code, logFields: { aadsts } }: EntraFailure, clientId: string): string {
  if (code === 'client_credential_rejected')
    return `Compare the federated credential of the application ${clientId} with the job: issuer, subject and audience. docs/call.md has the steps.`;
  if (aadsts === 501051)
    return `Give the application ${clientId} an app role of the broker with \`ptb setup api --principal\`. docs/call.md has the steps.`;
  if (aadsts === 500011) return "Check BROKER_CLIENT_ID: no application of the partner's tenant has this client id.";
  if (aadsts === 700016)
    return `Check the client id ${clientId} and the tenant id: the application is not in that tenant.`;
  return `See why in the sign-in log of the application ${clientId} in Entra, among those of service principals.`;
}
