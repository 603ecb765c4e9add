import { type CloudRequest, escapeHtml, formOf, html, json, redirect, type Reply } from '../web/http.ts';
import type { World } from '../world.ts';
import { findAuthority } from './authority.ts';
import { checkAuthorize, completeSignIn, showSignIn } from './authorize.ts';
import { findClient } from './client-authentication.ts';
import { adminConsentPage, devicePage, messagePage } from './pages.ts';
import { deviceCodeLifetimeSeconds } from './pending.ts';
import { correlationIdOf, entraHeaders, Refusal } from './refusal.ts';
import { consentForAll, findUser, signInWith, type SignInChoice } from './sign-in.ts';
import { questionFromResource, questionFromScope } from './target.ts';
import type { Pending } from './token-endpoint.ts';

function choiceOf(form: URLSearchParams): SignInChoice | 'cancelled' {
  if (form.get('choice') === 'cancel') return 'cancelled';
  return {
    username: form.get('username') ?? '',
    mfa: form.get('mfa') !== 'no',
    consent: form.get('consent') === 'yes',
  };
}

/** `GET` and `POST /{tenant}/oauth2[/v2.0]/authorize`: shows the page. @throws Refusal */
export function authorizeEndpoint(world: World, request: CloudRequest, tenant: string, version: 1 | 2): Reply {
  const parameters = request.method === 'POST' ? formOf(request) : request.query;
  const checked = checkAuthorize(world, tenant, version, parameters);
  return showSignIn(world, checked, `/${tenant}/login?version=${version}`);
}

/** `POST /{tenant}/login`: what the person chose. @throws Refusal */
export function loginEndpoint(world: World, pending: Pending, request: CloudRequest, tenant: string): Reply {
  const form = formOf(request);
  const version = request.query.get('version') === '1' ? 1 : 2;
  const checked = checkAuthorize(world, tenant, version, new URLSearchParams(form.get('ctx') ?? ''));
  return completeSignIn(world, pending, checked, choiceOf(form));
}

/** `POST /{tenant}/oauth2[/v2.0]/devicecode`. @throws Refusal */
export function deviceCodeEndpoint(
  world: World,
  pending: Pending,
  request: CloudRequest,
  tenant: string,
  version: 1 | 2,
): Reply {
  const authority = findAuthority(world, tenant);
  const form = request.method === 'POST' ? formOf(request) : request.query;
  const client = findClient(world, (form.get('client_id') ?? '').toLowerCase(), authority.asked);
  const scope = form.get(version === 1 ? 'resource' : 'scope') ?? '';
  if (scope === '') throw new Refusal(900144, { field: version === 1 ? 'resource' : 'scope' });
  const device = pending.devices.begin(client.appId, scope);
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

/** `GET` and `POST /devicelogin`: where the person types the code. */
export function deviceLoginEndpoint(world: World, pending: Pending, request: CloudRequest): Reply {
  if (request.method === 'GET')
    return html(200, devicePage(world, request.query.get('user_code') ?? '', '/devicelogin'));
  const form = formOf(request);
  const outcome = completeDevice(world, pending, form.get('user_code') ?? '', choiceOf(form));
  return html(
    outcome === 'signed in' ? 200 : 400,
    messagePage('Device sign-in', escapeHtml(`You are ${outcome}. You can close this window.`)),
  );
}

/** @returns what to tell the person. @throws Refusal AADSTS70018 for an unknown or expired code, and those of the sign-in. */
export function completeDevice(
  world: World,
  pending: Pending,
  userCode: string,
  choice: SignInChoice | 'cancelled',
): 'signed in' | 'not signed in' {
  const device = pending.devices.findByUserCode(userCode);
  if (device === undefined) throw new Refusal(70018);
  if (choice === 'cancelled') {
    device.outcome = 'declined';
    return 'not signed in';
  }
  const client = findClient(world, device.clientId, world.partner.tenantId);
  const isResource =
    !device.scope.includes(' ') && !device.scope.includes('/.default') && device.scope.startsWith('https://');
  const question = isResource
    ? questionFromResource(world, device.scope, world.partner.tenantId)
    : questionFromScope(world, device.scope, world.partner.tenantId);
  device.outcome = signInWith(world, client, question.target, choice, false);
  return 'signed in';
}

/** `/{tenant}/adminconsent` and `/{tenant}/v2.0/adminconsent`. @throws Refusal */
export function adminConsentEndpoint(world: World, request: CloudRequest, tenant: string): Reply {
  const form = formOf(request);
  const parameters = request.method === 'POST' ? new URLSearchParams(form.get('ctx') ?? '') : request.query;
  const authority = findAuthority(world, tenant);
  const clientId = (parameters.get('client_id') ?? '').toLowerCase();
  const client = findClient(world, clientId, authority.asked);
  if (request.method === 'GET') return html(200, adminConsentPage(world, client.displayName, parameters, request.path));
  const choice = choiceOf(form);
  const state = parameters.get('state');
  const values = new URLSearchParams(state === null ? {} : { state });
  if (choice === 'cancelled' || findUser(world, choice.username)?.isAdmin !== true) {
    values.set('error', 'access_denied');
    values.set('error_description', 'AADSTS65004: User declined to consent to access the app.');
  } else {
    consentForAll(world, client);
    values.set('admin_consent', 'True');
    values.set('tenant', authority.tenantId);
  }
  const target = parameters.get('redirect_uri');
  // Checked as at the authorization endpoint: consent must not become an open redirect.
  if (target !== null)
    checkAuthorize(
      world,
      tenant,
      1,
      new URLSearchParams({ client_id: clientId, redirect_uri: target, response_type: 'code' }),
    );
  return target === null ? html(200, messagePage('Consent', 'Done.')) : redirect(`${target}?${values.toString()}`);
}
