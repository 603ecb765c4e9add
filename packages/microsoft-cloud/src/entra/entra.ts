import { type CloudRequest, escapeHtml, formOf, html, json, type Reply, type Service } from '../web/http.ts';
import { createRouter, type PathParameters, route, type Router } from '../web/router.ts';
import type { World } from '../world.ts';
import { checkAuthorize, completeSignIn } from './authorize.ts';
import { instanceDiscovery, openidConfiguration } from './discovery.ts';
import {
  adminConsentEndpoint,
  authorizeEndpoint,
  completeDevice,
  deviceCodeEndpoint,
  deviceLoginEndpoint,
  loginEndpoint,
} from './interactive.ts';
import { messagePage } from './pages.ts';
import { createCodes, createDeviceRequests } from './pending.ts';
import { errorBody, Refusal, refusalReply } from './refusal.ts';
import type { SignInChoice } from './sign-in.ts';
import { type Pending, tokenEndpoint } from './token-endpoint.ts';

type Handler = (request: CloudRequest, parameters: PathParameters) => Reply | Promise<Reply>;

const tokenPath = /^\/([^/]+)\/oauth2\/(?:v2\.0\/)?token\/?$/i;

export interface Entra extends Service {
  /** Completes a device code sign-in without the page. @throws Refusal */
  approveDevice(userCode: string, choice: SignInChoice | 'cancelled'): void;
  /**
   * Signs in at an authorization address without the page.
   * @returns where the browser is sent. @throws Refusal where the page would say it. @throws TypeError for another address.
   */
  signIn(authorizeUrl: string, choice: SignInChoice | 'cancelled'): string;
}

/** Microsoft Entra's sign-in service. */
export function createEntra(world: World): Entra {
  const pending: Pending = { codes: createCodes(world.clock), devices: createDeviceRequests(world.clock) };
  const router = createEntraRouter(world, pending);
  const refuse = (request: CloudRequest, refusal: Refusal): Reply =>
    isPageRequest(request)
      ? html(
          400,
          messagePage(
            'Sorry, but we’re having trouble signing you in',
            escapeHtml(
              String(errorBody(refusal, '', world.clock.nowMs(), world.addresses().entra)['error_description']),
            ),
          ),
        )
      : refusalReply(request, refusal, world.clock.nowMs(), world.addresses().entra);
  return {
    name: 'entra',
    identify: (request) => identify(world, request),
    refuse: (request, aadsts) => refuse(request, new Refusal(aadsts, valuesOf(request))),
    signIn: (authorizeUrl, choice) => signInAt(world, pending, authorizeUrl, choice),
    approveDevice: (userCode, choice) => void completeDevice(world, pending, userCode, choice),
    handle: async (request) => {
      const found = router.find(request.method, request.path);
      try {
        if (found === 'none') return unknownPage(request);
        if (found === 'method') throw new Refusal(900561, { expected: 'POST', method: request.method });
        return await found.handler(request, found.parameters);
      } catch (error) {
        if (error instanceof Refusal) return refuse(request, error);
        throw error;
      }
    },
  };
}

function createEntraRouter(world: World, pending: Pending): Router<Handler> {
  const version = (name: string): 1 | 2 => (name === '/v2.0' ? 2 : 1);
  const both = (
    method: string,
    end: string,
    handle: (request: CloudRequest, tenant: string, version: 1 | 2) => Reply | Promise<Reply>,
  ) =>
    ['/v2.0', ''].map((middle) =>
      route<Handler>(method, `/{tenant}/oauth2${middle}/${end}`, (request, { tenant = '' }) =>
        handle(request, tenant, version(middle)),
      ),
    );
  const get = (pattern: string, handle: Handler) => route<Handler>('GET', pattern, handle);
  const adminConsent: Handler = (request, { tenant = '' }) => adminConsentEndpoint(world, request, tenant);
  const keys: Handler = () => json(200, { keys: world.keys.published() });
  return createRouter<Handler>([
    ...both('POST', 'token', (request, tenant, v) => tokenEndpoint(world, pending, request, tenant, v)),
    ...both('GET', 'authorize', (request, tenant, v) => authorizeEndpoint(world, request, tenant, v)),
    ...both('POST', 'authorize', (request, tenant, v) => authorizeEndpoint(world, request, tenant, v)),
    ...both('POST', 'devicecode', (request, tenant, v) => deviceCodeEndpoint(world, pending, request, tenant, v)),
    ...both('GET', 'logout', () => html(200, messagePage('Signed out', 'You signed out of your account.'))),
    route('POST', '/{tenant}/login', (request, { tenant = '' }) => loginEndpoint(world, pending, request, tenant)),
    get('/devicelogin', (request) => deviceLoginEndpoint(world, pending, request)),
    route('POST', '/devicelogin', (request) => deviceLoginEndpoint(world, pending, request)),
    ...['/{tenant}/adminconsent', '/{tenant}/v2.0/adminconsent'].flatMap((pattern) => [
      get(pattern, adminConsent),
      route('POST', pattern, adminConsent),
    ]),
    get('/{tenant}/v2.0/.well-known/openid-configuration', (_request, { tenant = '' }) =>
      json(200, openidConfiguration(world, tenant, 2)),
    ),
    get('/{tenant}/.well-known/openid-configuration', (_request, { tenant = '' }) =>
      json(200, openidConfiguration(world, tenant, 1)),
    ),
    get('/{tenant}/discovery/v2.0/keys', keys),
    get('/{tenant}/discovery/keys', keys),
    get('/{tenant}/discovery/instance', () => json(200, instanceDiscovery(world))),
  ]);
}

function signInAt(world: World, pending: Pending, authorizeUrl: string, choice: SignInChoice | 'cancelled'): string {
  const url = URL.canParse(authorizeUrl) ? new URL(authorizeUrl) : undefined;
  const match = /^\/([^/]+)\/oauth2\/(v2\.0\/)?authorize\/?$/i.exec(url?.pathname ?? '');
  if (url === undefined || match === null) throw new TypeError('That is not an authorization address.');
  const checked = checkAuthorize(world, match[1] ?? '', match[2] === undefined ? 1 : 2, url.searchParams);
  const location = completeSignIn(world, pending, checked, choice).headers?.['location'];
  if (location === undefined)
    throw new TypeError('The answer to this sign-in is a page, not a redirection: use response_mode=query.');
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
  const asked =
    form.get('resource') ??
    form
      .get('scope')
      ?.split(/\s+/)
      .find((scope) => scope.includes('/')) ??
    '';
  if (asked !== '') request.facts.resource = asked.replace(/\/\.default$/, '').replace(/\/$/, '');
}

function valuesOf(request: CloudRequest): Readonly<Record<string, string>> {
  const form = formOf(request);
  return {
    client: form.get('client_id') ?? '',
    tenant: request.facts.tenantId ?? '',
    resource: request.facts.resource ?? '',
  };
}
