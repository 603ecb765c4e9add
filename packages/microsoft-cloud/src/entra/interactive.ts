import { escapeHtml, formOf, html, json, redirect, type Reply } from '../web/http.ts';
import type { World } from '../world.ts';
import { findAuthority } from './authority.ts';
import { completeSignIn, parseAuthorizeRequest, startSignIn } from './authorize.ts';
import { findClient } from './client-authentication.ts';
import type { EntraContext } from './context.ts';
import { adminConsentPage, devicePage, messagePage } from './pages.ts';
import { deviceCodeLifetimeSeconds, type PendingSignIns } from './pending.ts';
import { redirectKind } from './redirect-address.ts';
import { correlationIdOf, entraHeaders, Refusal } from './refusal.ts';
import { accessFromResource, accessFromScope } from './requested-access.ts';
import { findUser, grantAdminConsent, type SignInChoice, signInUser } from './sign-in.ts';

function choiceOf(form: URLSearchParams): SignInChoice | 'cancelled' {
  if (form.get('choice') === 'cancel') return 'cancelled';
  return {
    username: form.get('username') ?? '',
    mfa: form.get('mfa') !== 'no',
    consent: form.get('consent') === 'yes',
  };
}

/** `GET` and `POST /{tenant}/oauth2[/v2.0]/authorize`: signs in, or shows the sign-in page. @throws Refusal */
export function authorizeEndpoint({ world, pending, sessions, request, tenant, version }: EntraContext): Reply {
  const parameters = request.method === 'POST' ? formOf(request) : request.query;
  const parsed = parseAuthorizeRequest(world, tenant, version, parameters);
  const action = `/${tenant}/login?version=${version}`;
  return startSignIn(world, pending, parsed, { session: sessions.find(request), action });
}

/** `POST /{tenant}/login`: receives the form of the sign-in page. @throws Refusal */
export function loginEndpoint({ world, pending, sessions, request, tenant }: EntraContext): Reply {
  const form = formOf(request);
  const version = request.query.get('version') === '1' ? 1 : 2;
  const parsed = parseAuthorizeRequest(world, tenant, version, new URLSearchParams(form.get('ctx') ?? ''));
  const choice = choiceOf(form);
  const reply = completeSignIn(world, pending, parsed, choice);
  const user = choice === 'cancelled' ? undefined : findUser(world, choice.username);
  if (choice === 'cancelled' || user?.accountEnabled !== true) return reply;
  return sessions.begin(request, reply, { user, mfa: choice.mfa });
}

/**
 * `GET /{tenant}/oauth2[/v2.0]/logout`: ends the session of the browser. Returns to `post_logout_redirect_uri` if an
 * application registers it as a redirect address ("Send a sign-out request").
 */
export function logoutEndpoint({ world, sessions, request }: EntraContext): Reply {
  const address = request.query.get('post_logout_redirect_uri') ?? '';
  const applications = [...world.partner.directory.applications.values()];
  const isRegistered = applications.some((application) => redirectKind(application, address) !== undefined);
  const page = html(200, messagePage('Signed out', 'You signed out of your account.'));
  return sessions.end(request, isRegistered ? redirect(address) : page);
}

/** `POST /{tenant}/oauth2[/v2.0]/devicecode`. @throws Refusal */
export function deviceCodeEndpoint({ world, pending, request, tenant, version }: EntraContext): Reply {
  const authority = findAuthority(world, tenant);
  const form = request.method === 'POST' ? formOf(request) : request.query;
  const client = findClient(world, (form.get('client_id') ?? '').toLowerCase(), authority.name);
  const field = version === 1 ? 'resource' : 'scope';
  const scope = form.get(field) ?? '';
  if (scope === '') throw new Refusal(900144, { field });
  const device = pending.devices.begin({ clientId: client.appId, scope, version });
  const address = `${world.addresses().entra}/devicelogin`;
  const message = `To sign in, use a web browser to open the page ${address} and enter the code ${device.userCode} to authenticate.`;
  const interval = world.settings.deviceCodeIntervalSeconds;
  const numbers = { expires_in: deviceCodeLifetimeSeconds, interval };
  const asText = { expires_in: String(deviceCodeLifetimeSeconds), interval: String(interval) };
  return json(
    200,
    {
      user_code: device.userCode,
      device_code: device.deviceCode,
      ...(version === 1 ? { verification_url: address, ...asText } : { verification_uri: address, ...numbers }),
      message,
    },
    entraHeaders(correlationIdOf(request)),
  );
}

/** `GET` and `POST /devicelogin`: the page on which a person types the user code. @throws Refusal */
export function deviceLoginEndpoint({ world, pending, request }: EntraContext): Reply {
  if (request.method === 'GET')
    return html(200, devicePage(world, request.query.get('user_code') ?? '', '/devicelogin'));
  const form = formOf(request);
  const outcome = completeDeviceSignIn(world, pending, form.get('user_code') ?? '', choiceOf(form));
  return html(
    outcome === 'signed in' ? 200 : 400,
    messagePage('Device sign-in', escapeHtml(`You are ${outcome}. You can close this window.`)),
  );
}

/**
 * Signs a person in, or declines, for a device code.
 * @throws Refusal AADSTS70018 for an unknown or expired user code, and those of `signInUser`.
 */
export function completeDeviceSignIn(
  world: World,
  pending: PendingSignIns,
  userCode: string,
  choice: SignInChoice | 'cancelled',
): 'signed in' | 'not signed in' {
  const device = pending.devices.findByUserCode(userCode);
  if (device === undefined) throw new Refusal(70018);
  if (choice === 'cancelled') {
    device.outcome = 'declined';
    return 'not signed in';
  }
  const { tenantId } = world.partner;
  const client = findClient(world, device.clientId, tenantId);
  const read = device.version === 1 ? accessFromResource : accessFromScope;
  const { target } = read(world, device.scope, tenantId);
  device.outcome = signInUser(world, { client, target, isSinglePage: false }, choice);
  return 'signed in';
}

/** `/{tenant}/adminconsent` and `/{tenant}/v2.0/adminconsent`. @throws Refusal */
export function adminConsentEndpoint({ world, request, tenant }: EntraContext): Reply {
  const form = formOf(request);
  const parameters = request.method === 'POST' ? new URLSearchParams(form.get('ctx') ?? '') : request.query;
  const authority = findAuthority(world, tenant);
  const clientId = (parameters.get('client_id') ?? '').toLowerCase();
  const client = findClient(world, clientId, authority.name);
  if (request.method === 'GET') return html(200, adminConsentPage(world, client.displayName, parameters, request.path));
  const choice = choiceOf(form);
  const state = parameters.get('state');
  const values = new URLSearchParams(state === null ? {} : { state });
  if (choice === 'cancelled' || findUser(world, choice.username)?.isAdmin !== true) {
    values.set('error', 'access_denied');
    values.set('error_description', 'AADSTS65004: User declined to consent to access the app.');
  } else {
    grantAdminConsent(world, client);
    values.set('admin_consent', 'True');
    values.set('tenant', authority.tenantId);
  }
  const redirectUri = parameters.get('redirect_uri');
  if (redirectUri === null) return html(200, messagePage('Consent', 'Done.'));
  // Validated as at the authorization endpoint, so that this endpoint is no open redirect.
  const check = new URLSearchParams({ client_id: clientId, redirect_uri: redirectUri, response_type: 'code' });
  parseAuthorizeRequest(world, tenant, 1, check);
  return redirect(`${redirectUri}?${values.toString()}`);
}
