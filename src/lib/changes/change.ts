import { BrokerError } from '../core/errors.ts';
import { scrub } from '../core/log.ts';
import { isObject, type JsonObject } from '../core/objects.ts';

/** Facts that a change rests on. They are read when the plan is made and again before the change is sent. */
interface Facts {
  /** Path of one object in Graph. */
  readonly path: string;
  /** Names of its properties. */
  readonly properties: readonly string[];
}

interface Common {
  /** If one of these facts has changed since the plan, the change has drifted and is not sent. */
  readonly while?: Facts | undefined;
}

/** A value of a parameter of a cmdlet. Null clears it. */
type ParameterValue = string | number | boolean | null | readonly string[];

/** One intended difference in one tenant, as plain data. */
export type Change = Common &
  (
    | {
        readonly action: 'update';
        readonly path: string;
        readonly properties: JsonObject;
        readonly absentIsNull?: true | undefined;
      }
    | {
        readonly action: 'create';
        readonly collection: string;
        readonly properties: JsonObject;
        /** Names of the properties by which an object counts as this one. */
        readonly key: readonly string[];
        /** By which other changes of the tenant name the object (`created`). */
        readonly as?: string | undefined;
      }
    | { readonly action: 'remove'; readonly path: string }
    /** The inverse of a removal. Jobs do not make it. */
    | { readonly action: 'restore'; readonly path: string; readonly by: string }
    | { readonly action: 'add-reference'; readonly path: string; readonly id: string }
    | { readonly action: 'remove-reference'; readonly path: string; readonly id: string }
    | {
        readonly action: 'cmdlet';
        readonly cmdlet: string;
        readonly parameters: Readonly<Record<string, ParameterValue>>;
        readonly read: { readonly cmdlet: string; readonly parameters: Readonly<Record<string, string>> };
      }
    | { readonly action: 'act'; readonly path: string; readonly body: JsonObject | undefined }
  );

/** A change of one action. */
export type ChangeOf<A extends Change['action']> = Extract<Change, { readonly action: A }>;

const wrong = (rule: string): never => {
  throw new BrokerError('job_failed', `The plan has a change that cannot be made: ${rule}`);
};

function checkPath(path: string): void {
  if (!/^\/[!-~]+$/.test(path) || path.includes('?') || path.includes('#'))
    wrong(`"${path.slice(0, 100)}" is no path; it starts with "/" and has no query.`);
}

/** A plan is stored and shown, so it must not hold what opens something. */
const secretNames =
  /^(?:(?:new|current|old|user)?password|passwordProfile|passwordCredentials?|keyCredentials?|secretText|(?:client)?secret)$/i;

function checkValues(value: unknown, name = ''): void {
  if (secretNames.test(name)) wrong(`"${name}" is a secret, and a plan is stored and shown; set it by hand.`);
  if (typeof value === 'string' && scrub(value) !== value)
    wrong(`the value of "${name.slice(0, 40)}" looks like a token, and a plan is stored and shown.`);
  if (Array.isArray(value)) for (const item of value) checkValues(item, name);
  else if (isObject(value)) for (const [member, item] of Object.entries(value)) checkValues(item, member);
}

/**
 * Sets properties of one object. Members of an object that are not named stay; a list replaces the whole list.
 * @param path of the object in Graph, by its id.
 * @param options.absentIsNull whether a property that Graph leaves out of its answer is null. Without it, the change of such a
 * property cannot be undone.
 * @throws BrokerError job_failed for a path with a query, and for secrets.
 */
export function update(
  path: string,
  properties: JsonObject,
  options: Common & { readonly absentIsNull?: true } = {},
): Change {
  checkPath(path);
  checkValues(properties);
  if (Object.keys(properties).length === 0) wrong('an update names the properties that it sets.');
  return { action: 'update', path, properties, ...options };
}

/**
 * Creates an object, unless one with the same key exists: then it is updated, or is as it should be.
 * @param options.key names of the properties that identify it. Graph enforces hardly any name, so the whole collection is read.
 * @param options.as a name for {@link created}.
 * @throws BrokerError job_failed as {@link update} does.
 */
export function create(
  collection: string,
  properties: JsonObject,
  options: Common & { readonly key: readonly string[]; readonly as?: string },
): Change {
  checkPath(collection);
  checkValues(properties);
  const missing = options.key.find((name) => !Object.hasOwn(properties, name));
  if (options.key.length === 0 || missing !== undefined) wrong('the key of a create names properties that it sets.');
  return { action: 'create', collection, properties, ...options };
}

/** Removes one object. @throws BrokerError job_failed for a path with a query or to a reference. */
export function remove(path: string, options: Common = {}): Change {
  checkPath(path);
  if (path.endsWith('/$ref')) wrong('a reference is removed by removeReference, which removes nothing else.');
  return { action: 'remove', path, ...options };
}

function reference(action: 'add-reference' | 'remove-reference', path: string, id: string): Change {
  checkPath(path);
  // Without the id, DELETE would remove every reference; without /$ref, the object itself ("Remove member", Graph).
  if (path.endsWith('/$ref')) wrong('the path of a reference ends with its collection; "/$ref" is added.');
  if (!/^[\w{}:.-]+$/.test(id)) wrong('a reference needs the id of an object.');
  return { action, path, id };
}

/** Adds an object to a collection of references, such as `/groups/ID/members`. @throws BrokerError job_failed */
export const addReference = (path: string, id: string): Change => reference('add-reference', path, id);

/** Takes an object out of a collection of references. The object stays. @throws BrokerError job_failed */
export const removeReference = (path: string, id: string): Change => reference('remove-reference', path, id);

/**
 * Runs a cmdlet of Exchange that sets a state.
 * @param parameters with those of `read` among them; each other one is the name of a property that the cmdlet sets.
 * @param options.read the cmdlet that reads the state, with the parameters that name the object, by its GUID where it has one.
 * @throws BrokerError job_failed for secrets.
 */
export function cmdlet(
  name: string,
  parameters: Readonly<Record<string, ParameterValue>>,
  options: Common & {
    readonly read: { readonly cmdlet: string; readonly parameters?: Readonly<Record<string, string>> };
  },
): Change {
  checkValues(parameters);
  const { read, ...common } = options;
  return {
    action: 'cmdlet',
    cmdlet: name,
    parameters: { ...parameters, ...read.parameters },
    read: { cmdlet: read.cmdlet, parameters: read.parameters ?? {} },
    ...common,
  };
}

/** Runs an action of Graph, such as `/users/ID/revokeSignInSessions`. It cannot be undone. @throws BrokerError job_failed */
export function act(path: string, body?: JsonObject, options: Common = {}): Change {
  checkPath(path);
  checkValues(body);
  return { action: 'act', path, body, ...options };
}

/** The id of what a `create` with this `as` makes, for changes after it in the same tenant. */
export const created = (as: string): { readonly id: string } => ({ id: `{created:${as}}` });

/** The list without the items that `isOut` names. */
export const without = <T>(list: readonly T[], isOut: (item: T) => boolean): readonly T[] =>
  list.filter((item) => !isOut(item));

/** The list with the item, once. */
export const including = <T>(list: readonly T[], item: T): readonly T[] => [...new Set([...list, item])];

const createdReference = /\{created:([^{}]{1,60})\}/g;

/** The names of the `create`s that a change needs. */
export const needsOf = (change: Change): readonly string[] => [
  ...new Set(Array.from(JSON.stringify(change).matchAll(createdReference), ([, name = '']) => name)),
];

/** The change with the ids of what was created before it. */
export function withCreated(change: Change, ids: ReadonlyMap<string, string>): Change {
  if (needsOf(change).length === 0) return change;
  const text = JSON.stringify(change).replaceAll(createdReference, (written, name: string) =>
    JSON.stringify(ids.get(name) ?? written).slice(1, -1),
  );
  return JSON.parse(text) as Change;
}
