import { HttpRequest } from '@azure/functions';
import { authorityOfCallers, type Services } from '../composition.ts';
import type { Call } from '../lib/api/call.ts';
import type { ProtectedResource } from '../lib/api/answers/shared.ts';
import { exampleTenantId } from '../lib/api/examples.ts';
import { answerCaller } from '../lib/api/pipeline.ts';
import { type Answer, jsonContent, problemAnswer, type RouteDocument } from '../lib/api/route.ts';
import type { Ask, RouteRequest } from '../lib/api/mcp/tool.ts';
import { BrokerError } from '../lib/core/errors.ts';
import { once } from '../lib/core/single-flight.ts';
import { jobRegistry } from './job-registry.ts';
import { rotateIfOverdue } from './rotation.ts';
import { boundRoutes, route } from './route.ts';

const mcpPath = '/mcp';
/** Functions serves everything below `/api`, so the document is not where RFC 9728 section 3.1 would put it. A 401 names it. */
const metadataPath = '/.well-known/oauth-protected-resource';

/** The address of this app at the time of a request, without a path. A host may have quotes, which would end a text of a header. */
const originOf = (url: string): string => new URL(url).origin.replaceAll('"', '%22');

/** RFC 9728 section 5.1, and "Scope Selection Strategy" of the MCP specification of 2026-07-28. */
function challenge(url: string): string {
  const settings = authorityOfCallers();
  const scope = typeof settings === 'string' ? '' : `, scope="${settings.scope}"`;
  return `Bearer resource_metadata="${originOf(url)}/api${metadataPath}"${scope}`;
}

const definition = {
  name: 'mcp',
  method: 'POST',
  furtherMethods: ['GET', 'DELETE'],
  path: mcpPath,
  // Each tool asks the route that it stands for, which checks the role that it needs.
  access: ['Requests.Send', 'Tenants.Read', 'Runs.Read', 'Runs.Write', 'Changes.Plan'],
  rawBody: true,
  durable: true,
  refusesWebPages: true,
  challenge,
  failures: ['audit_unavailable'],
  document: documentMcp,
} as const;

/** The Model Context Protocol: tools for agents, each of which is a request to a route of this API by the same caller. */
route(definition, async (services, call): Promise<Answer> => {
  rotateIfOverdue(services);
  const { callTool, clientNameOf, serveMcp } = await loadMcp();
  const { request, body, caller, correlationId, log } = call;
  const { method, url, headers } = request;
  const ask = askAs(services, call);
  return serveMcp(
    {
      roles: caller.roles,
      log,
      call: (tool, given, message) => {
        const client = clientNameOf(message, headers.get('user-agent'));
        const deps = { ...services, jobs: jobRegistry };
        return callTool(deps, tool, given, { ask, client, caller, correlationId, log, route: definition });
      },
    },
    { method, url, headers, body },
  );
});

/** Loaded at the first request, to keep start-up short. */
const loadMcp = once(() => import('../lib/api/mcp/serve-mcp.ts'));

/** Sends requests to routes of this app, as the caller of a tool. */
const askAs =
  (services: Services, { request, ...admitted }: Call<typeof definition>): Ask =>
  async (asked) => {
    const bound = boundRoutes().find(({ definition: { name } }) => name === asked.route);
    if (bound === undefined) throw new Error(`there is no route ${asked.route}`);
    const { method, path } = bound.definition;
    const inner = requestOf(asked, method, addressOf(asked, path, originOf(request.url)));
    const answer = await answerCaller(services, bound, { ...admitted, request: inner });
    const text = answer.jsonBody === undefined ? textOf(answer.body) : JSON.stringify(answer.jsonBody);
    return { status: answer.status, headers: answer.headers ?? {}, text };
  };

/** @throws BrokerError request_invalid */
function addressOf({ path = {}, rest = '' }: RouteRequest, pattern: string, origin: string): string {
  const filled = pattern
    .replace('/{*path}', () => rest)
    .replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(path[name] ?? ''));
  const url = `${origin}/api${filled}`;
  if (URL.canParse(url)) return url;
  throw new BrokerError('request_invalid', 'path: is not a path of an address.');
}

function requestOf({ path = {}, query, headers = {}, body }: RouteRequest, method: string, url: string): HttpRequest {
  const options = Object.entries(query ?? {}).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return new HttpRequest({
    method,
    url,
    headers: { ...headers },
    params: { ...path },
    ...(query === undefined ? {} : { query: Object.fromEntries(options) }),
    ...(body === undefined ? {} : { body: { string: JSON.stringify(body) } }),
  });
}

const textOf = (body: Answer['body']): string =>
  typeof body === 'string' ? body : Buffer.from(body ?? new Uint8Array()).toString('utf8');

route(
  {
    name: 'mcp-metadata',
    method: 'GET',
    path: metadataPath,
    access: 'anonymous',
    failures: ['config_invalid'],
    document: documentMetadata,
  },
  async (_services, { request, correlationId }) => {
    const settings = authorityOfCallers();
    if (typeof settings === 'string') return problemAnswer(new BrokerError('config_invalid', settings), correlationId);
    const { entraEndpoint, tenantId, scope } = settings;
    return {
      status: 200,
      headers: { 'cache-control': 'no-store' },
      jsonBody: {
        resource: `${originOf(request.url)}/api${mcpPath}`,
        resource_name: 'Partner Token Broker',
        authorization_servers: [`${entraEndpoint}/${tenantId}/v2.0`],
        scopes_supported: [scope],
        bearer_methods_supported: ['header'],
      } satisfies ProtectedResource,
    };
  },
);

async function documentMcp(): Promise<RouteDocument> {
  const { mcpMessageSchema } = await import('../lib/api/answers/shared.ts');
  const error = { jsonrpc: '2.0', error: { code: -32_700, message: 'The body is not JSON in UTF-8.' }, id: null };
  const refusals = [
    [400, 'A message that cannot be read or that does not fit its revision of the protocol, or a batch.'],
    [404, 'An unknown method of the revision 2026-07-28.'],
    [405, 'Any method but POST: there are no sessions.'],
    [415, 'A body that is not `application/json`.'],
  ] as const;
  return {
    group: 'Agents',
    summary: 'Model Context Protocol for agents',
    description:
      'Tools for AI agents, as one message of the Model Context Protocol (streamable HTTP, revisions 2026-07-28, 2025-11-25 and 2025-06-18) per request, without a session. Each tool stands for a route of this API and needs its role; a caller sees the tools that its roles open. No tool changes data of a customer. Each call of a tool is on record, with what the client calls itself, before the tool does anything. Results are at most about 40 kB, and mark what comes from customers. A failure of a tool is a result with `isError`. Requests with the header `Origin` are refused.',
    bodyExample: { jsonrpc: '2.0', id: 1, method: 'tools/list' },
    answers: [
      {
        status: 200,
        description: 'The answer to the message.',
        contents: [
          jsonContent(mcpMessageSchema, { jsonrpc: '2.0', id: 1, result: { tools: [] } }),
          { mediaType: 'text/event-stream' },
        ],
      },
      { status: 202, description: 'The message was a notification.', contents: [] },
      ...refusals.map(([status, description]) => ({
        status,
        description,
        contents: [jsonContent(mcpMessageSchema, error)],
      })),
    ],
  };
}

async function documentMetadata(): Promise<RouteDocument> {
  const { protectedResourceSchema } = await import('../lib/api/answers/shared.ts');
  const example = {
    resource: 'https://NAME.azurewebsites.net/api/mcp',
    resource_name: 'Partner Token Broker',
    authorization_servers: [`https://login.microsoftonline.com/${exampleTenantId}/v2.0`],
    scopes_supported: [`api://${exampleTenantId}/partner-token-broker-prod/access_as_user`],
    bearer_methods_supported: ['header'],
  };
  return {
    group: 'Pages',
    summary: 'How MCP clients sign in',
    description:
      'The metadata of the MCP endpoint as a protected resource (RFC 9728): the authority and the scope of a token. The challenge of a 401 at `/api/mcp` names this address.',
    answers: [{ status: 200, description: 'The metadata.', contents: [jsonContent(protectedResourceSchema, example)] }],
  };
}
