import type { Application } from '../directory/records.ts';
import { sha256Hex } from '../directory/tenant-directory.ts';
import type { CloudRequest } from '../web/http.ts';
import { headerOf } from '../web/http.ts';
import type { World } from '../world.ts';
import { verifyAssertion } from './assertion.ts';
import { Refusal } from './refusal.ts';
import { publicClients } from '../directory/microsoft-resources.ts';

/** Who asks for the token. */
export interface Client {
  readonly appId: string;
  readonly displayName: string;
  /** Absent for Microsoft's own public clients, which are not registered in the tenant. */
  readonly application: Application | undefined;
  /** `appidacr` of the token: 0 public, 1 secret, 2 assertion. */
  readonly proof: 0 | 1 | 2;
}

/** The registered application, or one of Microsoft's clients. @throws Refusal AADSTS700016, 50194. */
export function findClient(world: World, clientId: string, tenant: string): Omit<Client, 'proof'> {
  const ownName = publicClients[clientId];
  if (ownName !== undefined) return { appId: clientId, displayName: ownName, application: undefined };
  const application = [...world.partner.directory.applications.values()].find((each) => each.appId === clientId);
  if (application === undefined) throw new Refusal(700016, { client: clientId, tenant });
  if (application.signInAudience === 'AzureADMyOrg' && !world.isPartner(tenant)) {
    const isShared = tenant === 'common' || tenant === 'organizations';
    throw new Refusal(isShared ? 50194 : 700016, { client: clientId, app: application.displayName, tenant });
  }
  return { appId: clientId, displayName: application.displayName, application };
}

interface Presented {
  readonly clientId: string | undefined;
  readonly secret: string | undefined;
  readonly assertion: string | undefined;
}

/** RFC 6749 section 2.3.1: credentials in the body, or form-encoded in a Basic header. */
function presented(request: CloudRequest, form: URLSearchParams): Presented {
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

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/**
 * Checks what the client proves itself with.
 * @param publicAllowed whether this grant may be used without proof by a client that is registered as public.
 * @throws Refusal of the families 7000xx and 7000215 to 7000222.
 */
export async function authenticateClient(
  world: World,
  request: CloudRequest,
  form: URLSearchParams,
  tenant: string,
  publicAllowed: boolean,
): Promise<Client> {
  const { clientId, secret, assertion } = presented(request, form);
  if (clientId === undefined || clientId === '') throw new Refusal(900144, { field: 'client_id' });
  const client = findClient(world, clientId, tenant);
  const { application } = client;
  if (application === undefined) {
    if (secret !== undefined || assertion !== undefined) throw new Refusal(700025);
    if (!publicAllowed) throw new Refusal(7000218);
    return { ...client, proof: 0 };
  }
  if (world.partner.directory.servicePrincipalOf(clientId)?.accountEnabled === false) {
    throw new Refusal(7000112, { client: clientId, app: client.displayName });
  }
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
  if (publicAllowed && isPublic(application)) return { ...client, proof: 0 };
  throw new Refusal(form.get('grant_type') === 'client_credentials' ? 7000216 : 7000218);
}

const isPublic = ({ isFallbackPublicClient, redirectUris }: Application): boolean =>
  isFallbackPublicClient === true || redirectUris.publicClient.length > 0;

function checkSecret(application: Application, secret: string, nowMs: number): void {
  if (secret === '') throw new Refusal(900144, { field: 'client_secret' });
  const hash = sha256Hex(secret);
  const found = application.passwords.find((password) => password.hash === hash);
  if (found === undefined) throw new Refusal(7000215, { client: application.appId });
  if (found.endMs <= nowMs) throw new Refusal(7000222, { client: application.appId });
}
