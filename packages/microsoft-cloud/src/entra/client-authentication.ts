import { publicClients } from '../directory/microsoft-resources.ts';
import type { Application } from '../directory/records.ts';
import { sha256Hex } from '../directory/tenant-directory.ts';
import { type CloudRequest, formOf, headerOf } from '../web/http.ts';
import type { World } from '../world.ts';
import { verifyExchangeToken } from './agents.ts';
import { verifyAssertion } from './assertion.ts';
import { isSharedAuthority } from './authority.ts';
import { Refusal } from './refusal.ts';

/** The application that requests a token. */
export interface ClientApplication {
  readonly appId: string;
  readonly displayName: string;
  /** Absent for Microsoft's own public clients, which are not registered in the tenant. */
  readonly application: Application | undefined;
  /** Application id of the blueprint of an agent. */
  readonly blueprintAppId?: string;
}

export interface AuthenticatedClient extends ClientApplication {
  /** `appidacr` of the token: 0 public client, 1 secret, 2 assertion. */
  readonly proof: 0 | 1 | 2;
  /** The client presented no credential, and its registration permits that to single-page sign-ins only. */
  readonly needsSinglePage?: true;
}

/** @throws Refusal AADSTS700016 for an unknown client, 50194 for a single-tenant client at a shared authority. */
export function findClient(world: World, clientId: string, tenant: string): ClientApplication {
  const publicClientName = publicClients[clientId];
  if (publicClientName !== undefined) return { appId: clientId, displayName: publicClientName, application: undefined };
  const application = [...world.partner.directory.applications.values()].find((each) => each.appId === clientId);
  const agent = application === undefined ? world.partner.directory.servicePrincipalOf(clientId) : undefined;
  // Identities of agents belong to one tenant.
  if (agent?.blueprintAppId !== undefined && world.isPartner(tenant))
    return {
      appId: clientId,
      displayName: agent.displayName,
      application: undefined,
      blueprintAppId: agent.blueprintAppId,
    };
  if (application === undefined) throw new Refusal(700016, { client: clientId, tenant });
  if (application.signInAudience === 'AzureADMyOrg' && !world.isPartner(tenant)) {
    const number = isSharedAuthority(tenant) ? 50194 : 700016;
    throw new Refusal(number, { client: clientId, app: application.displayName, tenant });
  }
  return { appId: clientId, displayName: application.displayName, application };
}

interface PresentedCredentials {
  readonly clientId: string | undefined;
  readonly secret: string | undefined;
  readonly assertion: string | undefined;
}

/** RFC 6749 section 2.3.1: credentials in the body, or form-encoded in a Basic header. */
function presentedCredentials(request: CloudRequest, form: URLSearchParams): PresentedCredentials {
  const basic = /^Basic +(\S+)$/i.exec(headerOf(request, 'authorization') ?? '')?.[1];
  const [id, secret] =
    basic === undefined ? [] : Buffer.from(basic, 'base64').toString('utf8').split(':').map(formDecode);
  return {
    clientId: (form.get('client_id') ?? id)?.toLowerCase(),
    secret: form.get('client_secret') ?? secret,
    assertion: form.get('client_assertion') ?? undefined,
  };
}

const formDecode = (text: string): string => new URLSearchParams(`value=${text}`).get('value') ?? '';

const deviceCodeGrant = 'urn:ietf:params:oauth:grant-type:device_code';
const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/**
 * Authenticates the client of a token request.
 * @param isPublicAllowed whether a public client may use the grant without credentials.
 * @throws Refusal AADSTS7000xx, 7000112 and 7000215 to 7000222.
 */
export async function authenticateClient(
  world: World,
  request: CloudRequest,
  tenant: string,
  isPublicAllowed: boolean,
): Promise<AuthenticatedClient> {
  const form = formOf(request);
  const { clientId, secret, assertion } = presentedCredentials(request, form);
  if (clientId === undefined || clientId === '') throw new Refusal(900144, { field: 'client_id' });
  const client = findClient(world, clientId, tenant);
  const { application } = client;
  const isDisabled = world.partner.directory.servicePrincipalOf(clientId)?.accountEnabled === false;
  if (client.blueprintAppId !== undefined) {
    if (isDisabled) throw new Refusal(7000112, { client: clientId, app: client.displayName });
    if (assertion === undefined) throw new Refusal(7000218);
    await verifyExchangeToken(world, client, assertion);
    return { ...client, proof: 2 };
  }
  if (application === undefined) {
    if (secret !== undefined || assertion !== undefined) throw new Refusal(700025);
    if (!isPublicAllowed) throw new Refusal(7000218);
    return { ...client, proof: 0 };
  }
  if (isDisabled) throw new Refusal(7000112, { client: clientId, app: client.displayName });
  if (assertion !== undefined) {
    if (form.get('client_assertion_type') !== assertionType)
      throw new Refusal(900144, { field: 'client_assertion_type' });
    await verifyAssertion(world, application, assertion, tenant);
    return { ...client, proof: 2 };
  }
  if (secret !== undefined) {
    checkSecret(application, secret, world.clock.nowMs());
    return { ...client, proof: 1 };
  }
  if (isPublicAllowed && isPublic(application, form.get('grant_type'))) return { ...client, proof: 0 };
  if (isPublicAllowed && application.redirectUris.spa.length > 0) return { ...client, proof: 0, needsSinglePage: true };
  throw new Refusal(form.get('grant_type') === 'client_credentials' ? 7000216 : 7000218);
}

/** A device code comes without a redirect, so only the fallback tells the type of the client ("application", Graph v1.0). */
const isPublic = ({ isFallbackPublicClient, redirectUris }: Application, grant: string | null): boolean =>
  isFallbackPublicClient === true || (grant !== deviceCodeGrant && redirectUris.publicClient.length > 0);

function checkSecret(application: Application, secret: string, nowMs: number): void {
  if (secret === '') throw new Refusal(900144, { field: 'client_secret' });
  const hash = sha256Hex(secret);
  const found = application.passwords.find((password) => password.hash === hash);
  if (found === undefined) throw new Refusal(7000215, { client: application.appId });
  if (found.endMs <= nowMs) throw new Refusal(7000222, { client: application.appId });
}
