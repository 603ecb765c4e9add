import type { World } from '../world.ts';
import type { Authority } from './authority.ts';
import type { AuthenticatedClient } from './client-authentication.ts';
import { consentIn } from './consent.ts';
import { authorizeDelegated } from './delegated.ts';
import { entraTime, Refusal } from './refusal.ts';
import { oidcScopes, type RequestedAccess } from './requested-access.ts';
import type { SignIn } from './sign-ins.ts';
import { clientInfo, issueAccessToken, issueIdToken, type IssuedToken } from './tokens.ts';

const hourMs = 3600 * 1000;
/** Source: "Refresh tokens in the Microsoft identity platform": 90 days, 24 hours for single-page apps. */
const inactivityMs = 90 * 24 * hourMs;
const singlePageMs = 24 * hourMs;

interface GrantRequest {
  readonly world: World;
  readonly client: AuthenticatedClient;
  readonly authority: Authority;
  readonly access: RequestedAccess;
  readonly version: 1 | 2;
  readonly form: URLSearchParams;
}

type TokenResponse = Readonly<Record<string, unknown>>;

/**
 * Issues a token for the application itself.
 * @throws Refusal AADSTS50059 without a tenant, 7000229 without a service principal in it, 1002012 for named scopes.
 */
export async function grantToApplication(request: GrantRequest): Promise<TokenResponse> {
  const { world, client, authority, access, version } = request;
  const { target } = access;
  if (authority.isShared) throw new Refusal(50059);
  if (version === 2 && target.namedScopes.length > 0) throw new Refusal(1002012, { scope: access.scope });
  const { customer, tenantId } = authority;
  const { roles, hasPrincipal } = consentIn(world, { clientId: client.appId, target, customer });
  if (!hasPrincipal) throw new Refusal(7000229, { client: client.appId, tenant: tenantId });
  const issued = await issueAccessToken(world, { client, target, tenantId, subject: undefined, permissions: roles });
  return tokenResponse(version, issued, access, []);
}

/** Issues a token for a signed-in user, with a new refresh token. @throws Refusal */
export async function grantToUser(request: GrantRequest, signIn: SignIn, nonce?: string): Promise<TokenResponse> {
  const { world, client, authority, access, version, form } = request;
  const { target } = access;
  const permissions = authorizeDelegated(world, { client, signIn, authority, target });
  const subject = { user: signIn.user, amr: signIn.amr, authTimeMs: signIn.authTimeMs };
  const { tenantId } = authority;
  const issued = await issueAccessToken(world, { client, target, tenantId, subject, permissions });
  const isRefresh = form.get('grant_type') === 'refresh_token';
  return {
    ...tokenResponse(version, issued, access, permissions),
    ...(access.offlineAccess || isRefresh ? { refresh_token: world.signIns.issueRefreshToken(signIn) } : {}),
    ...(access.openid ? { id_token: await issueIdToken(world, { client, subject, tenantId, version, nonce }) } : {}),
    ...(form.get('client_info') === '1' ? { client_info: clientInfo(world, signIn.user) } : {}),
  };
}

/** Version 1.0 returns numbers as text and adds `expires_on` and `resource`. Version 2.0 returns scopes with their resource. */
function tokenResponse(
  version: 1 | 2,
  issued: IssuedToken,
  { target, scope }: RequestedAccess,
  scopes: readonly string[],
): TokenResponse {
  if (version === 1) {
    return {
      token_type: 'Bearer',
      ...(scopes.length === 0 ? {} : { scope: scopes.join(' ') }),
      expires_in: String(issued.expiresInSeconds),
      ext_expires_in: String(issued.expiresInSeconds),
      expires_on: String(issued.expiresOnSeconds),
      not_before: String(issued.notBeforeSeconds),
      resource: target.identifier,
      access_token: issued.token,
    };
  }
  const qualified = scopes.map((value) => (oidcScopes.includes(value) ? value : `${target.identifier}/${value}`));
  const defaultScopes = scope.split(/\s+/).filter((value) => value.endsWith('/.default'));
  return {
    token_type: 'Bearer',
    ...(scopes.length === 0 ? {} : { scope: [...qualified, ...defaultScopes].join(' ') }),
    expires_in: issued.expiresInSeconds,
    ext_expires_in: issued.expiresInSeconds,
    access_token: issued.token,
  };
}

/**
 * Returns the sign-in that a refresh token belongs to.
 * @throws Refusal AADSTS900144 missing, 9002313 malformed, 700007 for another client, 70000 used before in strict mode,
 *   700082 and 700084 expired, 50173 revoked.
 */
export function redeemRefreshToken(world: World, client: AuthenticatedClient, refreshToken: string | null): SignIn {
  if (refreshToken === null || refreshToken === '') throw new Refusal(900144, { field: 'refresh_token' });
  const opened = world.signIns.openRefreshToken(refreshToken);
  if (opened === undefined) throw new Refusal(9002313, {}, 'invalid_grant');
  const { signIn, issuedAtMs, number } = opened;
  if (signIn.clientId !== client.appId) throw new Refusal(700007);
  const nowMs = world.clock.nowMs();
  const issued = entraTime(issuedAtMs);
  if (signIn.isSinglePage && nowMs - signIn.authTimeMs > singlePageMs) throw new Refusal(700084, { issued });
  if (nowMs - issuedAtMs > inactivityMs) throw new Refusal(700082, { issued });
  if (signIn.authTimeMs < signIn.user.validFromMs) {
    throw new Refusal(50173, { issued, validFrom: entraTime(signIn.user.validFromMs) });
  }
  if (world.settings.strictRefreshTokens) {
    if (signIn.redeemedTokenNumbers.has(number)) throw new Refusal(70000);
    signIn.redeemedTokenNumbers.add(number);
  }
  return signIn;
}
