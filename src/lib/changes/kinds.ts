import { BrokerError } from '../core/errors.ts';
import { isObject, type JsonObject, textOf } from '../core/objects.ts';
import type { ExchangeOnlineClient } from '../microsoft/exchange-online.ts';
import type { GraphClient } from '../microsoft/graph.ts';
import type { Change, ChangeOf } from './change.ts';
import { isSame, partOf } from './values.ts';

/** Reads the state of one tenant. Neither client can write. */
export interface Reader {
  readonly graph: Pick<GraphClient, 'find' | 'list'>;
  readonly exchange: Pick<ExchangeOnlineClient, 'list'>;
}

/** What a change found in the tenant, in the terms of the change. Null: it is not there. */
export type State = JsonObject | null;

/** The request that makes a change. */
export interface ChangeRequest {
  readonly resource: 'graph' | 'exchange';
  readonly method: 'POST' | 'PATCH' | 'DELETE';
  /** Path below the resource; for Graph with its version. */
  readonly path: string;
  readonly body: JsonObject | undefined;
  /** The version that it changes, and no other one. */
  readonly ifMatch?: string | undefined;
  /** Of the row of the plan. */
  readonly sha256?: string | undefined;
  readonly cmdlet?: { readonly name: string; readonly parameters: readonly string[] };
}

/** What is known of a change that was sent. */
interface Sent {
  /** The id of what it created. */
  readonly createdId?: string | undefined;
}

/** What an action does. Each function gets a change of the action. */
interface Kind<A extends Change['action']> {
  /** What the change concerns, in one line. */
  target(change: ChangeOf<A>): string;
  /** Reads what the change is about. @throws BrokerError if it cannot be read, or is not clear. */
  read(change: ChangeOf<A>, reader: Reader, sent?: Sent): Promise<State>;
  /** Whether a state is what the change is for. */
  isAim(change: ChangeOf<A>, state: State): boolean;
  /** What a view shows as the state after it. */
  after(change: ChangeOf<A>): State;
  request(change: ChangeOf<A>, tenantId: string): ChangeRequest;
  /** The change that takes this one back, or why none does, as the end of "cannot be undone: …". */
  inverse(change: ChangeOf<A>, before: State, sent?: Sent): Change | string;
  /** Whether the same request may leave twice without doing more than once. */
  setsState(change: ChangeOf<A>): boolean;
}

const versioned = (path: string): string => (/^\/(?:v1\.0|beta)\//.test(path) ? path : `/v1.0${path}`);

const selectOf = (names: readonly string[]): string => names.filter((name) => !name.startsWith('@')).join(',');

/** Reads the named properties of one object. */
async function readProperties(
  { graph }: Pick<Reader, 'graph'>,
  path: string,
  aim: JsonObject,
  absentIsNull = false,
): Promise<State> {
  const found = await graph.find(`${path}?$select=${selectOf(Object.keys(aim))}`);
  return found === undefined ? null : (partOf(found, aim, absentIsNull) as JsonObject);
}

/** The facts that a change rests on. Undefined: it rests on none. */
export async function readFacts({ while: facts }: Change, { graph }: Reader): Promise<State | undefined> {
  if (facts === undefined) return undefined;
  return readProperties({ graph }, facts.path, Object.fromEntries(facts.properties.map((name) => [name, null])), true);
}

/** Whether each value of the aim is in the state. */
const hasAll = (state: State, aim: JsonObject): boolean => state !== null && isSame(partOf(state, aim), aim);

const lacks = (state: State, properties: JsonObject): string | undefined =>
  state === null ? undefined : Object.keys(properties).find((name) => !Object.hasOwn(state, name));

const updating: Kind<'update'> = {
  target: ({ path }) => path,
  read: ({ path, properties, absentIsNull }, reader) => readProperties(reader, path, properties, absentIsNull),
  isAim: ({ properties }, state) => hasAll(state, properties),
  after: ({ properties }) => properties,
  request: ({ path, properties }) => ({ resource: 'graph', method: 'PATCH', path: versioned(path), body: properties }),
  inverse: ({ path, properties, absentIsNull }, before) => {
    if (before === null) return 'the object was not there';
    const missing = lacks(before, properties);
    if (missing !== undefined) return `Microsoft Graph does not show the value of ${missing}`;
    return { action: 'update', path, properties: before, ...(absentIsNull && { absentIsNull }) };
  },
  setsState: () => true,
};

const creating: Kind<'create'> = {
  target: ({ collection, properties, key }) =>
    `${collection} (${key.map((name) => `${name}: ${String(properties[name])}`).join(', ')})`,
  read: async ({ collection, properties, key }, { graph }, { createdId } = {}) => {
    const shown = (object: JsonObject): JsonObject => ({
      ...(partOf(object, properties) as JsonObject),
      id: object['id'],
    });
    if (createdId !== undefined) {
      const found = await graph.find(`${collection}/${createdId}`);
      return found === undefined ? null : shown(found);
    }
    const wanted = Object.fromEntries(key.map((name) => [name, properties[name]]));
    const found: JsonObject[] = [];
    // Every page is read and compared here: filters on names miss objects, and names are not unique.
    for await (const object of graph.list(collection)) if (hasAll(object, wanted)) found.push(object);
    const [only, ...others] = found;
    if (others.length > 0)
      throw new BrokerError(
        'job_failed',
        `${found.length} objects in ${collection} have the same ${key.join(', ')}, so it is not clear which one is meant. Rename or remove all but one.`,
      );
    return only === undefined ? null : shown(only);
  },
  isAim: ({ properties }, state) => hasAll(state, properties),
  after: ({ properties }) => properties,
  request: ({ collection, properties }) => ({
    resource: 'graph',
    method: 'POST',
    path: versioned(collection),
    body: properties,
  }),
  inverse: ({ collection }, _, { createdId } = {}) =>
    createdId === undefined
      ? 'the id of the new object is not known'
      : { action: 'remove', path: `${collection}/${createdId}` },
  setsState: () => false,
};

/**
 * Where Graph keeps what was removed, for 30 days ("Recover from deletions in Microsoft Entra ID"; "Restore deleted
 * Conditional Access policies and named locations").
 */
const restored: readonly { readonly path: RegExp; readonly by: (id: string) => string }[] = [
  {
    path: /^\/(?:v1\.0\/|beta\/)?(?:users|groups|applications|servicePrincipals|directory\/administrativeUnits)\/([^/]+)$/i,
    by: (id) => `/directory/deletedItems/${id}/restore`,
  },
  {
    path: /^\/(?:v1\.0\/|beta\/)?identity\/conditionalAccess\/policies\/([^/]+)$/i,
    by: (id) => `/beta/identity/conditionalAccess/deletedItems/policies/${id}/restore`,
  },
  {
    path: /^\/(?:v1\.0\/|beta\/)?identity\/conditionalAccess\/namedLocations\/([^/]+)$/i,
    by: (id) => `/beta/identity/conditionalAccess/deletedItems/namedLocations/${id}/restore`,
  },
];

/**
 * Objects that Graph changes only in the version that the request names ("Update plannerTask", "Update driveItem", "Update
 * delegatedAdminRelationship"). No other type is known to compare it.
 */
const compared =
  /^\/(?:v1\.0\/|beta\/)?(?:planner\/\w+\/[^/]+(?:\/\w+)?|(?:drives\/[^/]+|(?:users|groups|sites)\/[^/]+\/drive)\/items\/[^/]+|tenantRelationships\/delegatedAdminRelationships\/[^/]+)$/i;

/**
 * Reads the version of what a change concerns, before its state is read. Undefined: Graph compares none, so what somebody
 * else does between the read and the write is not noticed.
 */
export async function versionOf(change: Change, { graph }: Reader): Promise<string | undefined> {
  if ((change.action !== 'update' && change.action !== 'remove') || !compared.test(change.path)) return undefined;
  const found = await graph.find(change.path);
  return found && textOf(found, '@odata.etag');
}

/**
 * What an undo of a removal does beside it. A Conditional Access policy comes back as it was, so one that was on is set to
 * report only, or it could shut people out. The service principal of an application is restored apart from it ("Recover from
 * deletions in Microsoft Entra ID").
 */
export async function besides(inverse: Change, before: State, { graph }: Reader): Promise<readonly Change[]> {
  if (inverse.action !== 'restore' || before === null) return [];
  const { path } = inverse;
  if (/conditionalAccess\/policies\//i.test(path) && before['state'] === 'enabled')
    return [{ action: 'update', path, properties: { state: 'enabledForReportingButNotEnforced' } }];
  const appId = textOf(before, 'appId');
  const restores: Change[] = [];
  if (!/\/applications\/[^/]+$/i.test(path) || appId === undefined) return restores;
  for await (const { id, appId: of } of graph.list('/directory/deletedItems/microsoft.graph.servicePrincipal')) {
    if (typeof id !== 'string' || !isSame(of, appId)) continue;
    restores.push({ action: 'restore', path: `/servicePrincipals/${id}`, by: `/directory/deletedItems/${id}/restore` });
  }
  return restores;
}

const readWhole = async (path: string, { graph }: Reader): Promise<State> => (await graph.find(path)) ?? null;

const removing: Kind<'remove'> = {
  target: ({ path }) => path,
  read: ({ path }, reader) => readWhole(path, reader),
  isAim: (_, state) => state === null,
  after: () => null,
  request: ({ path }) => ({ resource: 'graph', method: 'DELETE', path: versioned(path), body: undefined }),
  inverse: ({ path }) => {
    for (const { path: pattern, by } of restored) {
      const [, id] = pattern.exec(path) ?? [];
      if (id !== undefined) return { action: 'restore', path, by: by(id) };
    }
    return 'Microsoft does not keep what was removed there';
  },
  setsState: () => true,
};

const restoring: Kind<'restore'> = {
  target: ({ path }) => path,
  read: ({ path }, reader) => readWhole(path, reader),
  isAim: (_, state) => state !== null,
  after: ({ path }) => ({ restored: path }),
  request: ({ by }) => ({ resource: 'graph', method: 'POST', path: versioned(by), body: undefined }),
  inverse: ({ path }) => ({ action: 'remove', path }),
  setsState: () => false,
};

const referencing = (adds: boolean): Kind<'add-reference'> & Kind<'remove-reference'> => ({
  target: ({ path, id }) => `${path}/${id}`,
  read: async ({ path, id }, { graph }) => {
    for await (const object of graph.list(`${path}?$select=id`)) if (isSame(object['id'], id)) return { id };
    return null;
  },
  isAim: (_, state) => (state !== null) === adds,
  after: ({ id }) => (adds ? { id } : null),
  request: ({ path, id }) =>
    adds
      ? {
          resource: 'graph',
          method: 'POST',
          path: `${versioned(path)}/$ref`,
          body: { '@odata.id': `https://graph.microsoft.com/v1.0/directoryObjects/${id}` },
        }
      : { resource: 'graph', method: 'DELETE', path: `${versioned(path)}/${id}/$ref`, body: undefined },
  inverse: ({ path, id }) => ({ action: adds ? 'remove-reference' : 'add-reference', path, id }),
  // To add what is there is refused, and to remove what is gone is not found.
  setsState: () => true,
});

/** The parameters that set something. */
const setBy = ({ parameters, read }: ChangeOf<'cmdlet'>): JsonObject =>
  Object.fromEntries(Object.entries(parameters).filter(([name]) => !Object.hasOwn(read.parameters, name)));

/** Exchange shows a text that was cleared as null or as empty. */
const withoutBlanks = (values: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value === '' ? null : value]));

const running: Kind<'cmdlet'> = {
  target: ({ cmdlet, read }) => [cmdlet, ...Object.values(read.parameters)].join(' '),
  read: async (change, { exchange }) => {
    const { cmdlet, parameters } = change.read;
    const aim = setBy(change);
    const [only, ...others] = await Array.fromAsync(exchange.list(cmdlet, parameters, { select: Object.keys(aim) }));
    if (others.length > 0)
      throw new BrokerError('job_failed', `${cmdlet} returns several objects; name the one that is meant by its GUID.`);
    return only === undefined ? null : withoutBlanks(partOf(only, aim, true) as JsonObject);
  },
  isAim: (change, state) => hasAll(state, withoutBlanks(setBy(change))),
  after: setBy,
  request: ({ cmdlet, parameters }, tenantId) => ({
    resource: 'exchange',
    method: 'POST',
    path: `/adminapi/beta/${tenantId}/InvokeCommand`,
    body: { CmdletInput: { CmdletName: cmdlet, Parameters: parameters } },
    cmdlet: { name: cmdlet, parameters: Object.keys(parameters) },
  }),
  inverse: ({ cmdlet, read }, before) =>
    before === null
      ? 'the object was not there'
      : {
          action: 'cmdlet',
          cmdlet,
          parameters: { ...(before as ChangeOf<'cmdlet'>['parameters']), ...read.parameters },
          read,
        },
  // Of other verbs nothing is known: New- creates another object each time.
  setsState: ({ cmdlet }) => /^Set-/i.test(cmdlet),
};

const acting: Kind<'act'> = {
  target: ({ path }) => path,
  read: async () => null,
  isAim: () => false,
  after: ({ body }) => body ?? {},
  request: ({ path, body }) => ({ resource: 'graph', method: 'POST', path: versioned(path), body }),
  inverse: () => 'an action has no opposite',
  setsState: () => false,
};

const kinds: { readonly [A in Change['action']]: Kind<A> } = {
  update: updating,
  create: creating,
  remove: removing,
  restore: restoring,
  'add-reference': referencing(true),
  'remove-reference': referencing(false),
  cmdlet: running,
  act: acting,
};

/** What the action of a change does. */
export const kindOf = (change: Change): Kind<Change['action']> =>
  kinds[change.action] as unknown as Kind<Change['action']>;

/** The id in an answer, which names the created object. */
export const idIn = (answer: unknown): string | undefined => (isObject(answer) ? textOf(answer, 'id') : undefined);
