import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CloudClock } from '../clock.ts';
import type { CloudDocument } from '../document.ts';
import type { Entra } from '../entra/entra.ts';
import { Refusal } from '../entra/refusal.ts';
import { findUser, type SignInChoice } from '../entra/sign-in.ts';
import { digestOf } from '../graph/serve/digest.ts';
import type { Engine } from '../graph/serve/engine.ts';
import type { Faults } from '../faults/faults.ts';
import type { Ledger } from '../ledger.ts';
import { parseAgentOptions, registerAgent } from '../population/agents.ts';
import { changeTenant, consentEverywhere, parseTenantChange } from '../population/change-tenant.ts';
import { type CloudRequest, empty, json, jsonObjectOf, type Reply } from '../web/http.ts';
import { readRequest } from '../web/listener.ts';
import { createRouter, type PathParameters, route } from '../web/router.ts';
import type { World } from '../world.ts';
import { pageRoutes } from './page/routes.ts';

interface ControlParts {
  readonly world: World;
  readonly clock: CloudClock;
  readonly ledger: Ledger;
  readonly faults: Faults;
  readonly entra: Entra;
  /** The data of Microsoft Graph. */
  readonly engine: Engine;
  /** PEM of the certificate authority. */
  readonly authority: string;
  readonly document: () => CloudDocument;
  /** Adds the rules and settings of a fault set. @throws RangeError for an unknown name. */
  readonly addFaultSet: (name: string) => void;
  /** Removes every rule and restores the settings that fault sets have changed. */
  readonly clearFaults: () => void;
}

type Handler = (
  parts: ControlParts,
  body: Readonly<Record<string, unknown>>,
  parameters: PathParameters,
  query: URLSearchParams,
) => Reply | Promise<Reply>;

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

const choiceOf = (body: Readonly<Record<string, unknown>>): SignInChoice | 'cancelled' =>
  body['cancel'] === true
    ? 'cancelled'
    : { username: text(body['username']), mfa: body['mfa'] !== false, consent: body['consent'] !== false };

function signIn({ entra }: ControlParts, body: Readonly<Record<string, unknown>>): Reply {
  return json(200, { redirectUrl: entra.signIn(text(body['authorizeUrl']), choiceOf(body)) });
}

function addFault({ faults, addFaultSet }: ControlParts, body: Readonly<Record<string, unknown>>): Reply {
  if (typeof body['set'] !== 'string') return json(201, { id: faults.add(body) });
  addFaultSet(body['set']);
  return json(201, { set: body['set'] });
}

function changeTenantById(
  { world }: ControlParts,
  body: Readonly<Record<string, unknown>>,
  { id = '' }: PathParameters,
): Reply {
  const customer = world.findCustomer(id);
  if (customer === undefined) throw new TypeError(`There is no tenant "${id}".`);
  changeTenant(world, customer, parseTenantChange(body));
  return json(200, { tenantId: customer.tenantId, state: customer.state });
}

function changeAccount(
  { world, clock }: ControlParts,
  body: Readonly<Record<string, unknown>>,
  { username = '' }: PathParameters,
): Reply {
  const user = findUser(world, username);
  if (user === undefined) throw new TypeError(`There is no account "${username}".`);
  if (typeof body['enabled'] === 'boolean') user.accountEnabled = body['enabled'];
  if (body['revoke'] === true) user.validFromMs = clock.nowMs() + 1;
  return json(200, { username: user.userPrincipalName, enabled: user.accountEnabled });
}

const numberSettings = [
  'consentPropagationMs',
  'directoryPropagationMs',
  'keyVaultDelayMs',
  'accessTokenLifetimeSeconds',
  'deviceCodeIntervalSeconds',
] as const;

function changeSettings({ world }: ControlParts, body: Readonly<Record<string, unknown>>): Reply {
  const { settings } = world;
  for (const [name, value] of Object.entries(body)) {
    const numeric = numberSettings.find((each) => each === name);
    if (name === 'strictRefreshTokens' && typeof value === 'boolean') settings.strictRefreshTokens = value;
    else if (numeric !== undefined && typeof value === 'number') settings[numeric] = value;
    else throw new TypeError(`There is no setting "${name}" of this type.`);
  }
  return json(200, settings);
}

function viewOf({ world, engine }: ControlParts, id = ''): ReturnType<Engine['viewOf']> {
  const tenantId = world.isPartner(id) ? world.partner.tenantId : world.findCustomer(id)?.tenantId;
  if (tenantId === undefined) throw new TypeError(`There is no tenant "${id}".`);
  return engine.viewOf(tenantId);
}

/** The digest of what Graph returns of a tenant. */
const digest: Handler = (parts, _body, { id }) => json(200, digestOf(viewOf(parts, id)));

/** The rows of sets of Graph in a tenant, by the path of the set: what its requests return, without tokens and faults. */
const rows: Handler = (parts, _body, { id }, query) => {
  const view = viewOf(parts, id);
  return json(200, Object.fromEntries(query.getAll('path').map((path) => [path, view.rows(path)])));
};

/** The sign-ins that gave tokens for a tenant, as the Entra admin center downloads them. */
const signInLog: Handler = (parts, _body, { id }) => json(200, parts.world.signInLog.of(viewOf(parts, id).tenantId));

const router = createRouter<Handler>([
  ...pageRoutes,
  route('GET', '/ca.pem', ({ authority }) => ({
    status: 200,
    headers: { 'content-type': 'application/x-pem-file' },
    body: authority,
  })),
  route('GET', '/document', ({ document }) => json(200, document())),
  route('GET', '/ledger', ({ ledger }) => json(200, ledger.read())),
  route('DELETE', '/ledger', ({ ledger }) => {
    ledger.reset();
    return empty(204);
  }),
  route('GET', '/faults', ({ faults }) => json(200, { faults: faults.list() })),
  route('POST', '/faults', addFault),
  route('DELETE', '/faults', ({ clearFaults }) => {
    clearFaults();
    return empty(204);
  }),
  route('DELETE', '/faults/{id}', ({ faults }, _body, { id }) => {
    faults.clear(id);
    return empty(204);
  }),
  route('GET', '/clock', ({ clock }) => json(200, { nowMs: clock.nowMs(), aheadMs: clock.aheadMs })),
  route('POST', '/clock', ({ clock }, body) => {
    clock.advance(Number(body['advanceMs']));
    return json(200, { nowMs: clock.nowMs(), aheadMs: clock.aheadMs });
  }),
  route('GET', '/settings', ({ world }) => json(200, world.settings)),
  route('POST', '/settings', changeSettings),
  route('POST', '/sign-in', signIn),
  route('POST', '/device-code', ({ entra }, body) => {
    entra.approveDevice(text(body['userCode']), choiceOf(body));
    return empty(204);
  }),
  route('POST', '/consents', ({ world }) => {
    consentEverywhere(world);
    return empty(204);
  }),
  route('POST', '/tenants/{id}', changeTenantById),
  route('GET', '/tenants/{id}/digest', digest),
  route('GET', '/tenants/{id}/rows', rows),
  route('GET', '/tenants/{id}/sign-in-log', signInLog),
  route('POST', '/accounts/{username}', changeAccount),
  route('POST', '/agents', ({ world }, body) => json(200, registerAgent(world, parseAgentOptions(body)))),
  route('POST', '/keys', async ({ world }) => {
    await world.keys.rotate();
    return empty(204);
  }),
]);

/** Serves the control endpoint, with which tests and people observe and change the cloud. */
export function serveControl(
  current: () => ControlParts,
): (message: IncomingMessage, response: ServerResponse) => Promise<void> {
  return async (message, response) => {
    const reply = await answer(current(), await readRequest(message));
    response.writeHead(reply.status, reply.headers);
    response.end(reply.body);
  };
}

async function answer(parts: ControlParts, request: CloudRequest): Promise<Reply> {
  // Stops DNS rebinding: a web page must not reach this endpoint through a name that resolves to loopback.
  if (!/^(?:localhost|127\.0\.0\.1)(?::\d+)?$/.test(request.headers.host ?? ''))
    return json(403, { error: 'The Host header must be localhost or 127.0.0.1.' });
  // Stops other web pages: a browser sends some of their requests without asking this endpoint first.
  const { origin } = request.headers;
  if (origin !== undefined && origin !== `http://${request.headers.host ?? ''}`)
    return json(403, { error: 'Pages of other origins must not use the control endpoint.' });
  const found = router.find(request.method, request.path);
  if (typeof found === 'string')
    return json(found === 'none' ? 404 : 405, {
      error: `The control endpoint has no ${request.method} ${request.path}.`,
    });
  const body = request.body === '' ? {} : jsonObjectOf(request.body);
  if (body === undefined) return json(400, { error: 'The body must be a JSON object.' });
  try {
    return await found.handler(parts, body, found.parameters, request.query);
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) return json(400, { error: error.message });
    if (error instanceof Refusal) return json(400, { error: error.message, aadsts: error.aadsts });
    throw error;
  }
}
