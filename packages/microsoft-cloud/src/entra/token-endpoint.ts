import { type CloudRequest, formOf, headerOf, json, type Reply } from '../web/http.ts';
import { exchangeToken, onBehalfOfGrant, signInOnBehalfOf } from './agents.ts';
import { type Authority, findAuthority } from './authority.ts';
import { type AuthenticatedClient, authenticateClient } from './client-authentication.ts';
import type { EntraContext } from './context.ts';
import { corsHeaders } from './cors.ts';
import { grantToApplication, grantToUser, redeemRefreshToken } from './grants.ts';
import { correlationIdOf, entraHeaders, Refusal } from './refusal.ts';
import { accessFromResource, accessFromScope, type RequestedAccess, signInAccess } from './requested-access.ts';
import type { SignIn } from './sign-ins.ts';

const deviceGrants: readonly (string | null)[] = ['urn:ietf:params:oauth:grant-type:device_code', 'device_code'];

/** An authenticated token request. */
interface TokenContext extends EntraContext {
  readonly client: AuthenticatedClient;
  readonly authority: Authority;
  readonly form: URLSearchParams;
}

/** `POST /{tenant}/oauth2/v2.0/token` and `/{tenant}/oauth2/token`. @throws Refusal */
export async function tokenEndpoint(context: EntraContext): Promise<Reply> {
  const { world, request, tenant, version } = context;
  const authority = findAuthority(world, tenant);
  const form = formOf(request);
  const grantType = form.get('grant_type');
  if (grantType === null || grantType === '') throw new Refusal(900144, { field: 'grant_type' });
  if (version === 2 && form.has('resource')) throw new Refusal(901002);
  const isApplication = grantType === 'client_credentials';
  const client = await authenticateClient(world, request, authority.name, !isApplication);
  const tokenContext: TokenContext = { ...context, client, authority, form };
  const response = !isApplication
    ? await userGrant(tokenContext, grantType)
    : form.has('fmi_path')
      ? await exchangeToken(world, client, authority, form)
      : await grantToApplication({ ...tokenContext, access: requestedAccess(tokenContext) });
  return json(200, response, { ...entraHeaders(correlationIdOf(request)), ...corsHeaders(world, request) });
}

/**
 * Only single-page apps redeem in a browser, which sends `Origin`. Browsers and their CORS rules enforce the same.
 * @throws Refusal AADSTS9002327 for a sign-in of a single-page app without `Origin`, 9002326 for another one with it,
 *   7000218 for another one without the credential that the client must present.
 */
function checkOrigin(request: CloudRequest, { needsSinglePage }: AuthenticatedClient, { isSinglePage }: SignIn): void {
  const origin = headerOf(request, 'origin');
  if (isSinglePage && origin === undefined) throw new Refusal(9002327);
  if (!isSinglePage && origin !== undefined) throw new Refusal(9002326, { origin });
  if (!isSinglePage && needsSinglePage) throw new Refusal(7000218);
}

async function userGrant(context: TokenContext, grantType: string): Promise<Readonly<Record<string, unknown>>> {
  const { world, pending, client, form, authority, request } = context;
  if (grantType === onBehalfOfGrant && client.blueprintAppId !== undefined)
    return grantToUser({ ...context, access: requestedAccess(context) }, await signInOnBehalfOf(world, client, form));
  if (grantType === 'refresh_token') {
    const signIn = redeemRefreshToken(world, client, form.get('refresh_token'));
    checkOrigin(request, client, signIn);
    return grantToUser({ ...context, access: requestedAccess(context) }, signIn);
  }
  if (grantType === 'authorization_code') {
    const code = pending.codes.redeem({
      code: form.get('code'),
      clientId: client.appId,
      tenantId: authority.tenantId,
      redirectUri: form.get('redirect_uri'),
      verifier: form.get('code_verifier'),
    });
    checkOrigin(request, client, code.signIn);
    if (code.signIn.isSinglePage && code.challenge === undefined) throw new Refusal(9002325);
    return grantToUser({ ...context, access: requestedAccess(context, code.scope) }, code.signIn, code.nonce);
  }
  if (deviceGrants.includes(grantType)) {
    const deviceCode = form.get('device_code') ?? form.get('code');
    if (client.needsSinglePage) throw new Refusal(7000218);
    const device = pending.devices.poll(deviceCode, client.appId, world.settings.deviceCodeIntervalSeconds * 1000);
    return grantToUser({ ...context, access: requestedAccess(context, device.scope) }, device.outcome);
  }
  throw new Refusal(70003, { grant: grantType });
}

/** @param signInScope the scope of the sign-in, used if the token request has none. */
function requestedAccess({ world, authority, version, form }: TokenContext, signInScope?: string): RequestedAccess {
  const field = version === 1 ? 'resource' : 'scope';
  const requested = form.get(field) || signInScope;
  const read = form.get(field) ? accessFromScope : signInAccess;
  if (requested === undefined || requested === '') {
    // Entra accepts a refresh token without a scope and then issues a token for Microsoft Graph.
    if (form.get('grant_type') === 'refresh_token' && version === 2)
      return accessFromScope(world, 'openid offline_access', authority.tenantId);
    throw new Refusal(900144, { field });
  }
  return version === 1
    ? accessFromResource(world, requested, authority.tenantId)
    : read(world, requested, authority.tenantId);
}
