import type { PermissionMap } from 'graph-permissions/permission-map';
import { type CloudClock, dayMs } from './clock.ts';
import type { User } from './directory/records.ts';
import { createGraphPermissionMap, type GraphPermissions } from './directory/graph-permission-map.ts';
import { graphAppId, type MicrosoftResource } from './directory/microsoft-resources.ts';
import type { PermissionTable } from './directory/microsoft-permissions.ts';
import { createTenantDirectory, type TenantDirectory } from './directory/tenant-directory.ts';
import type { SigningKeys } from './entra/keys.ts';
import { SignInLog } from './entra/sign-in-log.ts';
import { createSignIns, type SignIns } from './entra/sign-ins.ts';
import { createCustomerApplications } from './population/applications.ts';
import { grantReadyConsents } from './population/customer-consents.ts';
import { createPopulation, type PopulationOptions } from './population/own-tenants.ts';
import { createPartner, type Partner } from './population/partner.ts';
import type { CustomerTenant } from './population/tenant.ts';
import type { Seeded } from './seeded.ts';
import type { ServiceName } from './web/http.ts';

/** Settings that can be changed while the cloud runs. */
export interface Settings {
  /**
   * Time until a consent in a customer tenant is visible there and takes effect, milliseconds of the cloud's clock. Below
   * 60,000 in the real cloud.
   */
  consentPropagationMs: number;
  /** Time until lists of Graph show a change to an object of the directory, milliseconds of the cloud's clock. */
  directoryPropagationMs: number;
  /** Time that Key Vault takes to delete, recover or purge a secret, milliseconds of the cloud's clock. */
  keyVaultDelayMs: number;
  /** Whether a refresh token can be used only once. Entra's refresh tokens can be used again. */
  strictRefreshTokens: boolean;
  /** Lifetime of access tokens. Undefined: random, 60 to 90 minutes, as in Entra. */
  accessTokenLifetimeSeconds: number | undefined;
  /** Seconds that a client must wait between two polls for a device code. */
  deviceCodeIntervalSeconds: number;
}

/** Base addresses of the services, without a trailing slash. */
export type Addresses = Readonly<Record<ServiceName, string>>;

/** State that all services share. */
export interface World {
  readonly clock: CloudClock;
  /** Time at which the cloud started, milliseconds since 1970. */
  readonly startMs: number;
  /** Time at which the customers' directories were created, milliseconds since 1970. */
  readonly establishedMs: number;
  readonly seeded: Seeded;
  readonly settings: Settings;
  readonly keys: SigningKeys;
  readonly partner: Partner;
  readonly customers: readonly CustomerTenant[];
  readonly signIns: SignIns;
  /** What the sign-in logs of the tenants say about access tokens. */
  readonly signInLog: SignInLog;
  readonly graphPermissions: GraphPermissions;
  /** The permissions that one of Microsoft's resources offers. */
  permissionsOf(resource: MicrosoftResource): PermissionTable;
  /** @throws Error before the listeners are open. */
  readonly addresses: () => Addresses;
  /** Finds a customer by tenant id or verified domain. */
  findCustomer(idOrDomain: string): CustomerTenant | undefined;
  isPartner(idOrDomain: string): boolean;
  /** The directory of a customer tenant. Created on first use. */
  directoryOf(tenant: CustomerTenant): TenantDirectory;
  /** What was created in a customer tenant after this time is not visible there yet. Milliseconds since 1970. */
  visibleUntilMs(): number;
  usersOf(tenant: CustomerTenant): readonly User[];
}

interface WorldOptions extends Omit<PopulationOptions, 'nowMs'> {
  readonly clock: CloudClock;
  readonly settings: Settings;
  readonly keys: SigningKeys;
  readonly addresses: () => Addresses;
  /** The map of Microsoft's published permission file. */
  readonly publishedMap: PermissionMap | undefined;
}

export function createWorld(options: WorldOptions): World {
  const { clock, seeded, settings, keys, addresses } = options;
  const startMs = clock.nowMs();
  const establishedMs = startMs - 400 * dayMs;
  const { customers, usersOf } = createPopulation({ ...options, nowMs: startMs });
  const partner = createPartner(seeded, startMs);
  const byName = new Map<string, CustomerTenant>();
  for (const customer of customers) {
    for (const name of [customer.tenantId, customer.initialDomain, customer.defaultDomain]) byName.set(name, customer);
  }
  const graphPermissions = createGraphPermissionMap(seeded, options.publishedMap);
  const directories = new Map<string, TenantDirectory>();
  return {
    clock,
    startMs,
    establishedMs,
    seeded,
    settings,
    keys,
    partner,
    customers,
    signIns: createSignIns(clock),
    signInLog: new SignInLog(),
    graphPermissions,
    permissionsOf: ({ appId, permissions }) => (appId === graphAppId ? graphPermissions.table() : permissions),
    addresses,
    findCustomer: (idOrDomain) => byName.get(idOrDomain.toLowerCase()),
    isPartner: (idOrDomain) => [partner.tenantId, partner.domain].includes(idOrDomain.toLowerCase()),
    usersOf,
    visibleUntilMs: () => clock.nowMs() - settings.consentPropagationMs,
    directoryOf: (tenant) => {
      const known = directories.get(tenant.tenantId);
      if (known !== undefined) return known;
      const directory = createTenantDirectory(tenant.tenantId, seeded, [], establishedMs);
      for (const application of createCustomerApplications(tenant, seeded, startMs)) {
        directory.applications.set(application.id, application);
      }
      grantReadyConsents(directory, tenant, partner, establishedMs);
      directories.set(tenant.tenantId, directory);
      return directory;
    },
  };
}
