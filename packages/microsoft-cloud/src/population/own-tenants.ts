import { exchangeAppId } from '../directory/microsoft-resources.ts';
import type { User } from '../directory/records.ts';
import type { Seeded } from '../seeded.ts';
import { createCustomers } from './customers.ts';
import { directoryRoles } from './roles.ts';
import { skus } from './skus.ts';
import { type CustomerTenant, refusalsOf, type TenantState, type TenantTrait } from './tenant.ts';
import type { GroupData, OwnDirectory, RoleData } from './own-directory.ts';
import { createUsers } from './users.ts';

/** A user that the caller gives. What is left out is generated. */
export interface UserData {
  /** With a domain of the tenant, or `…#EXT#@…` for a guest. */
  readonly userPrincipalName: string;
  /** A GUID. */
  readonly id?: string;
  readonly displayName?: string;
  readonly givenName?: string;
  readonly surname?: string;
  /** Default: `Member`. */
  readonly userType?: 'Member' | 'Guest';
  /** Default: true. */
  readonly accountEnabled?: boolean;
  /** Part numbers of licences, such as `SPB`. Default: none. */
  readonly licences?: readonly string[];
  /** Authentication methods, such as `mobilePhone`. Default: none. */
  readonly methods?: readonly string[];
  /** Global Administrator. Default: true for the first user only. */
  readonly isAdmin?: boolean;
}

/** A customer tenant that the caller gives. What is left out is generated. */
export interface TenantData {
  /** A GUID. */
  readonly tenantId?: string;
  readonly name?: string;
  /** The default domain. */
  readonly domain?: string;
  /** Default: `ok`. */
  readonly state?: TenantState;
  readonly trait?: TenantTrait;
  /** At least one. Default: generated users. */
  readonly users?: readonly UserData[];
  readonly groups?: readonly GroupData[];
  readonly administrativeUnits?: readonly GroupData[];
  readonly roles?: readonly RoleData[];
}

const guid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

interface Population {
  readonly customers: readonly CustomerTenant[];
  readonly usersOf: (tenant: CustomerTenant) => readonly User[];
}

export interface PopulationOptions {
  readonly tenants: number;
  /** Undefined: another number for each tenant. */
  readonly usersPerTenant?: number | undefined;
  readonly plain: boolean;
  /** The customers that the caller gives. Undefined: all customers are generated. */
  readonly ownTenants?: readonly TenantData[] | undefined;
  readonly seeded: Seeded;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
}

/**
 * Creates the customers. Generated users are created on demand; those that the caller gives at once, so that a wrong list
 * is refused at the start.
 * @throws RangeError for data that cannot be used.
 */
export function createPopulation(options: PopulationOptions): Population {
  const { tenants, usersPerTenant, plain, ownTenants, seeded, nowMs } = options;
  const generated = createCustomers(tenants, seeded, plain, usersPerTenant);
  const customers = ownTenants === undefined ? generated : withOwnData(generated, ownTenants);
  const given = new Map<CustomerTenant, readonly User[]>();
  for (const customer of customers) {
    const users = ownTenants?.[customer.index]?.users;
    if (users !== undefined) given.set(customer, ownUsers(customer, users, { seeded, nowMs }));
    if (customer.own !== undefined) checkDirectory(customer.own, users ?? []);
  }
  return { customers, usersOf: (tenant) => given.get(tenant) ?? createUsers(tenant, seeded, nowMs) };
}

/**
 * Puts the data of the caller into generated tenants, which are `ok` and without a trait.
 * @throws RangeError for an id that is no GUID, and for ids, domains or user names that occur twice.
 */
function withOwnData(generated: readonly CustomerTenant[], data: readonly TenantData[]): readonly CustomerTenant[] {
  const tenants = generated.map((tenant, index) => withData(tenant, data[index] ?? {}));
  checkUnique(tenants.map(({ tenantId }) => tenantId));
  checkUnique(tenants.flatMap(({ initialDomain, defaultDomain }) => [...new Set([initialDomain, defaultDomain])]));
  return tenants;
}

function withData(tenant: CustomerTenant, data: TenantData): CustomerTenant {
  const { tenantId = tenant.tenantId, name = tenant.name, domain = tenant.defaultDomain, state = 'ok' } = data;
  if (!/^[\w-]+(?:\.[\w-]+)+$/.test(domain)) throw new RangeError(`"${domain}" is no domain.`);
  const isInitial = domain.toLowerCase().endsWith('.onmicrosoft.com');
  return {
    ...tenant,
    tenantId: checkedGuid(tenantId),
    name,
    contractName: data.trait === 'name_differs' ? `${name} (formerly another name)` : name,
    defaultDomain: domain.toLowerCase(),
    initialDomain: isInitial ? domain.toLowerCase() : tenant.initialDomain,
    ...(data.trait === undefined ? {} : { trait: data.trait }),
    lacks: new Set(data.trait === 'no_exchange' ? [exchangeAppId] : []),
    state,
    refusal: refusalsOf[state][0] ?? 0,
    userCount: data.users?.length ?? tenant.userCount,
    ...ownDirectory(data),
  };
}

/**
 * Creates the users that the caller gives.
 * @throws RangeError for an empty list, an unknown licence, an id that is no GUID, and ids or names that occur twice.
 */
function ownUsers(
  tenant: CustomerTenant,
  data: readonly UserData[],
  { seeded, nowMs }: { readonly seeded: Seeded; readonly nowMs: number },
): readonly User[] {
  if (data.length === 0) throw new RangeError(`The tenant ${tenant.name} needs at least one user.`);
  const users = data.map((user, index) => ({
    id: checkedGuid(user.id ?? seeded.guid('user', tenant.tenantId, index)),
    userPrincipalName: checkedName(user.userPrincipalName),
    ...namesOf(user),
    userType: user.userType ?? ('Member' as const),
    createdMs: nowMs - 400 * 24 * 3_600_000,
    licences: (user.licences ?? []).map(skuIdOf),
    methods: user.methods ?? [],
    isAdmin: user.isAdmin ?? index === 0,
    lastSignInMs: undefined,
    accountEnabled: user.accountEnabled ?? true,
    validFromMs: 0,
  }));
  checkUnique(users.map(({ id }) => id));
  checkUnique(users.map(({ userPrincipalName }) => userPrincipalName.toLowerCase()));
  return users;
}

const ownDirectory = ({
  groups = [],
  roles = [],
  administrativeUnits = [],
}: TenantData): Pick<CustomerTenant, 'own'> =>
  groups.length + roles.length + administrativeUnits.length === 0
    ? {}
    : { own: { groups, roles, administrativeUnits } };

/** @throws RangeError for a name that the caller did not give, an unknown role, and names that occur twice. */
function checkDirectory({ groups, roles, administrativeUnits }: OwnDirectory, users: readonly UserData[]): void {
  const names = [
    ...users.map(({ userPrincipalName }) => userPrincipalName),
    ...groups.map(({ displayName }) => displayName),
  ];
  const units = administrativeUnits.map(({ displayName }) => displayName);
  checkUnique(names);
  checkUnique(units);
  const known = new Set(names);
  const used = [...groups, ...administrativeUnits].flatMap(({ members, owners = [] }) => [...members, ...owners]);
  const unknown = [...used, ...roles.map(({ principal }) => principal)].find((name) => !known.has(name));
  if (unknown !== undefined) throw new RangeError(`There is no user or group "${unknown}".`);
  for (const { role, administrativeUnit } of roles) {
    if (!Object.entries(directoryRoles).flat().includes(role))
      throw new RangeError(`There is no directory role "${role}".`);
    if (administrativeUnit !== undefined && !units.includes(administrativeUnit))
      throw new RangeError(`There is no administrative unit "${administrativeUnit}".`);
  }
}

function namesOf(user: UserData): Pick<User, 'displayName' | 'givenName' | 'surname'> {
  const local = user.userPrincipalName.split('@', 1)[0] ?? '';
  const [given = local, ...family] = (user.displayName ?? local).split(/[ .]/);
  const { givenName = given, surname = family.join(' ') } = user;
  return { displayName: user.displayName ?? `${givenName} ${surname}`.trim(), givenName, surname };
}

function skuIdOf(partNumber: string): string {
  const sku = skus.find(({ skuPartNumber }) => skuPartNumber === partNumber);
  if (sku !== undefined) return sku.skuId;
  const known = skus.map(({ skuPartNumber }) => skuPartNumber).join(', ');
  throw new RangeError(`There is no licence "${partNumber}". Use one of ${known}.`);
}

function checkedGuid(id: string): string {
  if (!guid.test(id.toLowerCase())) throw new RangeError(`"${id}" is no GUID.`);
  return id.toLowerCase();
}

function checkedName(name: string): string {
  if (!/^[^@\s]+@[^@\s]+$/.test(name)) throw new RangeError(`"${name}" is no user principal name.`);
  return name;
}

function checkUnique(values: readonly string[]): void {
  const twice = values.find((value, index) => values.indexOf(value) !== index);
  if (twice !== undefined) throw new RangeError(`"${twice}" occurs twice.`);
}
