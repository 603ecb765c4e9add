import type { CloudClock } from './clock.ts';
import type { User } from './directory/records.ts';
import { createTenantDirectory, type TenantDirectory } from './directory/tenant-directory.ts';
import type { SigningKeys } from './entra/keys.ts';
import { createSignIns, type SignIns } from './entra/sign-ins.ts';
import { createCustomerApplications } from './population/applications.ts';
import { createCustomers } from './population/customers.ts';
import { createPartner, type Partner } from './population/partner.ts';
import type { CustomerTenant } from './population/tenant.ts';
import { createUsers } from './population/users.ts';
import type { Seeded } from './seeded.ts';
import type { ServiceName } from './web/http.ts';

/** What can be changed while the cloud runs. */
export interface Settings {
  /** How long a consent in a customer tenant takes to reach the token endpoint; about 180,000 with Microsoft. */
  consentPropagationMs: number;
  /** Whether a refresh token is worth nothing once it was used. Entra's stay valid. */
  strictRefreshTokens: boolean;
  /** Life of access tokens; at random 60 to 90 minutes when undefined, as Entra has it. */
  accessTokenLifetimeSeconds: number | undefined;
  /** Seconds that a client must wait between two polls of the device code flow. */
  deviceCodeIntervalSeconds: number;
}

/** Base addresses without a trailing slash, known once the listeners are up. */
export type Addresses = Readonly<Record<ServiceName, string>>;

/** All that the services share. */
export interface World {
  readonly clock: CloudClock;
  readonly seeded: Seeded;
  readonly settings: Settings;
  readonly keys: SigningKeys;
  readonly partner: Partner;
  readonly customers: readonly CustomerTenant[];
  readonly signIns: SignIns;
  readonly addresses: () => Addresses;
  /** The customer whose tenant has this id or verified domain. */
  findCustomer(idOrDomain: string): CustomerTenant | undefined;
  isPartner(idOrDomain: string): boolean;
  /** The directory of a tenant, made when it is first asked for. */
  directoryOf(tenant: CustomerTenant): TenantDirectory;
  /** The directory of a customer if something has made it already. */
  knownDirectoryOf(tenantId: string): TenantDirectory | undefined;
  usersOf(tenant: CustomerTenant): readonly User[];
}

export interface WorldOptions {
  readonly tenants: number;
  readonly plain: boolean;
  readonly clock: CloudClock;
  readonly seeded: Seeded;
  readonly settings: Settings;
  readonly keys: SigningKeys;
  readonly addresses: () => Addresses;
}

export function createWorld({ tenants, plain, clock, seeded, settings, keys, addresses }: WorldOptions): World {
  const startMs = clock.nowMs();
  const customers = createCustomers(tenants, seeded, plain);
  const partner = createPartner(seeded, startMs);
  const byName = new Map<string, CustomerTenant>();
  for (const customer of customers) {
    for (const name of [customer.tenantId, customer.initialDomain, customer.defaultDomain]) byName.set(name, customer);
  }
  const directories = new Map<string, TenantDirectory>();
  const usersOf = (tenant: CustomerTenant): readonly User[] => createUsers(tenant, seeded, startMs);
  return {
    clock,
    seeded,
    settings,
    keys,
    partner,
    customers,
    signIns: createSignIns(clock),
    addresses,
    findCustomer: (idOrDomain) => byName.get(idOrDomain.toLowerCase()),
    isPartner: (idOrDomain) => [partner.tenantId, partner.domain].includes(idOrDomain.toLowerCase()),
    usersOf,
    knownDirectoryOf: (tenantId) => directories.get(tenantId),
    directoryOf: (tenant) => {
      const known = directories.get(tenant.tenantId);
      if (known !== undefined) return known;
      const directory = createTenantDirectory(tenant.tenantId, seeded, [], startMs);
      for (const application of createCustomerApplications(tenant, seeded, startMs)) {
        directory.applications.set(application.id, application);
      }
      directories.set(tenant.tenantId, directory);
      return directory;
    },
  };
}
