import { firstOf, readScopeGrants } from '../../lib/consent/directory-state.ts';
import { graphAppId } from '../../lib/consent/permissions.ts';
import type { Clock } from '../../lib/core/clock.ts';
import type { TenantId } from '../../lib/core/identifiers.ts';
import type { GraphClient, GraphWriter } from '../../lib/microsoft/graph.ts';
import { type JsonObject, objectOf, textOf, textsIn } from '../../lib/core/objects.ts';
import { createPrincipal, requiredText, retryUntilReplicated } from './apply.ts';

/**
 * The application through which people sign in: to the dashboard in a browser, and with `ptb login`. It is public, so it
 * has no secret. The broker's own application authorizes it in advance.
 */
interface SignInApplication {
  readonly objectId: string;
  readonly clientId: string;
  readonly signInAudience: string;
  /** Whether the device code flow is allowed. */
  readonly allowsDeviceCode: boolean;
  readonly publicRedirects: readonly string[];
  readonly pageRedirects: readonly string[];
}

/** What exists in Entra. */
export interface SignInState {
  readonly application: SignInApplication | undefined;
  readonly principalId: string | undefined;
  /** The consent for everybody to scopes of Microsoft Graph. */
  readonly grant: { readonly id: string; readonly scopes: readonly string[] } | undefined;
}

export interface SignInRequest {
  readonly tenantId: TenantId;
  /** Name of the broker's own application: the last part of its App ID URI, which identifies it. */
  readonly name: string;
  /** Addresses of dashboards, `https://APP.azurewebsites.net/api/dashboard`. Those that are registered stay. */
  readonly pageRedirects: readonly string[];
  /**
   * Allow the device code flow. Otherwise it stays as it is, which is forbidden in a new application: whoever makes a
   * person enter a code gets that person's tokens.
   */
  readonly allowDeviceCode?: boolean | undefined;
}

export interface OperatorGraph {
  /** Microsoft Graph with the token of the operator. */
  readonly graph: GraphClient;
  readonly writer: GraphWriter;
  readonly clock: Pick<Clock, 'sleep'>;
}

/** Ids that earlier steps created. */
export interface SignInIds {
  signInObjectId: string;
  signInClientId: string;
  signInPrincipalId: string;
}

/** A change in Entra. It needs ids of earlier steps, and may add some. */
export interface Step<Ids> {
  readonly text: string;
  run(ids: Ids): Promise<void>;
}

/** Where `ptb login` waits for the code. Entra ignores the port. */
const loopback = 'http://localhost';
/** Without this consent, a tenant whose users may not consent asks an administrator at the first sign-in. */
const consentedScopes = ['openid', 'profile', 'offline_access'] as const;

/** The App ID URI, which serves as the application's unique name only. */
const identifierOf = ({ tenantId, name }: SignInRequest): string => `api://${tenantId}/${name}-sign-in`;

export async function readSignIn(graph: GraphClient, request: SignInRequest): Promise<SignInState> {
  const application = await findSignIn(graph, identifierOf(request));
  if (application === undefined) return { application, principalId: undefined, grant: undefined };
  const ofApplication = `$filter=appId eq '${application.clientId}'&$select=id`;
  const principalId = textOf(await firstOf(graph, `/servicePrincipals?${ofApplication}`), 'id');
  if (principalId === undefined) return { application, principalId, grant: undefined };
  const resourceId = await graphPrincipal(graph);
  const grants = await readScopeGrants(graph, principalId);
  return { application, principalId, grant: grants.find((grant) => grant.resourceId === resourceId) };
}

/** Finds an application by its App ID URI, which is unique in the tenant and does not change with the display name. */
export function findByIdentifier(graph: GraphClient, identifier: string, fields: string) {
  const filter = encodeURIComponent(`identifierUris/any(uri:uri eq '${identifier}')`);
  return firstOf(graph, `/applications?$filter=${filter}&$select=${fields}`);
}

async function findSignIn(graph: GraphClient, identifier: string): Promise<SignInApplication | undefined> {
  const fields = 'id,appId,signInAudience,isFallbackPublicClient,publicClient,spa';
  const found = await findByIdentifier(graph, identifier, fields);
  if (found === undefined) return undefined;
  return {
    objectId: requiredText(found, 'id'),
    clientId: requiredText(found, 'appId'),
    signInAudience: textOf(found, 'signInAudience') ?? '',
    allowsDeviceCode: found['isFallbackPublicClient'] === true,
    publicRedirects: textsIn(objectOf(found, 'publicClient')?.['redirectUris']),
    pageRedirects: textsIn(objectOf(found, 'spa')?.['redirectUris']),
  };
}

const graphPrincipal = async (graph: GraphClient): Promise<string> =>
  requiredText((await firstOf(graph, `/servicePrincipals?$filter=appId eq '${graphAppId}'&$select=id`)) ?? {}, 'id');

/** The steps that remain. They come before those of the broker's own application, which names the client. */
export function signInSteps(
  deps: OperatorGraph,
  request: SignInRequest,
  state: SignInState,
): readonly Step<SignInIds>[] {
  const { application, principalId, grant } = state;
  const { body, differences } = changesOf(application, request);
  const missing = consentedScopes.filter((scope) => grant?.scopes.includes(scope) !== true);
  return [
    application === undefined && createApplication(deps, request, body),
    application !== undefined &&
      differences.length > 0 && {
        text: `Change the application for sign-in: ${differences.join(', ')}`,
        run: (ids: SignInIds) => deps.writer.patch(`/applications/${ids.signInObjectId}`, body),
      },
    principalId === undefined && {
      text: 'Create the service principal of the application for sign-in',
      run: async (ids: SignInIds) => {
        ids.signInPrincipalId = await createPrincipal(deps, { appId: ids.signInClientId });
      },
    },
    missing.length > 0 && {
      text: `Consent to ${missing.join(', ')} of the sign-in, for everybody in the tenant`,
      run: (ids: SignInIds) => consent(deps, ids, grant),
    },
  ].filter((step) => step !== false);
}

function changesOf(
  found: SignInApplication | undefined,
  { pageRedirects: wanted, allowDeviceCode = false }: SignInRequest,
): { readonly body: JsonObject; readonly differences: readonly string[] } {
  const { signInAudience, allowsDeviceCode = false, publicRedirects = [], pageRedirects = [] } = found ?? {};
  const missing = wanted.filter((uri) => !pageRedirects.includes(uri));
  return {
    body: {
      signInAudience: 'AzureADMyOrg',
      // Entra asks for it in flows without a redirect only ("application resource type", isFallbackPublicClient).
      ...(allowDeviceCode ? { isFallbackPublicClient: true } : {}),
      publicClient: { redirectUris: [...new Set([...publicRedirects, loopback])] },
      spa: { redirectUris: [...pageRedirects, ...missing] },
    },
    differences: [
      ...(signInAudience === 'AzureADMyOrg' ? [] : ['only accounts of this tenant may sign in']),
      ...(allowDeviceCode && !allowsDeviceCode ? ['device code'] : []),
      ...(publicRedirects.includes(loopback) ? [] : ['ptb login']),
      ...missing.map((uri) => `the dashboard at ${uri}`),
    ],
  };
}

const createApplication = ({ writer }: OperatorGraph, request: SignInRequest, body: JsonObject): Step<SignInIds> => {
  const displayName = `Partner Token Broker sign-in (${request.name})`;
  return {
    text: `Create the application "${displayName}", through which people sign in`,
    run: async (ids) => {
      const whole = { displayName, identifierUris: [identifierOf(request)], ...body };
      const created = await writer.post('/applications', whole);
      ids.signInObjectId = requiredText(created, 'id');
      ids.signInClientId = requiredText(created, 'appId');
    },
  };
};

async function consent(
  { graph, writer, clock }: OperatorGraph,
  { signInPrincipalId: clientId }: SignInIds,
  grant: SignInState['grant'],
): Promise<void> {
  const scope = [...new Set([...(grant?.scopes ?? []), ...consentedScopes])].join(' ');
  if (grant !== undefined) return writer.patch(`/oauth2PermissionGrants/${grant.id}`, { scope });
  const body = { clientId, consentType: 'AllPrincipals', resourceId: await graphPrincipal(graph), scope };
  await retryUntilReplicated(clock, () => writer.post('/oauth2PermissionGrants', body));
}
