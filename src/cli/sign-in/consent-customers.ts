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

interface CustomersFlags {
  readonly application: string;
  /** Tenant ids or domains. Absent: all tenants that lack the consent, or with `renew` all reachable tenants. */
  readonly customers: readonly string[] | undefined;
  /** Absent: `gdap` for the default application, the registered permissions for another one. */
  readonly profile?: string;
  readonly renew?: boolean;
  readonly wait?: boolean;
  readonly dryRun?: boolean;
}

interface CustomersOutcome {
  /** Tenants to consent in. */
  readonly chosen: readonly TenantId[];
  /** Results of the tenants that were started, and a failure for each tenant whose consent could not be determined. */
  readonly results: readonly ConsentResult[];
  readonly names: ReadonlyMap<TenantId, string>;
  /** How many of the consented tenants issue tokens now; with `wait` only. */
  readonly working?: number;
}

/** Consents in the given customers, in all that answer `consent_required`, or with `renew` in all that are reachable. */
export async function consentCustomers(toolbox: Toolbox, flags: CustomersFlags): Promise<CustomersOutcome> {
  const { signal } = toolbox;
  const local = createLocalBroker(toolbox);
  const { tenants, unknown } = await selectCustomers(toolbox, local, flags);
  const names = new Map([...tenants, ...unknown].map(({ tenantId, name }) => [tenantId, name]));
  const chosen = tenants.map(({ tenantId }) => tenantId);
  const failures = unknown.map(({ result }) => result);
  if (flags.dryRun || chosen.length === 0) return { chosen, results: failures, names };
  const { client } = await toolbox.store.load(flags.application);
  const profile = await profileOf(toolbox, local, flags, client.clientId);
  signal.throwIfAborted();
  const sayFinishing = (): void =>
    say('Finishing the tenants that were started. A second Ctrl+C may leave them without consent.');
  signal.addEventListener('abort', sayFinishing, { once: true });
  let done = 0;
  const results = await consentInTenants(
    consentDeps(toolbox, local),
    { clientId: client.clientId, displayName: 'Partner Token Broker', profile, renew: flags.renew === true },
    chosen,
    ({ tenantId, outcome }) => progress(`${(done += 1)}/${chosen.length} ${names.get(tenantId)}: ${outcome}`),
  );
  signal.removeEventListener('abort', sayFinishing);
  const outcome = { chosen, results: [...results, ...failures], names };
  if (!flags.wait || signal.aborted) return outcome;
  const consented = results.filter((each) => each.outcome === 'consented').map(({ tenantId }) => tenantId);
  return { ...outcome, working: await waitForTokens(toolbox, local, flags.application, consented) };
}

function consentDeps(toolbox: Toolbox, { tokens, resources }: LocalBroker) {
  const { target, clock, newId, exchangeDeps, signal } = toolbox;
  const resource = resources.get('partner-center');
  return {
    signal,
    fetch: exchangeDeps.fetch,
    clock,
    newId,
    partnerCenterEndpoint: target.cloud.endpoints.partnerCenter,
    forgetTenant: (tenantId: TenantId) => tokens.forgetTenant(tenantId),
    token: async () => {
      // The default application can consent to any application of the partner. Others may lack the permission.
      const application = defaultApplication;
      const request = { tenantId: target.partnerTenantId, resource, grant: 'delegated', application } as const;
      return (await tokens.getToken({ ...request, minimumLifetimeSeconds: 60, correlationId: newId() })).secret;
    },
  };
}

/** Reads from the partner tenant with the default application, because another one may lack the permission. */
async function profileOf(
  toolbox: Toolbox,
  local: LocalBroker,
  { application, profile }: CustomersFlags,
  clientId: string,
): Promise<PermissionProfile> {
  const name = profile ?? (application === defaultApplication ? 'gdap' : undefined);
  const builtIn = profileNames.find((each) => each === name);
  if (builtIn !== undefined) return profiles[builtIn];
  const { secret } = await graphToken(toolbox, local, defaultApplication, toolbox.target.partnerTenantId);
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

interface Selection {
  readonly tenants: readonly DelegatedTenant[];
  /** Tenants whose consent could not be determined, because Entra did not answer as expected. */
  readonly unknown: readonly (DelegatedTenant & { readonly result: ConsentResult })[];
}

async function selectCustomers(toolbox: Toolbox, local: LocalBroker, flags: CustomersFlags): Promise<Selection> {
  const { directory } = local;
  if (flags.customers !== undefined) {
    return { tenants: await selectTenants(directory, flags.customers), unknown: [] };
  }
  const reachable = (await directory.list(toolbox.signal)).filter((tenant) => tenant.reachable);
  // A tenant with an old consent issues tokens, but without the permissions that were added since.
  if (flags.renew) return { tenants: reachable, unknown: [] };
  progress(`Checking which of ${reachable.length} tenants lack the consent …`);
  const found = await Promise.all(reachable.map((tenant) => checkConsent(toolbox, local, flags.application, tenant)));
  return { tenants: found.flatMap(({ tenants }) => tenants), unknown: found.flatMap(({ unknown }) => unknown) };
}

/** Selects the tenant if Entra answers that the application has no consent in it. */
async function checkConsent(
  toolbox: Toolbox,
  local: LocalBroker,
  application: string,
  tenant: DelegatedTenant,
): Promise<Selection> {
  try {
    await graphToken(toolbox, local, application, tenant.tenantId);
  } catch (thrown) {
    toolbox.signal.throwIfAborted();
    const { code, detail, scope, transient } = toBrokerError(thrown);
    // A failure of the credential says nothing about the consent of the tenant.
    if (scope === 'credential') throw thrown;
    if (code === 'consent_required') return { tenants: [tenant], unknown: [] };
    if (transient) {
      const result = { tenantId: tenant.tenantId, outcome: 'failed', code, detail } as const;
      return { tenants: [], unknown: [{ ...tenant, result }] };
    }
  }
  return { tenants: [], unknown: [] };
}

/** Requests tokens until every tenant issues one, for at most twice the propagation time of a consent. */
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
