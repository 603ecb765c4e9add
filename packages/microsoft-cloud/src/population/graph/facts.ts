import { createHash } from 'node:crypto';
import { exchangeAppId } from '../../directory/microsoft-resources.ts';
import type { User } from '../../directory/records.ts';
import type { TenantView } from '../../graph/declaration.ts';
import type { Random, Seeded } from '../../seeded.ts';
import type { World } from '../../world.ts';
import type { OwnDirectory } from '../own-directory.ts';
import { createSubscriptions, type Subscription } from '../users.ts';

/** What the data of one tenant is generated from. Everything else is derived, so that little is kept in memory. */
export interface TenantFacts {
  readonly tenantId: string;
  readonly name: string;
  /** `*.onmicrosoft.com`. */
  readonly initialDomain: string;
  readonly defaultDomain: string;
  readonly isPartner: boolean;
  /** Whether the tenant has Exchange Online. */
  readonly hasExchange: boolean;
  readonly users: readonly User[];
  /** Groups, roles and units that the caller gives. */
  readonly own: OwnDirectory;
  readonly subscriptions: readonly Subscription[];
  readonly seeded: Seeded;
  /** Time at which the cloud started, milliseconds since 1970. All times lie relative to it. */
  readonly startMs: number;
}

/** What identifies a tenant and its state. */
export type TenantKeys = Pick<TenantView, 'world' | 'tenantId' | 'customer' | 'directory'>;

/** Facts of how many tenants are kept. Those of others are created again, with the same result. */
const keptTenants = 32;
const recent = new WeakMap<World, Map<string, TenantFacts>>();

const hasExchangeIn = ({ customer }: TenantKeys): boolean =>
  customer !== undefined && !customer.lacks.has(exchangeAppId);

/** The facts of a tenant, with which its data is generated. */
export function factsOf(view: TenantKeys): TenantFacts {
  const tenants = recent.get(view.world) ?? new Map<string, TenantFacts>();
  recent.set(view.world, tenants);
  const known = tenants.get(view.tenantId);
  const facts = known !== undefined && known.hasExchange === hasExchangeIn(view) ? known : createFacts(view);
  // The most recently used tenant is the last one.
  tenants.delete(view.tenantId);
  tenants.set(view.tenantId, facts);
  const [oldest] = tenants.keys();
  if (tenants.size > keptTenants && oldest !== undefined) tenants.delete(oldest);
  return facts;
}

function createFacts(view: TenantKeys): TenantFacts {
  const { world, customer, directory } = view;
  const { seeded, partner, startMs } = world;
  const users = customer === undefined ? [...directory.users.values()] : world.usersOf(customer);
  return {
    tenantId: view.tenantId,
    name: customer?.name ?? partner.name,
    initialDomain: customer?.initialDomain ?? partner.domain,
    defaultDomain: customer?.defaultDomain ?? partner.domain,
    isPartner: customer === undefined,
    hasExchange: hasExchangeIn(view),
    users,
    own: customer?.own ?? { groups: [], roles: [], administrativeUnits: [] },
    subscriptions: customer === undefined ? [] : createSubscriptions(customer, seeded, users),
    seeded,
    startMs,
  };
}

export const hourMs = 3_600_000;

/** ISO 8601 in UTC without milliseconds, the form in which Graph writes most times. */
export const time = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');

/** The date of a time in UTC, as `2026-11-24`. */
export const dateOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

/** Remembers what a generator creates for a tenant, as long as the tenant's facts are in use. */
export function perTenant<T>(create: (facts: TenantFacts) => T): (facts: TenantFacts) => T {
  const known = new WeakMap<TenantFacts, { readonly value: T }>();
  return (facts) => {
    const found = known.get(facts);
    if (found !== undefined) return found.value;
    const value = create(facts);
    known.set(facts, { value });
    return value;
  };
}

/** A pseudo-random sequence for one purpose in one tenant. */
export const randomOf = ({ seeded, tenantId }: TenantFacts, ...words: readonly (string | number)[]): Random =>
  seeded.random('graph', tenantId, ...words);

/** An object id for one purpose in one tenant. */
export const idOf = ({ seeded, tenantId }: TenantFacts, ...words: readonly (string | number)[]): string =>
  seeded.guid('graph', tenantId, ...words);

/** A security identifier of the cloud (`S-1-12-1-…`): the object id as four numbers of 32 bits. */
export function securityIdentifierOf(objectId: string): string {
  const bytes = Buffer.from(objectId.replaceAll('-', ''), 'hex');
  // The first three parts of a GUID are little-endian in memory.
  bytes.subarray(0, 4).reverse();
  bytes.subarray(4, 6).reverse();
  bytes.subarray(6, 8).reverse();
  return `S-1-12-1-${[0, 4, 8, 12].map((at) => bytes.readUInt32LE(at)).join('-')}`;
}

/** Hexadecimal text of a length up to 64 that a seed gives, for ids that are not GUIDs. */
export const hexOf = (facts: TenantFacts, length: number, ...words: readonly (string | number)[]): string =>
  createHash('sha256')
    .update(idOf(facts, ...words))
    .digest('hex')
    .slice(0, length);

/** Whether the tenant synchronizes its users from an Active Directory. */
export const isHybrid = ({ isPartner, seeded, tenantId }: TenantFacts): boolean =>
  !isPartner && seeded.random('graph', tenantId, 'hybrid')() < 0.3;

/** Short name of the tenant: the first label of its initial domain. */
export const labelOf = ({ initialDomain }: TenantFacts): string => initialDomain.split('.')[0] ?? initialDomain;
