import { toBrokerError } from '../../lib/core/errors.ts';
import { defaultApplication, type TenantId } from '../../lib/core/identifiers.ts';
import type { Secret } from '../../lib/core/secrets.ts';
import { type ConsentTokens, createConsentTokens, readRegistration } from '../../lib/consent/registration.ts';
import type { ConsentRun } from '../../lib/consent/customer-consent.ts';
import { type CustomerConsent, customerResources, type ScopedResource } from '../../lib/consent/customer-grants.ts';
import type { PermissionProfile } from '../../lib/consent/permissions.ts';
import { PartnerCenterConsents } from '../../lib/consent/partner-center-consents.ts';
import { readCustomerConsent } from '../../lib/consent/consent-problem.ts';
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
  readonly permissions?: string;
  /** What customers should consent to, in place of all permissions. */
  readonly wanted?: (registered: PermissionProfile) => readonly ScopedResource[];
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
  /** Requests a token for Microsoft Graph in the partner tenant or that of a customer. */
  readonly graphToken: (tenantId: TenantId) => Promise<Secret>;
}

/**
 * Reads the registration of the application and prepares the work in customers.
 * @throws BrokerError and SetupError before anything is changed.
 */
export async function openConsents(toolbox: Toolbox, flags: ConsentFlags): Promise<Consents> {
  const { application, permissions, wanted: wantedOf = customerResources } = flags;
  const { client } = await toolbox.store.load(application);
  const local = createLocalBroker(toolbox);
  const tokens = tokensOf(toolbox, local);
  const { clientId } = client;
  const { partnerTenantId } = toolbox.target;
  const { registered, profile } = await readRegistration(
    tokens,
    { clientId, partnerTenantId },
    permissions === undefined ? undefined : (graph) => loadProfile(permissions, graph),
  );
  const wanted = wantedOf(profile);
  if (wanted.length === 0) {
    const detail = `The profile ${profile.name} has no delegated permissions that customers could consent to.`;
    throw new CommandFailure('request_invalid', detail, 'Give --permissions another profile.');
  }
  const { displayName } = registered;
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
    await tokensOf(toolbox, local).partnerCenter(application);
  } catch (thrown) {
    const failure = toBrokerError(thrown);
    if (failure.code !== 'consent_required' && failure.code !== 'entra_request_rejected') throw thrown;
    const option = application === defaultApplication ? '' : ` --application ${application}`;
    throw new CommandFailure(
      'consent_required',
      `The application "${application}" gets no token for Partner Center, which accepts a consent only with a token of the application itself.`,
      `Add user_impersonation of Microsoft Partner Center to its profile, then run \`ptb setup${option} --permissions …\` and \`ptb consent${option}\`.`,
      { cause: thrown },
    );
  }
}

const tokensOf = ({ target, newId, exchangeDeps }: Toolbox, { tokens, resources }: LocalBroker): ConsentTokens =>
  createConsentTokens({
    ...exchangeDeps,
    ownTokens: tokens,
    customerTokens: tokens,
    resources,
    endpoints: target.cloud.endpoints,
    partnerTenantId: target.partnerTenantId,
    newId,
  });
