import type { JWTPayload } from 'jose';
import type { TargetResource } from './requested-access.ts';
import type { World } from '../world.ts';
import type { Authority } from './authority.ts';
import { Refusal } from './refusal.ts';
import type { SignIn } from './sign-ins.ts';
import { verifyAccessToken } from './verify.ts';

/**
 * Entra Agent ID. A blueprint authenticates, and gets a token with which the identity of its agent authenticates in turn.
 * Sources: "Agent autonomous app OAuth flow", "Agent OAuth flows: On behalf of flow", "Token claims reference for agent IDs".
 */

/** A client, of which only an agent has a blueprint. */
interface AgentClient {
  readonly appId: string;
  readonly blueprintAppId?: string;
}

const exchangeAudience = 'api://AzureADTokenExchange';
const hourSeconds = 3600;

/** The grant with which an agent acts for the person whose token it received. */
export const onBehalfOfGrant = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

const exchangeSubject = (tenantId: string, blueprint: string, agent: string): string =>
  `/eid1/c/pub/t/${tenantId}/a/${blueprint}/${agent}`;

/**
 * Answers a request of a blueprint with `fmi_path`: a token for its agent.
 * @throws Refusal AADSTS500011 for another scope, 700016 for an agent that is not one of the blueprint's.
 */
export async function exchangeToken(
  world: World,
  client: AgentClient,
  { tenantId }: Authority,
  form: URLSearchParams,
): Promise<Readonly<Record<string, unknown>>> {
  const scope = form.get('scope') ?? '';
  if (scope.toLowerCase() !== `${exchangeAudience}/.default`.toLowerCase())
    throw new Refusal(500011, { resource: scope, tenant: tenantId });
  const agentId = form.get('fmi_path')?.toLowerCase() ?? '';
  const agent = world.partner.directory.servicePrincipalOf(agentId);
  if (agent?.blueprintAppId !== client.appId) throw new Refusal(700016, { client: agentId, tenant: tenantId });
  const now = Math.floor(world.clock.nowMs() / 1000);
  const token = await world.keys.sign({
    iss: `${world.addresses().entra}/${tenantId}/v2.0`,
    aud: exchangeAudience,
    sub: exchangeSubject(tenantId, client.appId, agentId),
    azp: client.appId,
    idtyp: 'app',
    tid: tenantId,
    ver: '2.0',
    iat: now,
    nbf: now,
    exp: now + hourSeconds,
  });
  return { token_type: 'Bearer', expires_in: hourSeconds, ext_expires_in: hourSeconds, access_token: token };
}

/** Verifies the token that a blueprint got for its agent. @throws Refusal AADSTS700024, 700027, 700212, 700213. */
export async function verifyExchangeToken(
  world: World,
  { appId, blueprintAppId = '' }: AgentClient,
  assertion: string,
): Promise<void> {
  const claims = await verified(world, assertion);
  const { tenantId } = world.partner;
  const values = { issuer: claims.iss ?? '', subject: claims.sub ?? '', audience: String(claims.aud) };
  if (claims.aud !== exchangeAudience) throw new Refusal(700212, values);
  if (claims.sub !== exchangeSubject(tenantId, blueprintAppId, appId)) throw new Refusal(700213, values);
}

async function verified(world: World, token: string): Promise<JWTPayload> {
  const claims = await verifyAccessToken(world, token);
  if (claims === 'expired') throw new Refusal(700024, { now: '', notBefore: '', expires: '' });
  if (claims === 'invalid') throw new Refusal(700027, { thumbprint: '', reason: 'The key was not found.' });
  return claims;
}

/**
 * The person for whom an agent acts: the one of a token that was issued for its blueprint.
 * @throws Refusal AADSTS900144 for a missing field, 700023 for a token for another resource, 50020 for one of no person.
 */
export async function signInOnBehalfOf(
  world: World,
  { appId, blueprintAppId = '' }: AgentClient,
  form: URLSearchParams,
): Promise<SignIn> {
  const assertion = form.get('assertion') ?? '';
  if (assertion === '') throw new Refusal(900144, { field: 'assertion' });
  if (form.get('requested_token_use') !== 'on_behalf_of') throw new Refusal(900144, { field: 'requested_token_use' });
  const { aud, oid, idtyp, amr } = await verified(world, assertion);
  if (aud !== blueprintAppId && aud !== `api://${blueprintAppId}`) throw new Refusal(700023);
  const user = world.partner.directory.users.get(String(oid));
  if (user === undefined || idtyp !== 'user')
    throw new Refusal(50020, { user: String(oid), idp: '', tenant: world.partner.name, app: appId });
  return world.signIns.begin({
    user,
    clientId: appId,
    amr: Array.isArray(amr) ? amr.map(String) : ['pwd'],
    isSinglePage: false,
  });
}

/**
 * What tokens of agents have beside the usual claims. Only the numbers 11 (an agent's identity), and 1 and 7 of `xms_idrel`
 * are explained; 3 and 9 are those of the published example. Several values are separated by blanks, in no order. An
 * application of the partner gets those that it lists in its optional claims, Microsoft's resources get all.
 */
export function agentClaims(
  world: World,
  { appId, blueprintAppId }: AgentClient,
  target: Pick<TargetResource, 'appId'>,
  isUser: boolean,
): JWTPayload {
  const { directory } = world.partner;
  const principal = directory.servicePrincipalOf(appId);
  if (blueprintAppId === undefined || principal?.withoutOptionalClaims === true) return {};
  const claims = {
    xms_act_fct: '3 9 11',
    ...(isUser ? {} : { xms_sub_fct: '9 3 11' }),
    xms_tnt_fct: '3 9',
    xms_idrel: isUser ? '1 10' : '7 10',
    xms_par_app_azp: blueprintAppId,
  };
  const application = [...directory.applications.values()].find((each) => each.appId === target.appId);
  if (application === undefined) return claims;
  const asked = new Set(application.optionalClaims?.accessToken.map(({ name }) => name));
  return Object.fromEntries(Object.entries(claims).filter(([name]) => asked.has(name)));
}
