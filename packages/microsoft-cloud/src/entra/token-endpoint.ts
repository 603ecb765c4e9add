import { type CloudRequest, formOf, json, type Reply } from '../web/http.ts';
import type { World } from '../world.ts';
import { type Authority, findAuthority } from './authority.ts';
import { authenticateClient, type Client } from './client-authentication.ts';
import { grantToApplication, grantToUser, redeemRefreshToken } from './grants.ts';
import type { Codes, DeviceRequests } from './pending.ts';
import { correlationIdOf, entraHeaders, Refusal } from './refusal.ts';
import { questionFromResource, questionFromScope, type TokenQuestion } from './target.ts';

export interface Pending {
  readonly codes: Codes;
  readonly devices: DeviceRequests;
}

const deviceGrants: readonly (string | null)[] = ['urn:ietf:params:oauth:grant-type:device_code', 'device_code'];

/** `POST /{tenant}/oauth2/v2.0/token` and `/{tenant}/oauth2/token`. @throws Refusal */
export async function tokenEndpoint(
  world: World,
  pending: Pending,
  request: CloudRequest,
  tenant: string,
  version: 1 | 2,
): Promise<Reply> {
  const authority = findAuthority(world, tenant);
  const form = formOf(request);
  const grantType = form.get('grant_type');
  if (grantType === null || grantType === '') throw new Refusal(900144, { field: 'grant_type' });
  if (version === 2 && form.has('resource')) throw new Refusal(901002);
  const isApplication = grantType === 'client_credentials';
  const client = await authenticateClient(world, request, form, authority.asked, !isApplication);
  const context: Context = { world, pending, client, authority, version, form };
  const answer = isApplication
    ? await grantToApplication({ ...context, question: questionOf(context) })
    : await userGrant(context, grantType);
  return json(200, answer, entraHeaders(correlationIdOf(request)));
}

interface Context {
  readonly world: World;
  readonly pending: Pending;
  readonly client: Client;
  readonly authority: Authority;
  readonly version: 1 | 2;
  readonly form: URLSearchParams;
}

function userGrant(context: Context, grantType: string): Promise<Readonly<Record<string, unknown>>> {
  const { world, pending, client, form } = context;
  if (grantType === 'refresh_token') {
    const signIn = redeemRefreshToken(world, client, form.get('refresh_token'));
    return grantToUser({ ...context, question: questionOf(context) }, signIn);
  }
  if (grantType === 'authorization_code') {
    const code = pending.codes.redeem(
      form.get('code'),
      client.appId,
      form.get('redirect_uri'),
      form.get('code_verifier'),
    );
    return grantToUser({ ...context, question: questionOf(context, code.scope) }, code.signIn, code.nonce);
  }
  if (deviceGrants.includes(grantType)) {
    const deviceCode = form.get('device_code') ?? form.get('code');
    const device = pending.devices.poll(deviceCode, client.appId, world.settings.deviceCodeIntervalSeconds * 1000);
    return grantToUser({ ...context, question: questionOf(context, device.scope) }, device.outcome);
  }
  throw new Refusal(70003, { grant: grantType });
}

/** @param earlier what the sign-in was asked for: it counts where the token request does not say. */
function questionOf({ world, authority, version, form }: Context, earlier?: string): TokenQuestion {
  const asked = form.get(version === 1 ? 'resource' : 'scope') || earlier;
  if (asked === undefined || asked === '') {
    // A refresh token alone is enough for Entra; what it stands for then is Microsoft Graph.
    if (form.get('grant_type') === 'refresh_token' && version === 2)
      return questionFromScope(world, 'openid offline_access', authority.tenantId);
    throw new Refusal(900144, { field: version === 1 ? 'resource' : 'scope' });
  }
  return version === 1
    ? questionFromResource(world, asked, authority.tenantId)
    : questionFromScope(world, asked, authority.tenantId);
}
