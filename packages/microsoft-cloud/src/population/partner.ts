import { apiRoles } from './api-callers.ts';
import { dayMs } from '../clock.ts';
import type { Group, User } from '../directory/records.ts';
import { createTenantDirectory, type TenantDirectory } from '../directory/tenant-directory.ts';
import type { Seeded } from '../seeded.ts';
import { directoryRoles, type RoleName } from './roles.ts';
import {
  type ApiApplication,
  type ClientCredentials,
  createApiApplication,
  createManagedIdentity,
  createReadyApplication,
  type ManagedIdentity,
} from './partner-applications.ts';

/** An account of the partner tenant. */
interface Account {
  readonly objectId: string;
  readonly username: string;
  readonly name: string;
  /** `member`: a person who works with the API and has no access to customers. */
  readonly state: 'admin' | 'service' | 'no_mfa' | 'outsider' | 'disabled' | 'member';
  /** Roles of the API that are assigned to the account. */
  readonly roles: readonly string[];
}

export interface Partner {
  readonly tenantId: string;
  readonly name: string;
  readonly domain: string;
  readonly directory: TenantDirectory;
  readonly adminAgents: Group;
  /** Security groups for delegated relationships: role id → group. */
  readonly gdapGroups: ReadonlyMap<string, Group>;
  readonly accounts: readonly Account[];
  readonly serviceAccount: User;
  /** A client application that is set up: consented, a member of AdminAgents, with one secret. */
  readonly application: ClientCredentials;
  /** An API of the partner with application roles, and clients that have been assigned some of them. */
  readonly api: ApiApplication;
  readonly managedIdentity: ManagedIdentity;
}

const domain = 'lighthousepartners.onmicrosoft.com';

interface Person {
  /** Name of the account, before the `@`. */
  readonly local: string;
  readonly givenName: string;
  readonly surname: string;
  readonly state: Account['state'];
  /** Roles of the API. Default: none. */
  readonly roles?: readonly string[];
}

const serviceAccountPerson: Person = {
  local: 'broker',
  givenName: 'Service',
  surname: 'Account',
  state: 'service',
};

const people: readonly Person[] = [
  { local: 'admin', givenName: 'Global', surname: 'Administrator', state: 'admin' },
  serviceAccountPerson,
  { local: 'nomfa', givenName: 'No', surname: 'Mfa', state: 'no_mfa' },
  { local: 'outsider', givenName: 'Out', surname: 'Sider', state: 'outsider' },
  { local: 'disabled', givenName: 'Dis', surname: 'Abled', state: 'disabled' },
  { local: 'operator', givenName: 'Olivia', surname: 'Operator', state: 'member', roles: apiRoles },
  { local: 'auditor', givenName: 'Amir', surname: 'Rahman', state: 'member', roles: ['Audit.Read'] },
  {
    local: 'approver',
    givenName: 'Clara',
    surname: 'Lindqvist',
    state: 'member',
    roles: ['Audit.Read', 'Approvals.Decide'],
  },
  {
    local: 'helpdesk',
    givenName: 'Hana',
    surname: 'Sato',
    state: 'member',
    roles: ['Requests.Send', 'Tenants.Read'],
  },
  { local: 'newcomer', givenName: 'Nadia', surname: 'Petrova', state: 'member' },
];

const nameOf = ({ givenName, surname }: Person): string => `${givenName} ${surname}`;

const usernameOf = ({ local }: Person): string => `${local}@${domain}`;

const idOf = ({ local }: Person, seeded: Seeded): string => seeded.guid('partner-user', local);

function createUser(person: Person, seeded: Seeded, nowMs: number): User {
  const { givenName, surname, state } = person;
  return {
    id: idOf(person, seeded),
    userPrincipalName: usernameOf(person),
    displayName: nameOf(person),
    givenName,
    surname,
    userType: 'Member',
    createdMs: nowMs - 900 * dayMs,
    licences: [],
    methods: state === 'no_mfa' ? [] : ['microsoftAuthenticatorPush', 'softwareOneTimePasscode'],
    isAdmin: state === 'admin',
    accountEnabled: state !== 'disabled',
    validFromMs: 0,
  };
}

/** Creates the partner's own tenant: accounts, groups, ready-made applications and a managed identity. */
export function createPartner(seeded: Seeded, nowMs: number): Partner {
  const tenantId = seeded.guid('partner');
  const serviceAccount = createUser(serviceAccountPerson, seeded, nowMs);
  const users = people.map((person) =>
    person === serviceAccountPerson ? serviceAccount : createUser(person, seeded, nowMs),
  );
  const directory = createTenantDirectory(tenantId, seeded, users, nowMs);
  const { adminAgents, gdapGroups } = createGroups(directory, seeded);
  for (const [at, user] of users.entries()) {
    const state = people[at]?.state;
    if (state === 'outsider' || state === 'member') continue;
    for (const group of [adminAgents, ...gdapGroups.values()]) group.members.add(user.id);
  }
  const roleHolders = users.map(({ id }, at) => ({ id, roles: people[at]?.roles ?? [] }));
  return {
    tenantId,
    name: 'Lighthouse Partners',
    domain,
    directory,
    adminAgents,
    gdapGroups,
    accounts: people.map((person) => ({
      objectId: idOf(person, seeded),
      username: usernameOf(person),
      name: nameOf(person),
      state: person.state,
      roles: person.roles ?? [],
    })),
    serviceAccount,
    application: createReadyApplication(directory, adminAgents, seeded, nowMs),
    api: createApiApplication(directory, seeded, nowMs, roleHolders),
    managedIdentity: createManagedIdentity(directory, seeded, nowMs),
  };
}

/** One group for each role, so that the least role can be tested alone. */
const gdapGroupNames: readonly (readonly [string, RoleName])[] = [
  ['GDAP Readers', 'Global Reader'],
  ['GDAP Applications', 'Cloud Application Administrator'],
  ['GDAP Exchange', 'Exchange Administrator'],
  ['GDAP Users', 'User Administrator'],
];

function createGroups(directory: TenantDirectory, seeded: Seeded): Pick<Partner, 'adminAgents' | 'gdapGroups'> {
  const group = (displayName: string, description: string): Group => {
    const created = { id: seeded.guid('group', displayName), displayName, description, members: new Set<string>() };
    directory.groups.set(created.id, created);
    return created;
  };
  group('HelpdeskAgents', 'Agents who help customers of this partner.');
  group('SalesAgents', 'Agents who sell to customers of this partner.');
  const gdapGroups = gdapGroupNames.map(
    ([name, role]) => [directoryRoles[role], group(name, `Has the role ${role} in customer tenants.`)] as const,
  );
  const adminAgents = group('AdminAgents', 'Agents who administer customers of this partner.');
  return { adminAgents, gdapGroups: new Map(gdapGroups) };
}
