import type { GroupData, RoleData, TenantData } from 'microsoft-cloud';
import { addFault, clearFaults } from 'microsoft-cloud/client';
import { accessToken, createCloud, type TestCloud } from 'microsoft-cloud/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPermissionMap } from 'graph-permissions/build-map';
import { partnerEntries, partnerMap } from 'graph-permissions/partner-table';
import { tableEntries } from 'graph-permissions/table';
import { missingPermissions } from '../../../../../src/lib/gateway/send/protected-targets.ts';
import { createUpstream, type UpstreamRequest } from '../../../../../src/lib/gateway/send/upstream.ts';
import type { Answer } from '../../../../../src/lib/gateway/send/rewrite-answer.ts';
import { decideApproval } from '../../../../../src/lib/approvals/decide-approval.ts';
import { OutboundError } from '../../../../../src/lib/core/outbound.ts';
import { silentLogger } from '../../../../../src/lib/core/log.ts';
import { type BrokerError, toBrokerError } from '../../../../../src/lib/core/errors.ts';
import { seededRandom } from '../../../../fakes/fake-clock.ts';
import { consentTo } from '../../../../support/consent-to.ts';
import { person } from '../../../../support/approval-records.ts';
import { settled } from '../../../../support/settled.ts';
import { bodyOf, bytes, contoso, json, portal, stage } from './stage.ts';

const random = seededRandom(20261130);
/** Ids with the same letters in each run. */
const guid = (): string =>
  'xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx'.replaceAll('x', () => Math.floor(random() * 16).toString(16));
const vip = 'Board';
const graphUrl = 'https://graph.microsoft.com/v1.0';

/** What a user has beside its account. Groups are named; the groups themselves are below. */
interface Profile {
  readonly groups?: readonly string[];
  readonly owns?: readonly string[];
  readonly unit?: true;
  readonly guest?: true;
  readonly roles?: readonly Omit<RoleData, 'principal'>[];
}

const north = 'North';
const profiles: readonly Profile[] = [
  {},
  { guest: true },
  { unit: true },
  { groups: ['Sales'] },
  { groups: ['Sales', 'Printers'], unit: true },
  { roles: [{ role: 'Global Administrator' }] },
  { roles: [{ role: 'Reports Reader' }], guest: true },
  { roles: [{ role: 'Groups Administrator', administrativeUnit: north }] },
  { roles: [{ role: 'User Administrator', isEligible: true }] },
  { roles: [{ role: 'License Administrator', isEligible: true, administrativeUnit: north }], groups: ['Sales'] },
  { groups: ['Tier 0'] },
  { groups: ['Tier 1'], guest: true },
  { groups: ['Tier 2'] },
  { groups: ['Inner'] },
  { groups: [vip] },
  { groups: ['Assistants'] },
  { groups: ['Drivers'], guest: true },
  { groups: ['Printers', 'Drivers'], unit: true },
  { owns: ['Tier 0'] },
  { owns: ['Sales', 'Tier 2'], groups: ['Sales'], guest: true },
  { owns: ['Sales', 'Inner', vip], groups: ['Printers'] },
];

/** Tier 0 has a role, Tier 1 is eligible for one, Tier 2 has none, and Inner is nested in Tier 0. */
const nesting: readonly (Omit<GroupData, 'members' | 'owners'> & { readonly groups: readonly string[] })[] = [
  { displayName: 'Tier 0', isAssignableToRole: true, groups: ['Inner'] },
  { displayName: 'Tier 1', isAssignableToRole: true, groups: [] },
  { displayName: 'Tier 2', isAssignableToRole: true, groups: [] },
  { displayName: 'Inner', groups: [] },
  { displayName: 'Sales', groups: ['Printers'] },
  { displayName: 'Printers', groups: [] },
  { displayName: vip, groups: ['Assistants'] },
  { displayName: 'Assistants', groups: ['Drivers', 'Crowd'] },
  { displayName: 'Drivers', groups: [] },
];
const groupRoles: readonly RoleData[] = [
  { role: 'Exchange Administrator', principal: 'Tier 0' },
  { role: 'Security Reader', principal: 'Tier 1', isEligible: true },
];

/** A write: the rest of the path below a user, or a membership of a group. */
type Write =
  | { readonly on: 'user'; readonly method: string; readonly rest?: string; readonly body?: object }
  | { readonly on: 'members' | 'owners'; readonly method: 'POST' | 'DELETE'; readonly group: string };

const phone = '3179e48a-750b-4051-897c-87b9720928f7';
const writes: readonly Write[] = [
  { on: 'user', method: 'PATCH', body: { jobTitle: 'Clerk' } },
  { on: 'user', method: 'PATCH', body: { accountEnabled: false } },
  { on: 'user', method: 'PATCH', body: { passwordProfile: { password: 'correct horse 9 Battery' } } },
  { on: 'user', method: 'POST', rest: '/revokeSignInSessions' },
  { on: 'user', method: 'POST', rest: '/assignLicense', body: { addLicenses: [], removeLicenses: [] } },
  { on: 'user', method: 'DELETE' },
  { on: 'user', method: 'DELETE', rest: `/authentication/phoneMethods/${phone}` },
  { on: 'user', method: 'PATCH', rest: '/mailboxSettings', body: { language: { locale: 'de-DE' } } },
  { on: 'members', method: 'POST', group: 'Tier 2' },
  { on: 'members', method: 'DELETE', group: 'Tier 0' },
  { on: 'owners', method: 'POST', group: 'Tier 1' },
  { on: 'members', method: 'POST', group: 'Sales' },
  { on: 'members', method: 'DELETE', group: 'Drivers' },
];

const typeIn = (collection: string): string => (collection.endsWith('users') ? 'user' : 'group');

interface Named {
  readonly id: string;
  readonly upn: string;
}

const encoded = (text: string): string => [...text].map((sign) => `%${sign.charCodeAt(0).toString(16)}`).join('');
const quotedKey = (text: string): string => `('${encodeURIComponent(text.replaceAll("'", "''"))}')`;

/** Ways to address an object of a collection below a version. A name of a guest contains #, and that of others a quote. */
const spellings: Readonly<Record<string, (collection: string, of: Named) => string>> = {
  id: (collection, { id }) => `${collection}/${id}`,
  'id in upper case': (collection, { id }) => `${collection}/${id.toUpperCase()}`,
  'encoded id': (collection, { id }) => `${collection}/${encoded(id)}`,
  'user principal name': (collection, { upn }) => `${collection}/${encodeURIComponent(upn)}`,
  'name in capitals': (collection, { upn }) => `${collection}/${encodeURIComponent(upn.toUpperCase())}`,
  'encoded name': (collection, { upn }) => `${collection}/${encoded(upn)}`,
  'key of an id': (collection, { id }) => `${collection}${quotedKey(id)}`,
  'key of a name': (collection, { upn }) => `${collection}${quotedKey(upn)}`,
  'collection in capitals': (collection, { id }) => `${collection.toUpperCase()}/${id}`,
  'cast of the collection': (collection, { id }) => `${collection}/microsoft.graph.${typeIn(collection)}/${id}`,
  'cast of the object': (collection, { id }) => `${collection}/${id}/microsoft.graph.${typeIn(collection)}`,
  'short cast': (collection, { id }) => `${collection}/${id}/graph.${typeIn(collection)}`,
};

interface Case {
  readonly at: number;
  readonly user: Named;
  readonly profile: Profile;
  readonly write: Write;
  readonly spelling: string;
  readonly inBatch: boolean;
}

const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
/** A quote stands in a path only as part of a key in parentheses. */
const upnOf = (at: number, { guest }: Profile, spelling: string): string => {
  if (guest) return `visitor${at}_supplier.example#EXT#@contoso.example`;
  return `${spelling === 'key of a name' ? "o'neil" : 'user'}${at}@contoso.example`;
};

const cases: readonly Case[] = Array.from({ length: profiles.length * writes.length }, (_, at) => {
  const profile = profiles[at % profiles.length] as Profile;
  const write = writes[Math.floor(at / profiles.length)] as Write;
  const spelling = pick(Object.keys(spellings));
  const user = { id: guid(), upn: upnOf(at, profile, spelling) };
  return { at, user, profile, write, spelling, inBatch: random() < 0.25 };
});

const namesWith = (list: 'groups' | 'owns', group: string): readonly string[] =>
  cases.filter(({ profile }) => profile[list]?.includes(group)).map(({ user }) => user.upn);

/** A group of 5,000, which is in the protected group by two others. */
const crowd = Array.from({ length: 5_000 }, (_, at) => `crowd${at}@contoso.example`);
const gone = { id: guid(), upn: 'gone@contoso.example' };

const tenant: TenantData = {
  tenantId: contoso,
  domain: 'contoso.example',
  users: [
    { userPrincipalName: 'admin@contoso.example', licences: ['SPE_E5'] },
    { userPrincipalName: gone.upn, id: gone.id },
    ...crowd.map((userPrincipalName) => ({ userPrincipalName })),
    ...cases.map(({ user, profile }) => ({
      userPrincipalName: user.upn,
      id: user.id,
      ...(profile.guest ? { userType: 'Guest' as const } : {}),
    })),
  ],
  groups: nesting
    .map(({ groups, ...group }) => ({
      ...group,
      members: [...groups, ...namesWith('groups', group.displayName)],
      owners: namesWith('owns', group.displayName),
    }))
    .concat({ displayName: 'Crowd', members: crowd, owners: [] }),
  administrativeUnits: [
    { displayName: north, members: cases.filter(({ profile }) => profile.unit).map(({ user }) => user.upn) },
  ],
  roles: [
    ...groupRoles,
    ...cases.flatMap(({ user, profile: { roles = [] } }) => roles.map((role) => ({ ...role, principal: user.upn }))),
  ],
};

/** The oracle: it reads the tenant as it was written down above, and nothing of Graph. */
function groupsAbove(names: readonly string[]): ReadonlySet<string> {
  const found = new Set(names);
  for (const name of found) for (const outer of nesting) if (outer.groups.includes(name)) found.add(outer.displayName);
  return found;
}
const decidesProtection = (groups: ReadonlySet<string>): boolean =>
  nesting.some(
    ({ displayName, isAssignableToRole }) => groups.has(displayName) && (isAssignableToRole || displayName === vip),
  );
const isProtected = ({ profile, write }: Case): boolean =>
  write.on === 'user'
    ? (profile.roles ?? []).length > 0 ||
      decidesProtection(groupsAbove(profile.groups ?? [])) ||
      nesting.some(({ displayName, isAssignableToRole }) => isAssignableToRole && profile.owns?.includes(displayName))
    : decidesProtection(groupsAbove([write.group]));

const scopes = [
  'Directory.Read.All',
  'Group.ReadWrite.All',
  'MailboxSettings.ReadWrite',
  'RoleManagement.ReadWrite.Directory',
  'User-PasswordProfile.ReadWrite.All',
  'User.ReadWrite.All',
  'UserAuthenticationMethod.ReadWrite.All',
];
const rule = {
  name: 'helpdesk',
  callers: { applications: [portal.applicationId] },
  tenants: ['*'],
  resources: ['graph'],
  scopes,
  grants: ['application'],
  via: ['gateway'],
};

/** The map of the project lacks this request, which Microsoft's file lists. */
const map = buildPermissionMap([
  ...partnerEntries(),
  ...tableEntries('POST /groups/{id}/owners: Group.ReadWrite.All Directory.ReadWrite.All'),
]);

const upstream = createUpstream();
let cloud: TestCloud;
let token: string;
let groupIds: ReadonlyMap<string, string>;

/** The gateway in front of the simulated cloud, and what reached it. */
function inFrontOfCloud(more: object, bearer = () => token) {
  const world = stage([{ ...rule, ...more }], { requestsPerMinute: 60_000 });
  const arrived: string[] = [];
  Object.assign(world.deps, {
    permissionMap: async () => map,
    addressOf: () => cloud.document.graph,
    upstream: async (request: UpstreamRequest) => {
      arrived.push(`${request.method} ${new URL(request.url).pathname}`);
      return upstream({ ...request, headers: { ...request.headers, authorization: `Bearer ${bearer()}` } });
    },
  });
  return { ...world, writes: () => arrived.filter((line) => !line.startsWith('GET ')), arrived };
}

beforeAll(async () => {
  cloud = await createCloud({ tenants: [tenant], settings: { consentPropagationMs: 0 } });
  await consentTo(cloud.document, contoso, scopes);
  token = await accessToken(cloud, contoso);
  const answer = await fetch(`${cloud.document.graph}/v1.0/groups?$select=id,displayName&$top=999`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const { value } = (await answer.json()) as { value: { id: string; displayName: string }[] };
  groupIds = new Map(value.map(({ id, displayName }) => [displayName, id]));
});
afterAll(() => cloud.close());

const protectsAll = () => ({ protect: ['administrators', `group:${groupIds.get(vip)?.toUpperCase()}`] });

interface Order {
  readonly method: string;
  /** Path below the version, in lower case as far as the spelling allows. */
  readonly path: string;
  readonly body: object | undefined;
}

function orderOf({ user, write, spelling }: Case): Order {
  const address = spellings[spelling] ?? (() => '');
  if (write.on === 'user')
    return { method: write.method, path: `${address('/users', user)}${write.rest ?? ''}`, body: write.body };
  const id = groupIds.get(write.group) ?? '';
  const list = `${address('/groups', { id, upn: id })}/${write.on}`;
  const reference = { '@odata.id': `${graphUrl}/${write.group === 'Sales' ? 'users' : 'directoryObjects'}/${user.id}` };
  return write.method === 'POST'
    ? { method: 'POST', path: `${list}/$ref`, body: reference }
    : { method: 'DELETE', path: `${list}/${user.id}/$ref`, body: undefined };
}

/** What a caller sees of a request, or of the second part of a batch. */
interface Seen {
  readonly status: number;
  readonly code?: string | undefined;
  readonly text: string;
}

async function ask({ send }: ReturnType<typeof inFrontOfCloud>, order: Order, inBatch: boolean): Promise<Seen> {
  const { method, path, body } = order;
  try {
    if (!inBatch) {
      const { status } = await send(`/v1.0${path}`, { method, body: body && bytes(body) });
      return { status, text: '' };
    }
    const headers = { 'content-type': 'application/json' };
    const requests = [
      { id: '1', method: 'GET', url: '/users?$top=1&$select=id' },
      { id: '2', method, url: path, ...(body && { headers, body }) },
    ];
    const answer = await send('/v1.0/$batch', { method: 'POST', body: bytes({ requests }) });
    const { responses } = bodyOf(answer) as {
      responses: { id: string; status: number; body?: { error?: { code: string; message: string } } }[];
    };
    const part = responses.find(({ id }) => id === '2');
    return { status: part?.status ?? 0, code: part?.body?.error?.code, text: part?.body?.error?.message ?? '' };
  } catch (thrown) {
    const { code, detail } = toBrokerError(thrown);
    return { status: 403, code, text: detail };
  }
}

const titled = cases.map((each) => {
  const { write, spelling, inBatch, at } = each;
  const what =
    write.on === 'user' ? `${write.method} user${write.rest ?? ''}` : `${write.method} ${write.on} of ${write.group}`;
  const who = JSON.stringify(profiles[at % profiles.length]);
  return [`${what} by ${spelling}${inBatch ? ' in a batch' : ''}, ${who}`, each] as const;
});

it('has cases of both kinds for each kind of write to a user', () => {
  const kinds = new Set(
    cases
      .filter(({ write }) => write.on === 'user')
      .map((each) => `${(each.at / profiles.length) | 0} ${isProtected(each)}`),
  );
  expect([cases.length >= 200, kinds.size]).toEqual([true, 2 * writes.filter(({ on }) => on === 'user').length]);
});

describe('a write to a protected target', () => {
  it.each(titled.filter(([, each]) => isProtected(each)))('does not leave: %s', async (_, each) => {
    const world = inFrontOfCloud(protectsAll());
    const seen = await ask(world, orderOf(each), each.inBatch);
    expect(world.writes()).toEqual([]);
    expect(seen).toMatchObject({ status: 403, code: 'target_protected' });
    expect(seen.text).toMatch(
      /^The rule protects the (?:user: it (?:holds|may activate|is a member of|owns)|group: it is) .*"[^"]+".* The request was not sent\.$/,
    );
    const denied = world.audit.entries.filter(({ outcome }) => outcome === 'denied');
    expect(denied).toMatchObject([{ code: 'target_protected', method: orderOf(each).method, rule: 'helpdesk' }]);
  });
});

describe('a write to another target', () => {
  it.each(titled.filter(([, each]) => !isProtected(each)))('leaves once: %s', async (_, each) => {
    const world = inFrontOfCloud(protectsAll());
    const seen = await ask(world, orderOf(each), each.inBatch);
    expect(seen.code).not.toBe('target_protected');
    expect(world.writes().map((line) => line.split(' ', 1)[0])).toEqual([orderOf(each).method]);
  });
});

describe('look-ups', () => {
  const nobody = cases.find(({ profile, write }) => profile === profiles[0] && write.method === 'PATCH')?.user as Named;
  const inSales = cases.find(({ profile, write }) => profile === profiles[3] && write.method === 'PATCH')
    ?.user as Named;
  const patch = (path: string): Order => ({ method: 'PATCH', path, body: { jobTitle: 'Clerk' } });
  const look = [
    `/v1.0/users('${nobody.id}')/transitiveMemberOf`,
    `/v1.0/users('${nobody.id}')/ownedObjects`,
    '/v1.0/roleManagement/directory/roleAssignments',
    '/v1.0/roleManagement/directory/roleEligibilityScheduleInstances',
  ];

  it('are four for an id and five for a name, each with its records', async () => {
    const byId = inFrontOfCloud({ protect: ['administrators'] });
    expect(await ask(byId, patch(`/users/${nobody.id}`), false)).toMatchObject({ status: 204 });
    expect(byId.arrived.slice(0, -1).toSorted()).toEqual(look.map((path) => `GET ${path}`).toSorted());
    const records = byId.audit.entries.map(({ method, path, outcome }) => `${outcome} ${method} ${path}`);
    expect(records).toHaveLength(10);
    expect(records).toEqual(expect.arrayContaining(look.map((path) => `sent GET ${path}`)));
    const byName = inFrontOfCloud({ protect: ['administrators'] });
    await ask(byName, patch(`/users/${nobody.upn}`), false);
    expect(byName.arrived).toHaveLength(6);
  });

  it('are one for a rule that protects only groups, and none for a rule that protects nobody, or to read', async () => {
    const groupsOnly = inFrontOfCloud({ protect: [`group:${groupIds.get(vip)}`] });
    await ask(groupsOnly, patch(`/users/${nobody.id}`), false);
    expect(groupsOnly.arrived).toHaveLength(2);
    const without = inFrontOfCloud({});
    await ask(without, patch(`/users/${nobody.id}`), false);
    const reading = inFrontOfCloud({ protect: ['administrators'] });
    await ask(reading, { method: 'GET', path: `/users/${nobody.id}`, body: undefined }, false);
    await ask(
      reading,
      { method: 'POST', path: `/users/${nobody.id}/getMemberGroups`, body: { securityEnabledOnly: true } },
      false,
    );
    expect([without.arrived.length, reading.arrived.length]).toEqual([1, 2]);
  });

  it('are shared by the parts of a batch, and by nothing else', async () => {
    const world = inFrontOfCloud({ protect: ['administrators'] });
    const headers = { 'content-type': 'application/json' };
    const parts = ['1', '2', '3'].map((id) => ({
      id,
      method: 'PATCH',
      url: `/users/${nobody.id}`,
      headers,
      body: { jobTitle: id },
    }));
    for (const times of [1, 2]) {
      await world.send('/v1.0/$batch', { method: 'POST', body: bytes({ requests: parts }) });
      expect([world.writes().length, world.arrived.length]).toEqual([3 * times, 7 * times]);
    }
  });

  it('find a protected group through a group of 5,000', async () => {
    const world = inFrontOfCloud(protectsAll());
    const { code, text } = await ask(world, patch(`/users/${crowd[4_711]}`), false);
    expect([code, text]).toEqual(['target_protected', expect.stringContaining('the protected group "Board"')]);
  });

  it('refuse a deleted user, and one that never was', async () => {
    await fetch(`${cloud.document.graph}/v1.0/users/${gone.id}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${token}` },
    });
    const world = inFrontOfCloud({ protect: ['administrators'] });
    for (const key of [gone.id, gone.upn, 'nobody@contoso.example', guid()])
      expect(await ask(world, patch(`/users/${key}`), false)).toMatchObject({
        code: 'target_protected',
        text: 'Whether the rule protects the user is not known, because Microsoft Graph does not find it. The request was not sent.',
      });
    expect(world.writes()).toEqual([]);
  });

  it.each([
    ['roles', ['User.ReadWrite.All', 'GroupMember.Read.All'], nobody],
    ['roles to activate', ['User.ReadWrite.All', 'Directory.Read.All'], nobody],
    ['groups', ['User.ReadWrite.All', 'RoleManagement.Read.Directory'], inSales],
  ])('refuse without the permission to read %s', async (_, permissions, { id }) => {
    const administrators = { administrators: true, groups: new Set<string>() };
    const missingOf = (held: readonly string[]) =>
      missingPermissions(partnerMap(), administrators, { scheme: 'delegated', permissions: new Set(held) });
    expect(missingOf(permissions)).not.toEqual([]);
    expect(missingOf(scopes)).toEqual([]);
    await consentTo(cloud.document, contoso, permissions);
    const narrow = await accessToken(cloud, contoso);
    const world = inFrontOfCloud({ protect: ['administrators'] }, () => narrow);
    expect(await ask(world, patch(`/users/${id}`), false)).toMatchObject({
      code: 'access_denied',
      text: expect.stringContaining(
        'the application needs RoleManagement.Read.Directory and Directory.Read.All',
      ) as string,
    });
    expect(world.writes()).toEqual([]);
  });

  it('refuse while the directory does not answer', async () => {
    await addFault(cloud.document.control, 'directory-roles-down');
    const world = inFrontOfCloud({ protect: ['administrators'] });
    const seen = await settled(ask(world, patch(`/users/${nobody.id}`), false), world.clock, 5_000);
    await clearFaults(cloud.document.control);
    expect(seen).toMatchObject({
      code: 'resource_error',
      text: expect.stringContaining('is not known, because Microsoft Graph answers with status 503') as string,
    });
    expect(world.writes()).toEqual([]);
  });
});

describe('an answer of Graph that does not tell', () => {
  const id = guid();
  const list = (value: readonly object[], more: object = {}): Answer => json({ value, ...more });
  const group = { '@odata.type': '#microsoft.graph.group', id: guid(), displayName: 'Sales', isAssignableToRole: null };
  const failure = (status: number, code: string): Answer => json({ error: { code, message: 'x' } }, { status });
  const unlicensed = failure(400, 'AadPremiumLicenseRequired');

  /** A stage whose Graph answers by the last segment of the path. */
  function answering(answers: Readonly<Record<string, Answer>>, more: object = {}) {
    const world = stage([{ ...rule, protect: ['administrators'], ...more }]);
    const written: string[] = [];
    Object.assign(world.deps, {
      upstream: async ({ method, url }: UpstreamRequest) => {
        if (method !== 'GET') written.push(method);
        return answers[new URL(url).pathname.split('/').at(-1) ?? ''] ?? list([]);
      },
    });
    const patch = (justification = {}) =>
      world.send(`/v1.0/users/${id}`, { method: 'PATCH', body: bytes({ jobTitle: 'x' }), justification });
    return { ...world, written, patch };
  }

  const memberships = 'transitiveMemberOf';
  const owned = 'ownedObjects';
  const active = 'roleAssignments';
  const eligible = 'roleEligibilityScheduleInstances';
  const next = { '@odata.nextLink': 'https://graph.microsoft.com/v1.0/next' };

  it.each<[string, Readonly<Record<string, Answer>>, string, RegExp]>([
    [
      'memberships that are forbidden',
      { [memberships]: failure(403, 'Authorization_RequestDenied') },
      'access_denied',
      /needs RoleManagement\.Read\.Directory/,
    ],
    [
      'roles that are forbidden',
      { [active]: failure(403, 'Authorization_RequestDenied') },
      'access_denied',
      /such as Global Reader/,
    ],
    ['roles to activate that are forbidden', { [eligible]: failure(401, 'x') }, 'access_denied', /is not known/],
    ['active roles without the licence', { [active]: unlicensed }, 'resource_error', /status 400/],
    ['another error', { [eligible]: failure(400, 'BadRequest') }, 'resource_error', /status 400/],
    [
      'an answer that is no JSON',
      { [active]: { ...json({}), body: Buffer.from('<html>') } },
      'resource_error',
      /status 200/,
    ],
    ['an answer without a list', { [eligible]: json({ id }) }, 'resource_error', /does not answer with a list/],
    [
      'more than a page',
      { [memberships]: list([group], next) },
      'target_protected',
      /lists its memberships on more than one page/,
    ],
    ['more roles than a page', { [active]: list([], next) }, 'target_protected', /lists its role assignments on more/],
    ['more roles to activate', { [eligible]: list([], next) }, 'target_protected', /lists its eligible roles on more/],
    [
      'a group whose name is hidden',
      { [memberships]: list([{ ...group, displayName: null }]) },
      'access_denied',
      /hides roles or groups/,
    ],
    [
      'a membership of an unknown type',
      { [memberships]: list([{ id: guid() }]) },
      'resource_error',
      /groups, roles and units alone/,
    ],
    [
      'more owned objects than a page',
      { [owned]: list([group], next) },
      'target_protected',
      /lists its owned objects on more/,
    ],
    ['an owned object of no type', { [owned]: list([{ id: guid() }]) }, 'resource_error', /the types of objects/],
    [
      'an owned group whose name is hidden',
      { [owned]: list([{ ...group, displayName: null }]) },
      'access_denied',
      /hides roles or groups/,
    ],
    ['owned objects that are forbidden', { [owned]: failure(403, 'x') }, 'access_denied', /is not known/],
    ['a group without an id', { [memberships]: list([{ ...group, id: 1 }]) }, 'resource_error', /an id/],
  ])('refuses: %s', async (_, answers, code, detail) => {
    const { patch, written, audit } = answering(answers);
    const error = await patch().catch((thrown: unknown) => thrown as BrokerError);
    expect(error).toMatchObject({ code, detail: expect.stringMatching(detail) as string });
    expect(written).toEqual([]);
    expect(audit.entries.filter(({ outcome }) => outcome === 'denied')).toMatchObject([{ code, method: 'PATCH' }]);
  });

  it('refuses while the connection fails', async () => {
    const { send, world, clock } = stage([{ ...rule, protect: ['administrators'] }]);
    world.answers.push(...Array.from({ length: 20 }, () => new OutboundError('network', 'graph.microsoft.com')));
    const sent = send(`/v1.0/users/${id}`, { method: 'DELETE' });
    await expect(settled(sent, clock, 5_000)).rejects.toMatchObject({
      code: 'resource_error',
      detail:
        'Whether the rule protects the user is not known, because Microsoft Graph does not answer. The request was not sent.',
    });
    expect(world.sent.every(({ method }) => method === 'GET')).toBe(true);
  });

  it.each<[string, Readonly<Record<string, Answer>>]>([
    ['no role to activate without the licence', { [eligible]: unlicensed }],
    ['an ordinary group', { [memberships]: list([group]) }],
    ['an ordinary group that it owns', { [owned]: list([group]) }],
    ['an application that it owns', { [owned]: list([{ '@odata.type': '#microsoft.graph.application', id }]) }],
    [
      'an administrative unit',
      { [memberships]: list([{ '@odata.type': '#microsoft.graph.administrativeUnit', id: guid() }]) },
    ],
  ])('passes: %s', async (_, answers) => {
    const { patch, written } = answering(answers);
    await patch();
    expect(written).toEqual(['PATCH']);
  });

  it.each<[string, Readonly<Record<string, Answer>>, string]>([
    [
      'a role without a name',
      { [active]: list([{ roleDefinitionId: 'r-1', directoryScopeId: '/' }], next) },
      'it holds the directory role "r-1"',
    ],
    [
      'a role by membership',
      { [memberships]: list([{ '@odata.type': '#microsoft.graph.directoryRole', id, displayName: 'Helper' }]) },
      'it holds the directory role "Helper"',
    ],
    [
      'a text instead of a truth',
      { [memberships]: list([{ ...group, isAssignableToRole: 'False' }]) },
      'to which directory roles can be assigned',
    ],
  ])('refuses and says why: %s', async (_, answers, why) => {
    const { patch, written } = answering(answers);
    await expect(patch()).rejects.toMatchObject({
      code: 'target_protected',
      detail: expect.stringContaining(why) as string,
    });
    expect(written).toEqual([]);
  });

  const administrator = { [active]: list([{ roleDefinitionId: 'r-1', directoryScopeId: '/' }]) };
  const justification = { reason: 'The account sends spam, ticket 4711.' };

  it('asks nobody to approve what it will not send', async () => {
    const { patch, approvals } = answering(administrator, { approval: {} });
    await expect(patch(justification)).rejects.toMatchObject({ code: 'target_protected' });
    expect(approvals.approvalLog.rows.size).toBe(0);
  });

  it('looks again when the request has been approved', async () => {
    const answers: Record<string, Answer> = {};
    const { patch, approvals, orchestrations, written } = answering(answers, { approval: {} });
    const id = (await patch(justification)).headers['x-approval-id'] ?? '';
    const caller = { ...person(2), roles: ['Approvals.Decide' as const] };
    const decider = { caller, correlationId: guid(), log: silentLogger, orchestrations };
    await decideApproval(approvals, id, { decision: 'approve', reason: 'Agreed with the customer.' }, decider);
    Object.assign(answers, administrator);
    await expect(patch(justification)).rejects.toMatchObject({ code: 'target_protected' });
    expect(written).toEqual([]);
    delete answers[active];
    await patch(justification);
    expect(written).toEqual(['PATCH']);
  });

  it('announces no emergency for what it does not send', async () => {
    const { patch, approvals } = answering(administrator, { breakGlass: true });
    await expect(patch({ ...justification, breakGlass: true })).rejects.toMatchObject({ code: 'target_protected' });
    expect(approvals.notices).toEqual([]);
  });

  it.each([
    ['POST', '/v1.0/me/revokeSignInSessions'],
    ['POST', '/v1.0/roleManagement/directory/roleAssignments'],
    ['DELETE', `/v1.0/roleManagement/directory/roleAssignments/${id}`],
    ['PATCH', '/v1.0/organization/x1'],
  ])('is not even asked for where no target shows: %s %s', async (method, url) => {
    const requests = { paths: ['/v1.0/**', '/v1.0/me/**'] };
    const { send, written, audit } = answering(
      {},
      { grants: ['delegated'], scopes: [...scopes, 'Organization.ReadWrite.All'], requests },
    );
    const body = method === 'DELETE' ? {} : { body: bytes({ x: 1 }) };
    await expect(send(url, { method, ...body })).rejects.toMatchObject({
      code: 'caller_forbidden',
      detail: expect.stringContaining('does not show whom') as string,
    });
    expect([written, audit.entries.length]).toEqual([[], 1]);
  });
});
