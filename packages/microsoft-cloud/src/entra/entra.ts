import {
  type CloudRequest,
  empty,
  escapeHtml,
  formOf,
  headerOf,
  html,
  json,
  type Reply,
  type Service,
} from '../web/http.ts';
import { createRouter, type PathParameters, route, type Router } from '../web/router.ts';
import type { World } from '../world.ts';
import { completeSignIn, parseAuthorizeRequest } from './authorize.ts';
import type { EntraContext } from './context.ts';
import { instanceDiscovery, openidConfiguration } from './discovery.ts';
import {
  adminConsentEndpoint,
  authorizeEndpoint,
  completeDeviceSignIn,
  deviceCodeEndpoint,
  deviceLoginEndpoint,
  loginEndpoint,
  logoutEndpoint,
} from './interactive.ts';
import { messagePage } from './pages.ts';
import { createPendingSignIns, type PendingSignIns } from './pending.ts';
import { corsHeaders } from './cors.ts';
import { errorBody, Refusal, refusalReply } from './refusal.ts';
import { createBrowserSessions } from './sessions.ts';
import type { SignInChoice } from './sign-in.ts';
import { tokenEndpoint } from './token-endpoint.ts';

type Handler = (request: CloudRequest, parameters: PathParameters) => Reply | Promise<Reply>;

const tokenPath = /^\/([^/]+)\/oauth2\/(?:v2\.0\/)?token\/?$/i;

export interface Entra extends Service {
  /** Completes a device code sign-in without the page. @throws Refusal */
  approveDevice(userCode: string, choice: SignInChoice | 'cancelled'): void;
  /**
   * Signs in at an authorization address without the page.
   * @returns the address that the browser is redirected to.
   * @throws Refusal where the page would show an error.
   * @throws TypeError for an address that is not an authorization address, or a response that is not a redirect.
   */
  signIn(authorizeUrl: string, choice: SignInChoice | 'cancelled'): string;
}

/** The sign-in service of Microsoft Entra. */
export function createEntra(world: World): Entra {
  const pending = createPendingSignIns(world.clock);
  const router = createEntraRouter(world, pending);
  return {
    name: 'entra',
    identify: (request) => identify(world, request),
    refuse: (request, aadsts, text) => errorReply(world, request, new Refusal(aadsts, { ...valuesOf(request), text })),
    signIn: (authorizeUrl, choice) => signInAt(world, pending, authorizeUrl, choice),
    approveDevice: (userCode, choice) => void completeDeviceSignIn(world, pending, userCode, choice),
    handle: async (request) => {
      const found = router.find(request.method, request.path);
      try {
        if (found === 'none') return unknownPage(request);
        if (found === 'method') throw new Refusal(900561, { expected: 'POST', method: request.method });
        return await found.handler(request, found.parameters);
      } catch (error) {
        if (error instanceof Refusal) return errorReply(world, request, error);
        throw error;
      }
    },
  };
}

/** An error page for addresses that a browser opens, JSON for the others. */
function errorReply(world: World, request: CloudRequest, refusal: Refusal): Reply {
  const nowMs = world.clock.nowMs();
  const { entra } = world.addresses();
  if (!isPageRequest(request)) {
    const reply = refusalReply(request, refusal, nowMs, entra);
    return { ...reply, headers: { ...reply.headers, ...corsHeaders(world, request) } };
  }
  const text = escapeHtml(String(errorBody(refusal, '', nowMs, entra)['error_description']));
  return html(400, messagePage('Sorry, but we’re having trouble signing you in', text));
}

/** The preflight request of a browser (Fetch standard, CORS protocol). It does not name the client. */
const preflight: Endpoint = ({ request }) =>
  empty(200, {
    'access-control-allow-origin': headerOf(request, 'origin') ?? '*',
    vary: 'Origin',
    'access-control-allow-methods': 'POST, OPTIONS',
    'access-control-allow-headers': headerOf(request, 'access-control-request-headers') ?? 'content-type',
  });

type Endpoint = (context: EntraContext) => Reply | Promise<Reply>;

function createEntraRouter(world: World, pending: PendingSignIns): Router<Handler> {
  const shared = { world, pending, sessions: createBrowserSessions(() => world.clock.nowMs()) };
  const endpoint = (method: string, pattern: string, handle: Endpoint, version: 1 | 2 = 2) =>
    route<Handler>(method, pattern, (request, { tenant = '' }) => handle({ ...shared, request, tenant, version }));
  const bothVersions = (method: string, end: string, handle: Endpoint) => [
    endpoint(method, `/{tenant}/oauth2/v2.0/${end}`, handle, 2),
    endpoint(method, `/{tenant}/oauth2/${end}`, handle, 1),
  ];
  // Public, so pages of every origin may read them.
  const readable = { 'access-control-allow-origin': '*' };
  const keys: Endpoint = () => json(200, { keys: world.keys.published() }, readable);
  const configuration: Endpoint = ({ tenant, version }) =>
    json(200, openidConfiguration(world, tenant, version), readable);
  return createRouter<Handler>([
    ...bothVersions('POST', 'token', tokenEndpoint),
    ...bothVersions('OPTIONS', 'token', preflight),
    ...bothVersions('GET', 'authorize', authorizeEndpoint),
    ...bothVersions('POST', 'authorize', authorizeEndpoint),
    ...bothVersions('POST', 'devicecode', deviceCodeEndpoint),
    ...bothVersions('GET', 'logout', logoutEndpoint),
    endpoint('POST', '/{tenant}/login', loginEndpoint),
    endpoint('GET', '/devicelogin', deviceLoginEndpoint),
    endpoint('POST', '/devicelogin', deviceLoginEndpoint),
    ...['/{tenant}/adminconsent', '/{tenant}/v2.0/adminconsent'].flatMap((pattern) => [
      endpoint('GET', pattern, adminConsentEndpoint),
      endpoint('POST', pattern, adminConsentEndpoint),
    ]),
    endpoint('GET', '/{tenant}/v2.0/.well-known/openid-configuration', configuration, 2),
    endpoint('GET', '/{tenant}/.well-known/openid-configuration', configuration, 1),
    endpoint('GET', '/{tenant}/discovery/v2.0/keys', keys),
    endpoint('GET', '/{tenant}/discovery/keys', keys),
    endpoint('GET', '/{tenant}/discovery/instance', () => json(200, instanceDiscovery(world))),
  ]);
}

function signInAt(
  world: World,
  pending: PendingSignIns,
  authorizeUrl: string,
  choice: SignInChoice | 'cancelled',
): string {
  const url = URL.canParse(authorizeUrl) ? new URL(authorizeUrl) : undefined;
  const match = /^\/([^/]+)\/oauth2\/(v2\.0\/)?authorize\/?$/i.exec(url?.pathname ?? '');
  if (url === undefined || match === null)
    throw new TypeError('authorizeUrl is not the address of an authorization endpoint.');
  const request = parseAuthorizeRequest(world, match[1] ?? '', match[2] === undefined ? 1 : 2, url.searchParams);
  const location = completeSignIn(world, pending, request, choice).headers?.['location'];
  if (location === undefined)
    throw new TypeError('This sign-in ends with a page instead of a redirect. Use response_mode=query.');
  return location;
}

const isPageRequest = ({ path }: CloudRequest): boolean =>
  /\/(?:authorize|login|devicelogin|adminconsent)\/?$/i.test(path);

function unknownPage(request: CloudRequest): Reply {
  request.facts.unmatched = true;
  return html(404, messagePage('404', 'The page does not exist.'));
}

function identify(world: World, request: CloudRequest): void {
  const match = tokenPath.exec(request.path);
  if (match === null || request.method !== 'POST') return;
  const form = formOf(request);
  const tenant = (match[1] ?? '').toLowerCase();
  request.facts.tenantId = world.isPartner(tenant)
    ? world.partner.tenantId
    : (world.findCustomer(tenant)?.tenantId ?? tenant);
  request.facts.grant = form.get('grant_type') ?? '';
  const resource = form.get('resource') ?? firstResourceScope(form) ?? '';
  if (resource !== '') request.facts.resource = resource.replace(/\/\.default$/, '').replace(/\/$/, '');
}

const firstResourceScope = (form: URLSearchParams): string | undefined =>
  form
    .get('scope')
    ?.split(/\s+/)
    .find((scope) => scope.includes('/'));

/** The values of a token request that error texts mention. */
function valuesOf(request: CloudRequest): Readonly<Record<string, string>> {
  const form = formOf(request);
  return {
    client: form.get('client_id') ?? '',
    tenant: request.facts.tenantId ?? '',
    resource: request.facts.resource ?? '',
  };
}
