import type { Change, Declaration, PropertyRule, Row, TenantView } from '../../../graph/declaration.ts';
import { methodKinds, methodRows } from '../authentication-data.ts';
import { devicesOf } from '../device-data.ts';
import { perTenant, randomOf, type TenantFacts, time } from '../facts.ts';
import { managedDeviceRow } from '../intune-data.ts';
import { licenceDetailRows } from '../licensing.ts';
import { needsEntraPremium } from '../premium.ts';
import { mailboxByUser } from '../usage-data.ts';
import { profileById, profilesOf, type Profile } from '../user-profiles.ts';
import { userRow } from '../user-rows.ts';
import { checkUser } from '../write-checks/users.ts';
import { entitySet, references, singleton } from './declare.ts';

const generatedRows = perTenant((facts): readonly Row[] => profilesOf(facts).map((profile) => userRow(facts, profile)));

// Accounts of the partner can be disabled, and their sessions revoked, while the cloud runs.
const userRows = (facts: TenantFacts): readonly Row[] =>
  facts.isPartner ? profilesOf(facts).map((profile) => userRow(facts, profile)) : generatedRows(facts);

/** What Graph sets on a new user. */
const completeUser = ({ world }: TenantView, row: Row): Row => ({
  userType: 'Member',
  businessPhones: [],
  createdDateTime: time(world.clock.nowMs()),
  lastPasswordChangeDateTime: time(world.clock.nowMs()),
  ...row,
  passwordProfile: null,
});

/** What Graph sets when a password is reset: the new password was set now. */
const changedUser = ({ world }: TenantView, { values, row }: Change): Row =>
  (values['passwordProfile'] as Row | null | undefined)?.['password'] === undefined
    ? row
    : { ...row, lastPasswordChangeDateTime: time(world.clock.nowMs()) };

const forUser =
  <T>(none: T, of: (facts: TenantFacts, profile: Profile) => T) =>
  (facts: TenantFacts, key = ''): T => {
    const profile = profileById(facts).get(key);
    return profile === undefined ? none : of(facts, profile);
  };

const timeZone = 'GMT Standard Time';

const mailboxSettings = ({ isSharedMailbox }: Profile): Row => ({
  archiveFolder: null,
  automaticRepliesSetting: { status: 'disabled', externalAudience: 'none' },
  dateFormat: 'dd/MM/yyyy',
  delegateMeetingMessageDeliveryOptions: 'sendToDelegateOnly',
  language: { locale: 'en-GB', displayName: 'English (United Kingdom)' },
  timeFormat: 'HH:mm',
  timeZone,
  userPurpose: isSharedMailbox ? 'shared' : 'user',
});

/**
 * Without a premium licence, Graph refuses `signInActivity`. Pages with it have at most 500 users, and a user with it is
 * addressed by id only ("user resource type").
 */
const signInActivity = {
  permissions: ['AuditLog.Read.All'],
  check: needsEntraPremium,
  maxPage: 500,
  byIdOnly: true,
} as const;

/** Graph returns these for one user only. Source: a note in "List users", which later versions of the page left out. */
const ofOneUser: Readonly<Record<string, PropertyRule>> = Object.fromEntries(
  [
    'aboutMe',
    'birthday',
    'hireDate',
    'interests',
    'mySite',
    'pastProjects',
    'preferredName',
    'responsibilities',
    'schools',
    'skills',
  ].map((name) => [name, { objectOnly: true }]),
);

const mailboxSettingsOfUser: PropertyRule = {
  objectOnly: true,
  opens: 'users/{id}/mailboxSettings',
  ofOne: (tenant, { id }) => tenant.rows('users/{id}/mailboxSettings', String(id))[0] ?? null,
};

export const userSets: readonly Declaration[] = [
  entitySet('users', 'user', userRows, {
    live: true,
    queries: 'directory',
    delta: true,
    searched: ['displayName', 'mail', 'userPrincipalName', 'givenName', 'surname'],
    alternateKeys: ['userPrincipalName'],
    properties: { signInActivity, mailboxSettings: mailboxSettingsOfUser, ...ofOneUser },
    writes: {
      operations: ['create', 'update', 'delete'],
      required: ['accountEnabled', 'displayName', 'mailNickname', 'userPrincipalName'],
      unique: ['userPrincipalName'],
      check: checkUser,
      complete: completeUser,
      changed: changedUser,
      applied: ({ directory }, { id, accountEnabled }) => {
        // Sign-ins depend on the accounts of the partner's directory.
        const account = directory.users.get(String(id));
        if (account !== undefined && typeof accountEnabled === 'boolean') account.accountEnabled = accountEnabled;
      },
    },
  }),
  references(
    'users/{id}/manager',
    ['users'],
    forUser<readonly string[]>([], (facts, { managerIndex }) => {
      const manager = managerIndex === undefined ? undefined : facts.users[managerIndex];
      return manager === undefined ? [] : [manager.id];
    }),
    { single: true, writable: true, queries: 'directory' },
  ),
  {
    kind: 'inverse',
    path: 'users/{id}/directReports',
    type: 'microsoft.graph.directoryObject',
    of: ['users/{id}/manager'],
    queries: 'directory',
  },
  entitySet(
    'users/{id}/licenseDetails',
    'licenseDetails',
    forUser<readonly Row[]>([], (facts, { user }) => licenceDetailRows(facts, user)),
  ),
  singleton(
    'users/{id}/mailboxSettings',
    'mailboxSettings',
    forUser<Row | undefined>(undefined, (facts, profile) =>
      mailboxByUser(facts).has(profile.user.id) ? mailboxSettings(profile) : undefined,
    ),
  ),
  singleton('users/{id}/authentication', 'authentication', (_facts, id) => ({ id }), {}),
  // Beta only. MFA per user is the older way, which tenants with policies have turned off.
  singleton(
    'users/{id}/authentication/requirements',
    'strongAuthenticationRequirements',
    forUser<Row | undefined>(undefined, (facts, { index, user }) => ({
      perUserMfaState:
        user.methods.length > 0 && randomOf(facts, 'mfa per user', index)() < 0.3 ? 'enforced' : 'disabled',
    })),
    { writes: {} },
  ),
  entitySet('users/{id}/authentication/methods', 'authenticationMethod', forUser<readonly Row[]>([], methodRows), {
    writes: { operations: ['delete'] },
  }),
  ...methodKinds.map(({ path, type }) =>
    entitySet(
      `users/{id}/authentication/${path}`,
      type,
      forUser<readonly Row[]>([], (facts, profile) =>
        methodRows(facts, profile).filter((row) => row['@odata.type'] === `#microsoft.graph.${type}`),
      ),
      { writes: { operations: ['create', 'delete'] } },
    ),
  ),
  entitySet('users/{id}/managedDevices', 'managedDevice', forUser<readonly Row[]>([], managedDevicesOf)),
];

function managedDevicesOf(facts: TenantFacts, { user }: Profile): readonly Row[] {
  return devicesOf(facts)
    .filter(({ owner, isManaged }) => isManaged && owner.id === user.id)
    .map((device) => managedDeviceRow(facts, device));
}
