import { toBrokerError } from '../../lib/errors.ts';
import type { TenantId } from '../../lib/identifiers.ts';
import { consentInTenants, type ConsentResult, propagationSeconds } from '../../lib/setup/customer-consent.ts';
import { type PermissionProfile, profileNames, profiles } from '../../lib/setup/permissions.ts';
import { selectTenants } from '../../lib/tenants/directory.ts';
import type { DelegatedTenant } from '../../lib/tenants/tenant.ts';
import { createLocalBroker, type LocalBroker } from './local-broker.ts';
import { loadProfile } from './load-profile.ts';
import { progress } from './output.ts';
import type { Toolbox } from './toolbox.ts';

export interface CustomersFlags {
  readonly application: string;
  /** Tenant ids or domains; absent: all that lack the consent. */
  readonly customers: readonly string[] | undefined;
  readonly profile: string;
  readonly renew?: boolean;
  readonly wait?: boolean;
  readonly dryRun?: boolean;
}

export interface CustomersOutcome {
  readonly results: readonly ConsentResult[];
  readonly names: ReadonlyMap<TenantId, string>;
  /** How many of the consented tenants issue tokens by now; only where that was waited for. */
  readonly working?: number;
}

/** Consents in the customers that are named, or in all that answer `consent_required`. */
export async function consentCustomers(toolbox: Toolbox, flags: CustomersFlags): Promise<CustomersOutcome> {
  const local = createLocalBroker(toolbox);
  const tenants =
    flags.customers === undefined
      ? await withoutConsent(toolbox, local, flags.application)
      : await selectTenants(local.directory, flags.customers);
  const names = new Map(tenants.map(({ tenantId, name }) => [tenantId, name]));
  if (flags.dryRun || tenants.length === 0) return { results: [], names };
  const { client } = await toolbox.store.load(flags.application);
  let done = 0;
  const results = await consentInTenants(
    consentDeps(toolbox, local, flags.application),
    {
      clientId: client.clientId,
      displayName: 'Partner Token Broker',
      profile: await profileOf(toolbox, local, flags),
      renew: flags.renew === true,
    },
    [...names.keys()],
    ({ tenantId, outcome }) => progress(`${(done += 1)}/${names.size} ${names.get(tenantId)}: ${outcome}`),
  );
  if (!flags.wait) return { results, names };
  const consented = results.filter(({ outcome }) => outcome === 'consented').map(({ tenantId }) => tenantId);
  return { results, names, working: await waitForTokens(toolbox, local, flags.application, consented) };
}

function consentDeps(toolbox: Toolbox, { tokens, resources }: LocalBroker, application: string) {
  const { place, clock, newId, exchangeDeps } = toolbox;
  const resource = resources.get('partner-center');
  return {
    fetch: exchangeDeps.fetch,
    clock,
    newId,
    partnerCenterEndpoint: place.cloud.endpoints.partnerCenter,
    forgetTenant: (tenantId: TenantId) => tokens.forgetTenant(tenantId),
    token: async () => {
      const request = { tenantId: place.partnerTenantId, resource, grant: 'delegated', application } as const;
      return (await tokens.getToken({ ...request, minimumLifetimeSeconds: 60, correlationId: newId() })).secret;
    },
  };
}

/** A profile file is looked up in the partner tenant, as the application itself. */
async function profileOf(toolbox: Toolbox, local: LocalBroker, flags: CustomersFlags): Promise<PermissionProfile> {
  const builtIn = profileNames.find((name) => name === flags.profile);
  if (builtIn !== undefined) return profiles[builtIn];
  const { secret } = await graphToken(toolbox, local, flags.application, toolbox.place.partnerTenantId);
  return loadProfile(flags.profile, toolbox.graph(secret).client);
}

function graphToken(toolbox: Toolbox, { tokens, resources }: LocalBroker, application: string, tenantId: TenantId) {
  const resource = resources.get('graph');
  const correlationId = toolbox.newId();
  return tokens.getToken({
    tenantId,
    resource,
    grant: 'delegated',
    application,
    minimumLifetimeSeconds: 0,
    correlationId,
  });
}

/** The reachable tenants where Entra says that the application has no consent. */
async function withoutConsent(
  toolbox: Toolbox,
  local: LocalBroker,
  application: string,
): Promise<readonly DelegatedTenant[]> {
  const reachable = (await local.directory.list()).filter((tenant) => tenant.reachable);
  progress(`Looking which of ${reachable.length} tenants lack the consent …`);
  const lacking = await Promise.all(
    reachable.map((tenant) =>
      graphToken(toolbox, local, application, tenant.tenantId).then(
        () => [],
        (thrown: unknown) => {
          const error = toBrokerError(thrown);
          // The credential's own failure is nobody's lack of consent.
          if (error.scope === 'credential') throw error;
          return error.code === 'consent_required' ? [tenant] : [];
        },
      ),
    ),
  );
  return lacking.flat();
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
