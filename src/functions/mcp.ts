import { HttpRequest } from '@azure/functions';
import { authorityOfCallers, type Services } from '../composition.ts';
import type { Call } from '../lib/api/call.ts';
import { answerCaller } from '../lib/api/pipeline.ts';
import { type Answer, problemAnswer } from '../lib/api/route.ts';
import type { Ask, RouteRequest } from '../lib/api/mcp/tool.ts';
import { BrokerError } from '../lib/core/errors.ts';
import { once } from '../lib/core/single-flight.ts';
import { jobRegistry } from './job-registry.ts';
import type { ProtectedResource } from './mcp-document.ts';
import { rotateIfOverdue } from './rotation.ts';
import { boundRoutes, route } from './route.ts';

const mcpPath = '/mcp';
/** Functions serves everything below `/api`, so the document is not where RFC 9728 section 3.1 would put it. A 401 names it. */
const metadataPath = '/.well-known/oauth-protected-resource';

/** Their texts are longer than those of other routes, so they are not part of the start. */
const loadDocuments = () => import('./mcp-document.ts');

/** The address of this app at the time of a request, without a path. */
const originOf = (url: string): string => new URL(url).origin;

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
  access: ['Requests.Send', 'Tenants.Read', 'Runs.Read', 'Runs.Write'],
  rawBody: true,
  durable: true,
  refusesWebPages: true,
  challenge,
  failures: ['audit_unavailable'],
  document: async () => (await loadDocuments()).documentMcp(),
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
const loadMcp = once(() => import('../lib/api/mcp/mcp.ts'));

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
    document: async () => (await loadDocuments()).documentMetadata(),
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
