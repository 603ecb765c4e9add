import type { World } from '../world.ts';
import type { Authority } from './authority.ts';
import type { Client } from './client-authentication.ts';
import { consentIn } from './consent.ts';
import { authorizeDelegated } from './delegated.ts';
import { entraTime, Refusal } from './refusal.ts';
import type { SignIn } from './sign-ins.ts';
import type { TokenQuestion } from './target.ts';
import { clientInfo, issueAccessToken, issueIdToken, type IssuedToken } from './tokens.ts';

const hourMs = 3600 * 1000;
/** Source: "Refresh tokens in the Microsoft identity platform": 90 days, 24 hours for single-page apps. */
const inactivityMs = 90 * 24 * hourMs;
const singlePageMs = 24 * hourMs;

export interface GrantRequest {
  readonly world: World;
  readonly client: Client;
  readonly authority: Authority;
  readonly question: TokenQuestion;
  readonly version: 1 | 2;
  readonly form: URLSearchParams;
}

type TokenAnswer = Readonly<Record<string, unknown>>;

/** The application's own token. @throws Refusal AADSTS7000229 without a service principal there, 50059 without a tenant. */
export async function grantToApplication({
  world,
  client,
  authority,
  question,
  version,
}: GrantRequest): Promise<TokenAnswer> {
  const { customer } = authority;
  if (authority.shared) throw new Refusal(50059);
  if (version === 2 && question.target.named.length > 0) throw new Refusal(70011, { scope: question.scope });
  const { roles, present } = consentIn(world, client.appId, question.target, customer);
  if (!present) throw new Refusal(7000229, { client: client.appId, tenant: authority.tenantId });
  const issued = await issueAccessToken(world, {
    client,
    target: question.target,
    tenantId: authority.tenantId,
    subject: undefined,
    permissions: roles,
  });
  return answerOf(version, issued, question, []);
}

/** A token for the signed-in user, with a new refresh token. */
export async function grantToUser(request: GrantRequest, signIn: SignIn, nonce?: string): Promise<TokenAnswer> {
  const { world, client, authority, question, version, form } = request;
  const scopes = authorizeDelegated(world, client, signIn, authority, question.target);
  const subject = { user: signIn.user, amr: signIn.amr, authTimeMs: signIn.authTimeMs };
  const { tenantId } = authority;
  const issued = await issueAccessToken(world, {
    client,
    target: question.target,
    tenantId,
    subject,
    permissions: scopes,
  });
  const isRenewal = form.get('grant_type') === 'refresh_token';
  return {
    ...answerOf(version, issued, question, scopes),
    ...(question.offline || isRenewal ? { refresh_token: world.signIns.issueRefreshToken(signIn) } : {}),
    ...(question.openid ? { id_token: await issueIdToken(world, client, subject, tenantId, version, nonce) } : {}),
    ...(form.get('client_info') === '1' ? { client_info: clientInfo(world, signIn.user) } : {}),
  };
}

/** v1.0 answers numbers as text and adds `expires_on` and `resource`; v2.0 says the scopes in full. */
function answerOf(
  version: 1 | 2,
  issued: IssuedToken,
  { target, scope }: TokenQuestion,
  scopes: readonly string[],
): TokenAnswer {
  if (version === 1) {
    return {
      token_type: 'Bearer',
      ...(scopes.length === 0 ? {} : { scope: scopes.join(' ') }),
      expires_in: String(issued.expiresInSeconds),
      ext_expires_in: String(issued.expiresInSeconds),
      expires_on: String(issued.expiresOnSeconds),
      not_before: String(issued.notBeforeSeconds),
      resource: target.asked,
      access_token: issued.token,
    };
  }
  const named = scopes.map((value) =>
    ['openid', 'profile', 'email', 'offline_access'].includes(value) ? value : `${target.asked}/${value}`,
  );
  const asked = scope.split(/\s+/).filter((value) => value.endsWith('/.default'));
  return {
    token_type: 'Bearer',
    ...(scopes.length === 0 ? {} : { scope: [...named, ...asked].join(' ') }),
    expires_in: issued.expiresInSeconds,
    ext_expires_in: issued.expiresInSeconds,
    access_token: issued.token,
  };
}

/**
 * The sign-in that a refresh token stands for.
 * @throws Refusal AADSTS9002313, 70000, 700082, 700084, 50173 or, in strict mode, 54005's sibling 70000 for a used one.
 */
export function redeemRefreshToken(world: World, client: Client, refreshToken: string | null): SignIn {
  if (refreshToken === null || refreshToken === '') throw new Refusal(900144, { field: 'refresh_token' });
  const opened = world.signIns.openRefreshToken(refreshToken);
  if (opened === undefined) throw new Refusal(9002313, {}, 'invalid_grant');
  const { signIn, issuedAtMs, number } = opened;
  if (signIn.clientId !== client.appId) throw new Refusal(70000);
  const nowMs = world.clock.nowMs();
  const issued = entraTime(issuedAtMs);
  if (signIn.singlePage && nowMs - signIn.authTimeMs > singlePageMs) throw new Refusal(700084, { issued });
  if (nowMs - issuedAtMs > inactivityMs) throw new Refusal(700082, { issued });
  if (signIn.authTimeMs < signIn.user.validFromMs) {
    throw new Refusal(50173, { issued, validFrom: entraTime(signIn.user.validFromMs) });
  }
  if (world.settings.strictRefreshTokens) {
    if (signIn.used.has(number)) throw new Refusal(70000);
    signIn.used.add(number);
  }
  return signIn;
}
