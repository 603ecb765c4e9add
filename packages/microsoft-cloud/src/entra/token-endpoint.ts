import { formOf, json, type Reply } from '../web/http.ts';
import { type Authority, findAuthority } from './authority.ts';
import { type AuthenticatedClient, authenticateClient } from './client-authentication.ts';
import type { EntraContext } from './context.ts';
import { grantToApplication, grantToUser, redeemRefreshToken } from './grants.ts';
import { correlationIdOf, entraHeaders, Refusal } from './refusal.ts';
import { accessFromResource, accessFromScope, type RequestedAccess } from './requested-access.ts';

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
  const response = isApplication
    ? await grantToApplication({ ...tokenContext, access: requestedAccess(tokenContext) })
    : await userGrant(tokenContext, grantType);
  return json(200, response, entraHeaders(correlationIdOf(request)));
}

function userGrant(context: TokenContext, grantType: string): Promise<Readonly<Record<string, unknown>>> {
  const { world, pending, client, form } = context;
  if (grantType === 'refresh_token') {
    const signIn = redeemRefreshToken(world, client, form.get('refresh_token'));
    return grantToUser({ ...context, access: requestedAccess(context) }, signIn);
  }
  if (grantType === 'authorization_code') {
    const code = pending.codes.redeem(
      form.get('code'),
      client.appId,
      form.get('redirect_uri'),
      form.get('code_verifier'),
    );
    return grantToUser({ ...context, access: requestedAccess(context, code.scope) }, code.signIn, code.nonce);
  }
  if (deviceGrants.includes(grantType)) {
    const deviceCode = form.get('device_code') ?? form.get('code');
    const device = pending.devices.poll(deviceCode, client.appId, world.settings.deviceCodeIntervalSeconds * 1000);
    return grantToUser({ ...context, access: requestedAccess(context, device.scope) }, device.outcome);
  }
  throw new Refusal(70003, { grant: grantType });
}

/** @param signInScope the scope of the sign-in, used if the token request has none. */
function requestedAccess({ world, authority, version, form }: TokenContext, signInScope?: string): RequestedAccess {
  const field = version === 1 ? 'resource' : 'scope';
  const requested = form.get(field) || signInScope;
  if (requested === undefined || requested === '') {
    // Entra accepts a refresh token without a scope and then issues a token for Microsoft Graph.
    if (form.get('grant_type') === 'refresh_token' && version === 2)
      return accessFromScope(world, 'openid offline_access', authority.tenantId);
    throw new Refusal(900144, { field });
  }
  return version === 1
    ? accessFromResource(world, requested, authority.tenantId)
    : accessFromScope(world, requested, authority.tenantId);
}
