import { defaultApplication } from '../../lib/model/credential.ts';
import { SetupError, toBrokerError } from '../../lib/model/errors.ts';
import type { TenantId } from '../../lib/model/identifiers.ts';
import type { Secret } from '../../lib/model/secret.ts';
import { isAudienceOf } from '../../lib/entra/audiences.ts';
import type { AccessToken, Grant, Resource } from '../../lib/model/token.ts';
import type { GraphClient } from '../../lib/graph/client.ts';
import { createGraphClient } from '../../lib/graph/client.ts';
import type { ConsentRun } from '../../lib/setup/customer-consent.ts';
import { type CustomerConsent, customerResources, type ScopedResource } from '../../lib/setup/customer-grants.ts';
import type { RegisteredApplication } from '../../lib/setup/directory-state.ts';
import { PartnerCenterConsents } from '../../lib/setup/partner-center-consents.ts';
import type { PermissionProfile } from '../../lib/setup/permissions.ts';
import { readCustomerConsent } from '../../lib/setup/read-customer-consent.ts';
import { readApplicationOf } from '../../lib/setup/read-directory-state.ts';
import { registeredProfile } from '../../lib/setup/registered-profile.ts';
import { CommandFailure } from '../command-failure.ts';
import { createLocalBroker, type LocalBroker } from '../sign-in/local-broker.ts';
import { loadProfile } from '../sign-in/load-profile.ts';
import type { Toolbox } from '../sign-in/toolbox.ts';
import { createJournalFiles, stateFolder } from './journal-files.ts';

export interface ConsentFlags {
  readonly application: string;
  /** Tenant ids or domains. Absent: all reachable tenants. */
  readonly customers: readonly string[] | undefined;
  /** Absent: the registered permissions. */
  readonly profile?: string;
}

/** What every form of `ptb tenants consent` works with. */
export interface Consents {
  readonly toolbox: Toolbox;
  readonly local: LocalBroker;
  readonly run: ConsentRun;
  readonly displayName: string;
  /** What customers should consent to. */
  readonly wanted: readonly ScopedResource[];
  /** Reads the consent of a customer, with a cached token if there is one. */
  readonly read: (tenantId: TenantId) => Promise<CustomerConsent>;
  /** Requests a token for Microsoft Graph in a customer tenant. */
  readonly graphToken: (tenantId: TenantId) => Promise<unknown>;
}

/**
 * Reads the registration of the application and prepares the work in customers.
 * @throws BrokerError and SetupError before anything is changed.
 */
export async function openConsents(toolbox: Toolbox, flags: ConsentFlags): Promise<Consents> {
  const { application } = flags;
  const { client } = await toolbox.store.load(application);
  const local = createLocalBroker(toolbox);
  const tokens = tokenSource(toolbox, local);
  const { registered, profile } = await readRegistration(toolbox, tokens, flags, client.clientId);
  const wanted = customerResources(profile);
  if (wanted.length === 0) {
    const detail = `The profile ${profile.name} has no delegated permissions that customers could consent to.`;
    throw new CommandFailure('request_invalid', detail, 'Give --profile with another profile.');
  }
  const { clientId, displayName } = registered;
  const deps = {
    graph: (reader: string, tenantId: TenantId) => tokens.graphIn(reader, 'delegated', tenantId),
    scopesOfToken: tokens.scopesFor,
  };
  const read = (tenantId: TenantId) => readCustomerConsent(deps, { application, clientId }, wanted, tenantId);
  const { clock, newId, exchangeDeps, target, signal } = toolbox;
  const consents = new PartnerCenterConsents(
    {
      fetch: exchangeDeps.fetch,
      clock,
      newId,
      partnerCenterEndpoint: target.cloud.endpoints.partnerCenter,
      token: () => tokens.partnerCenter(application),
    },
    { clientId, displayName },
  );
  const run: ConsentRun = {
    consents,
    journal: createJournalFiles(stateFolder(process.env, process.platform), clientId),
    clock,
    application,
    signal,
    read: (tenantId) => {
      local.tokens.forgetTenant(tenantId);
      return read(tenantId);
    },
  };
  const graphToken = (tenantId: TenantId) => tokens.graph(application, 'delegated', tenantId);
  return { toolbox, local, run, displayName, wanted, read, graphToken };
}

/**
 * Fails before anything is changed if Partner Center gets no token.
 * @throws BrokerError credential_missing and others of the token source; CommandFailure if the application lacks the
 * permission.
 */
export async function requirePartnerCenter({ toolbox, local, run: { application } }: Consents): Promise<void> {
  try {
    await tokenSource(toolbox, local).partnerCenter(application);
  } catch (thrown) {
    const failure = toBrokerError(thrown);
    if (failure.code !== 'consent_required' && failure.code !== 'entra_request_rejected') throw thrown;
    const option = application === defaultApplication ? '' : ` --application ${application}`;
    throw new CommandFailure(
      'consent_required',
      `The application "${application}" gets no token for Partner Center, which accepts a consent only with a token of the application itself.`,
      `Add user_impersonation of Microsoft Partner Center to its profile, then run \`ptb setup${option} --profile …\` and \`ptb consent${option}\`.`,
      { cause: thrown },
    );
  }
}

type Tokens = ReturnType<typeof tokenSource>;

function tokenSource(toolbox: Toolbox, { tokens, resources }: LocalBroker) {
  const { target, newId, exchangeDeps } = toolbox;
  const { partnerTenantId } = target;
  const tokenFor = (resource: Resource, application: string, grant: Grant, tenantId: TenantId): Promise<AccessToken> =>
    tokens.getToken({ tenantId, resource, grant, application, minimumLifetimeSeconds: 60, correlationId: newId() });
  const secretFor = async (alias: string, application: string, grant: Grant, tenantId: TenantId): Promise<Secret> =>
    (await tokenFor(resources.get(alias), application, grant, tenantId)).secret;
  const graph = (application: string, grant: Grant, tenantId: TenantId) =>
    secretFor('graph', application, grant, tenantId);
  return {
    partnerCenter: (application: string) => secretFor('partner-center', application, 'delegated', partnerTenantId),
    graph,
    scopesFor: async (application: string, tenantId: TenantId, appId: string): Promise<readonly string[]> => {
      const known = resources.list().find(({ identifier }) => isAudienceOf(appId, identifier));
      const resource = known ?? { alias: appId, identifier: appId };
      return (await tokenFor(resource, application, 'delegated', tenantId)).scopes;
    },
    /** Not bound to the signal: after Ctrl+C the tenants that were started are finished. */
    graphIn: (application: string, grant: Grant, tenantId: TenantId): GraphClient =>
      createGraphClient(exchangeDeps, {
        baseUrl: target.cloud.endpoints.graph,
        correlationId: newId(),
        token: () => graph(application, grant, tenantId),
      }),
  };
}

interface Registration {
  readonly registered: RegisteredApplication;
  readonly profile: PermissionProfile;
}

/**
 * Reads the application in the partner tenant with the default application: another one may lack the permission. The
 * service account reads, or the application itself if its scopes do not suffice (profile legacy).
 */
async function readRegistration(
  { target }: Toolbox,
  tokens: Tokens,
  flags: ConsentFlags,
  clientId: string,
): Promise<Registration> {
  const readAs = async (grant: Grant): Promise<Registration> => {
    const graph = tokens.graphIn(defaultApplication, grant, target.partnerTenantId);
    const registered = await readApplicationOf(graph, clientId);
    if (registered === undefined) {
      throw new SetupError('setup_refused', `The partner tenant has no application with the client id ${clientId}.`);
    }
    const { profile } = flags;
    return {
      registered,
      profile: profile === undefined ? await registeredProfile(graph, registered) : await loadProfile(profile, graph),
    };
  };
  try {
    return await readAs('delegated');
  } catch (thrown) {
    if (thrown instanceof SetupError || toBrokerError(thrown).code !== 'access_denied') throw thrown;
    return readAs('application');
  }
}
