import { defaultApplication } from '../../lib/model/credential.ts';
import { SetupError, toBrokerError } from '../../lib/model/errors.ts';
import type { TenantId } from '../../lib/model/identifiers.ts';
import { consentInTenants, type ConsentResult, propagationSeconds } from '../../lib/setup/customer-consent.ts';
import { type PermissionProfile, profileNames, profiles } from '../../lib/setup/permissions.ts';
import { readApplicationOf } from '../../lib/setup/read-directory-state.ts';
import { registeredProfile } from '../../lib/setup/registered-profile.ts';
import { selectTenants } from '../../lib/tenants/directory.ts';
import type { DelegatedTenant } from '../../lib/tenants/tenant.ts';
import { createLocalBroker, type LocalBroker } from './local-broker.ts';
import { loadProfile } from './load-profile.ts';
import { progress, say } from './output.ts';
import type { Toolbox } from './toolbox.ts';

export interface CustomersFlags {
  readonly application: string;
  /** Tenant ids or domains; absent: all that lack the consent, or with `renew` all that can be reached. */
  readonly customers: readonly string[] | undefined;
  /** Absent: `gdap` for the default application, what is registered for another one. */
  readonly profile?: string;
  readonly renew?: boolean;
  readonly wait?: boolean;
  readonly dryRun?: boolean;
}

export interface CustomersOutcome {
  /** Where the consent is to be given. */
  readonly chosen: readonly TenantId[];
  /** What became of those that were begun, and those of which nobody knows whether they lack the consent. */
  readonly results: readonly ConsentResult[];
  readonly names: ReadonlyMap<TenantId, string>;
  /** How many of the consented tenants issue tokens by now; only where that was waited for. */
  readonly working?: number;
}

/** Consents in the customers that are named, or in all that answer `consent_required`, or again in all. */
export async function consentCustomers(toolbox: Toolbox, flags: CustomersFlags): Promise<CustomersOutcome> {
  const { signal } = toolbox;
  const local = createLocalBroker(toolbox);
  const { tenants, unknown } = await choose(toolbox, local, flags);
  const names = new Map([...tenants, ...unknown].map(({ tenantId, name }) => [tenantId, name]));
  const chosen = tenants.map(({ tenantId }) => tenantId);
  const undecided = unknown.map(({ result }) => result);
  if (flags.dryRun || chosen.length === 0) return { chosen, results: undecided, names };
  const { client } = await toolbox.store.load(flags.application);
  const profile = await profileOf(toolbox, local, flags, client.clientId);
  signal.throwIfAborted();
  const finishing = (): void =>
    say('Finishing the tenants that are begun; a second Ctrl+C may leave them without consent.');
  signal.addEventListener('abort', finishing, { once: true });
  let done = 0;
  const results = await consentInTenants(
    consentDeps(toolbox, local),
    { clientId: client.clientId, displayName: 'Partner Token Broker', profile, renew: flags.renew === true },
    chosen,
    ({ tenantId, outcome }) => progress(`${(done += 1)}/${chosen.length} ${names.get(tenantId)}: ${outcome}`),
  );
  signal.removeEventListener('abort', finishing);
  const outcome = { chosen, results: [...results, ...undecided], names };
  if (!flags.wait || signal.aborted) return outcome;
  const consented = results.filter((each) => each.outcome === 'consented').map(({ tenantId }) => tenantId);
  return { ...outcome, working: await waitForTokens(toolbox, local, flags.application, consented) };
}

function consentDeps(toolbox: Toolbox, { tokens, resources }: LocalBroker) {
  const { place, clock, newId, exchangeDeps, signal } = toolbox;
  const resource = resources.get('partner-center');
  return {
    signal,
    fetch: exchangeDeps.fetch,
    clock,
    newId,
    partnerCenterEndpoint: place.cloud.endpoints.partnerCenter,
    forgetTenant: (tenantId: TenantId) => tokens.forgetTenant(tenantId),
    token: async () => {
      // Partner Center consents to any application of the partner, and a narrow one has no permission for it.
      const application = defaultApplication;
      const request = { tenantId: place.partnerTenantId, resource, grant: 'delegated', application } as const;
      return (await tokens.getToken({ ...request, minimumLifetimeSeconds: 60, correlationId: newId() })).secret;
    },
  };
}

/** What is to be looked up in the partner tenant is so with the default application: a narrow one may not see it. */
async function profileOf(
  toolbox: Toolbox,
  local: LocalBroker,
  { application, profile }: CustomersFlags,
  clientId: string,
): Promise<PermissionProfile> {
  const name = profile ?? (application === defaultApplication ? 'gdap' : undefined);
  const builtIn = profileNames.find((each) => each === name);
  if (builtIn !== undefined) return profiles[builtIn];
  const { secret } = await graphToken(toolbox, local, defaultApplication, toolbox.place.partnerTenantId);
  const graph = toolbox.graph(secret).client;
  if (name !== undefined) return loadProfile(name, graph);
  const registered = await readApplicationOf(graph, clientId);
  if (registered !== undefined) return registeredProfile(graph, registered);
  throw new SetupError('setup_refused', `The partner tenant has no application with the client id ${clientId}.`);
}

function graphToken(toolbox: Toolbox, { tokens, resources }: LocalBroker, application: string, tenantId: TenantId) {
  const { newId, signal } = toolbox;
  const request = { tenantId, resource: resources.get('graph'), grant: 'delegated', application } as const;
  return tokens.getToken({ ...request, minimumLifetimeSeconds: 0, correlationId: newId() }, signal);
}

interface Chosen {
  readonly tenants: readonly DelegatedTenant[];
  /** Those where Entra did not answer as it should, so that nobody knows. */
  readonly unknown: readonly (DelegatedTenant & { readonly result: ConsentResult })[];
}

async function choose(toolbox: Toolbox, local: LocalBroker, flags: CustomersFlags): Promise<Chosen> {
  const { directory } = local;
  if (flags.customers !== undefined) {
    return { tenants: await selectTenants(directory, flags.customers), unknown: [] };
  }
  const reachable = (await directory.list(toolbox.signal)).filter((tenant) => tenant.reachable);
  // Who has the old consent gets tokens, and still lacks what was added since.
  if (flags.renew) return { tenants: reachable, unknown: [] };
  progress(`Looking which of ${reachable.length} tenants lack the consent …`);
  const looks = await Promise.all(reachable.map((tenant) => lookAt(toolbox, local, flags.application, tenant)));
  return { tenants: looks.flatMap(({ tenants }) => tenants), unknown: looks.flatMap(({ unknown }) => unknown) };
}

/** Whether Entra says that the application has no consent in the tenant. */
async function lookAt(
  toolbox: Toolbox,
  local: LocalBroker,
  application: string,
  tenant: DelegatedTenant,
): Promise<Chosen> {
  try {
    await graphToken(toolbox, local, application, tenant.tenantId);
  } catch (thrown) {
    toolbox.signal.throwIfAborted();
    const { code, detail, scope, transient } = toBrokerError(thrown);
    // The credential's own failure is nobody's lack of consent.
    if (scope === 'credential') throw thrown;
    if (code === 'consent_required') return { tenants: [tenant], unknown: [] };
    if (transient) {
      const result = { tenantId: tenant.tenantId, outcome: 'failed', code, detail } as const;
      return { tenants: [], unknown: [{ ...tenant, result }] };
    }
  }
  return { tenants: [], unknown: [] };
}

/** Asks again until every tenant issues a token or the time that a consent takes has passed twice. */
async function waitForTokens(
  toolbox: Toolbox,
  local: LocalBroker,
  application: string,
  tenantIds: readonly TenantId[],
): Promise<number> {
  const endMs = toolbox.clock.nowMs() + 2 * propagationSeconds * 1000;
  let waiting = [...tenantIds];
  for (;;) {
    const still: TenantId[] = [];
    for (const tenantId of waiting) {
      local.tokens.forgetTenant(tenantId);
      await graphToken(toolbox, local, application, tenantId).catch(() => still.push(tenantId));
    }
    waiting = still;
    if (waiting.length === 0 || toolbox.clock.nowMs() >= endMs) return tenantIds.length - waiting.length;
    progress(`Waiting for ${waiting.length} tenants …`);
    await toolbox.clock.sleep(15_000, toolbox.signal);
  }
}
