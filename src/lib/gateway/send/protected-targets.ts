import type { PermissionMap } from 'graph-permissions/permission-map';
import { grantOf, type Protection } from '../../access/policy/policy.ts';
import { unconditional } from '../../approvals/meet-condition.ts';
import { BrokerError, toBrokerError } from '../../core/errors.ts';
import { parseGuid } from '../../core/identifiers.ts';
import { asObject, type JsonObject, objectOf, textOf } from '../../core/objects.ts';
import { parseJson } from '../../core/outbound.ts';
import { judgeRequest } from '../../judge/judge.ts';
import { encode } from '../../judge/reading/path.ts';
import { type Allowed, type Changed, type Grant, quoted } from '../../judge/verdict.ts';
import type { RequestFacts } from './request-records.ts';
import type { Answer } from './rewrite-answer.ts';
import { type Outgoing, sendRecorded, tokenRequestOf } from './send.ts';

/** A request that needs a look at other objects before it is sent. */
export type Asking = Omit<Outgoing, 'met' | 'body'>;

/**
 * Reads what decides whether a request may be sent, with the same rule, tenant and application. A look-up is a request of its
 * own, with its own records, and uses up no approval.
 * @param facts What the record of the request says.
 * @throws BrokerError as {@link sendRecorded} does.
 */
export function lookUp(asking: Asking, facts: RequestFacts, url: string): Promise<Answer> {
  const { pathname: path } = new URL(url);
  const request = { method: 'GET', url, path, headers: {} } as const;
  const outgoing = { ...asking, ...unconditional, verdict: { ...asking.verdict, request }, body: undefined };
  // The names are those of the request that it is for.
  const { template: _, query: __, bodyNames: ___, ...others } = facts;
  return sendRecorded(outgoing, { ...others, method: 'GET', path }, async () => {
    const tokenRequest = tokenRequestOf(outgoing, grantOf(asking.authorization.rule));
    return { tokenRequest, token: await asking.deps.tokens.getToken(tokenRequest), read: (answer) => answer };
  });
}

type Target = Exclude<Changed, string>;

/** Refuses a request whose target its rule protects. @throws BrokerError target_protected, access_denied, resource_error */
export type TargetGuard = (verdict: Allowed, facts: RequestFacts) => Promise<void>;

/**
 * The guard of one request of a caller, or of the parts of its batch. It looks each target up once, and forgets it with the
 * request. What it cannot know is a refusal.
 */
export function targetGuard(asking: Omit<Asking, 'verdict'>): TargetGuard {
  const { protect } = asking.authorization.rule;
  const looked = new Map<string, Promise<void>>();
  return async (verdict, facts) => {
    // Where the target does not show, the rule has not opened the request (`authorize.ts`).
    if (protect === undefined || typeof verdict.changed === 'string') return;
    const { kind, key } = verdict.changed;
    const name = `${kind} ${key.toLowerCase()}`;
    const look =
      looked.get(name) ?? refuseProtected(verdict.changed, protect, readerOf({ ...asking, verdict }, facts, kind));
    looked.set(name, look);
    await look;
  };
}

async function refuseProtected({ kind, key }: Target, protect: Protection, read: Read): Promise<void> {
  const why = await (kind === 'user' ? userFinding : groupFinding)(read, key, protect);
  if (why !== undefined) throw refused(`The rule protects the ${kind}: it ${why}.`);
}

const notSent = 'The request was not sent.';

const refused = (reason: string): BrokerError => new BrokerError('target_protected', `${reason} ${notSent}`);

/**
 * Reads a path of v1.0.
 * @param none A code of an error that means an empty list.
 * @throws BrokerError for an answer that does not tell.
 */
type Read = (path: string, none?: string) => Promise<JsonObject>;

const readerOf =
  (asking: Asking, facts: RequestFacts, kind: Target['kind']): Read =>
  async (path, none) => {
    const unknown = `Whether the rule protects the ${kind} is not known, because Microsoft Graph`;
    const { status, body } = await lookUp(asking, facts, `https://${asking.deps.graphHost}/v1.0/${path}`).catch(
      (thrown: unknown) => {
        const cause = toBrokerError(thrown);
        if (cause.code !== 'resource_error') throw cause;
        throw new BrokerError(cause.code, `${unknown} does not answer. ${notSent}`, { cause });
      },
    );
    if (status === 404) throw refused(`${unknown} does not find it.`);
    if (status === 401 || status === 403) throw new BrokerError('access_denied', `${unknown} ${hides}`);
    const json = asObject(parseJson(Buffer.from(body).toString('utf8')));
    if (status === 200 && Object.keys(json).length > 0) return json;
    if (status === 400 && none !== undefined && objectOf(json, 'error')?.['code'] === none) return { value: [] };
    throw new BrokerError('resource_error', `${unknown} answers with status ${status}. ${notSent}`);
  };

/** The permissions that open every look-up. */
const [readsRoles, readsObjects] = ['RoleManagement.Read.Directory', 'Directory.Read.All'];

/** Those of these permissions whose look-ups no permission of a token opens. Pure. */
export function missingPermissions(
  map: PermissionMap,
  { administrators }: Protection,
  held: Pick<Grant, 'scheme' | 'permissions'>,
): readonly string[] {
  const { memberships, owned, assigned, eligible } = listsOf('id');
  const isClosed = (path: string): boolean =>
    !judgeRequest(map, { ...held, beta: false, me: false, host: '' }, { method: 'GET', url: `/v1.0/${path}` }).allowed;
  const objects = [memberships, ...(administrators ? [owned, groupPath('id')] : [])];
  return [
    ...(administrators && [assigned, eligible].some(isClosed) ? [readsRoles] : []),
    ...(objects.some(isClosed) ? [readsObjects] : []),
  ];
}

const hides = `hides roles or groups: the application needs ${readsRoles} and ${readsObjects}, and the service account a role that reads them, such as Global Reader. ${notSent}`;

/** Graph's answer about roles that can be activated, in a tenant without Microsoft Entra ID P2 or ID Governance: there are none. */
const unlicensed = 'AadPremiumLicenseRequired';

const shown = '$select=id,displayName,isAssignableToRole';
/** The largest page of memberships ("Get a user's direct and transitive memberships"). Nobody is looked up in two pages. */
const mostMemberships = 999;

const addressOf = (collection: string, key: string): string => `${collection}('${encode(key.replaceAll("'", "''"))}')`;

const groupPath = (key: string): string => `${addressOf('groups', key)}?${shown}`;

/** The lists of a user. */
function listsOf(id: string) {
  const user = addressOf('users', id);
  const roles = `?$filter=principalId%20eq%20'${id}'&$expand=roleDefinition`;
  return {
    memberships: `${user}/transitiveMemberOf?${shown}&$top=${mostMemberships}`,
    owned: `${user}/ownedObjects?${shown}&$top=${mostMemberships}`,
    assigned: `roleManagement/directory/roleAssignments${roles}`,
    eligible: `roleManagement/directory/roleEligibilityScheduleInstances${roles}`,
  };
}

/** Why a user is protected. Undefined: it is not. */
async function userFinding(read: Read, key: string, protect: Protection): Promise<string | undefined> {
  const { memberships, owned, assigned, eligible } = listsOf(
    parseGuid(key) ?? idOf(await read(`${addressOf('users', key)}?$select=id`)),
  );
  const lists = [
    read(memberships).then((list) => firstFinding(list, 'memberships', (object) => membershipFinding(object, protect))),
    ...(!protect.administrators
      ? []
      : [
          read(owned).then((list) => firstFinding(list, 'owned objects', ownershipFinding)),
          read(assigned).then((list) => firstFinding(list, 'role assignments', (role) => `holds ${roleText(role)}`)),
          read(eligible, unlicensed).then((list) =>
            firstFinding(list, 'eligible roles', (role) => `may activate ${roleText(role)}`),
          ),
        ]),
  ];
  return (await Promise.all(lists)).find((found) => found !== undefined);
}

/** Why a group is protected: to change it, or who is in it, changes who is protected. */
async function groupFinding(read: Read, key: string, protect: Protection): Promise<string | undefined> {
  const group = await read(groupPath(key));
  const own = groupText(group, protect);
  if (own !== undefined) return `is ${own}`;
  if (protect.groups.size === 0) return undefined;
  const outer = await read(`${addressOf('groups', idOf(group))}/transitiveMemberOf?${shown}&$top=${mostMemberships}`);
  return firstFinding(outer, 'memberships', (object) => membershipFinding(object, protect));
}

/**
 * The first finding in a list.
 * @param name What is in the list.
 * @throws BrokerError if there is none in this page, and there are more, or no list.
 */
function firstFinding(
  list: JsonObject,
  name: string,
  find: (object: JsonObject) => string | undefined,
): string | undefined {
  const { value } = list;
  if (!Array.isArray(value)) throw unclear('a list');
  for (const object of value) {
    const found = find(asObject(object));
    if (found !== undefined) return found;
  }
  if (list['@odata.nextLink'] === undefined) return undefined;
  throw refused(
    `Whether the rule protects the target is not known, because Microsoft Graph lists its ${name} on more than one page.`,
  );
}

const unclear = (what: string): BrokerError =>
  new BrokerError(
    'resource_error',
    `Whether the rule protects the target is not known, because Microsoft Graph does not answer with ${what}. ${notSent}`,
  );

function idOf(object: JsonObject): string {
  const id = parseGuid(object['id']);
  if (id === undefined) throw unclear('an id');
  return id;
}

/** What is behind a membership: a role that holds in the whole tenant, or a group. An administrative unit gives no role. */
function membershipFinding(object: JsonObject, protect: Protection): string | undefined {
  switch (object['@odata.type']) {
    case '#microsoft.graph.group': {
      const group = groupText(object, protect);
      return group && `is a member of ${group}`;
    }
    case '#microsoft.graph.directoryRole':
      return protect.administrators ? `holds the directory role ${nameOf(object)}` : undefined;
    case '#microsoft.graph.administrativeUnit':
      return undefined;
    default:
      throw unclear('groups, roles and units alone');
  }
}

/**
 * Owners can add members to a group to which roles can be assigned, and so give its roles ("Use Microsoft Entra groups to
 * manage role assignments").
 */
function ownershipFinding(object: JsonObject): string | undefined {
  const type = textOf(object, '@odata.type');
  if (type === undefined) throw unclear('the types of objects');
  if (type !== '#microsoft.graph.group') return undefined;
  const group = groupText(object, { administrators: true, groups: new Set() });
  return group && `owns ${group}`;
}

/**
 * Names a group that is protected. Microsoft protects the members of a group to which roles can be assigned as it protects
 * administrators, whatever roles it has now ("Use Microsoft Entra groups to manage role assignments").
 */
function groupText(group: JsonObject, { administrators, groups }: Protection): string | undefined {
  if (groups.has(idOf(group))) return `the protected group ${nameOf(group)}`;
  if (!administrators) return undefined;
  // Graph leaves the property out, or answers null, for a group to which no directory role can be assigned.
  if ((group['isAssignableToRole'] ?? false) !== false)
    return `the group ${nameOf(group)}, to which directory roles can be assigned`;
  // Every group has a name. Graph hides names and properties from a token that may not read groups.
  if (typeof group['displayName'] === 'string') return undefined;
  throw new BrokerError(
    'access_denied',
    `Whether the rule protects the target is not known, because Microsoft Graph ${hides}`,
  );
}

function roleText(role: JsonObject): string {
  const name = nameOf({ displayName: role['roleDefinitionId'], ...objectOf(role, 'roleDefinition') });
  const limit = role['directoryScopeId'] === '/' ? '' : ' in a part of the tenant';
  return `the directory role ${name}${limit}`;
}

const nameOf = ({ displayName, id }: JsonObject): string => quoted(String(displayName ?? id));
