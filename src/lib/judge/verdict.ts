import type { Method, Scheme } from 'graph-permissions/permission-map';
import { visibleText } from '../core/text.ts';
import { typeNames as directoryTypeNames } from './rules/directory-types.ts';

/** A request that a caller hands to the gateway, as it was received. */
export interface GatewayRequest {
  readonly method: string;
  /** Path and query, still percent-encoded: `/v1.0/users?$top=5`. The absolute URL of the same host is read as well. */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The text of a JSON body. */
  readonly body?: string | undefined;
  /**
   * What the earlier queries named, as `Allowed.selected` has it, if this request follows a link of the gateway whose MAC was verified. Without it, a
   * request with `$skiptoken` or `$deltatoken` is refused, because the token hides the query that it continues.
   */
  readonly link?: { readonly selected: readonly string[] } | undefined;
  /** The gateway's own address for the tenant and resource, without a trailing slash. Addresses of a batch's parts may have it. */
  readonly gatewayUrl?: string | undefined;
}

/** What a rule allows a caller. */
export interface Grant {
  readonly scheme: Scheme;
  /** The permissions that the rule names, spelled as Microsoft spells them. */
  readonly permissions: ReadonlySet<string>;
  /** The account behind a delegated token. Without it, `/users/{id}` is never the account's own object. */
  readonly signedIn?: { readonly id: string; readonly userPrincipalName: string } | undefined;
  /** Whether the rule allows the version `beta`. */
  readonly beta: boolean;
  /** Whether the rule allows the objects of the signed-in account: `/me`, and permissions that cover only own objects. */
  readonly me: boolean;
  /** Host of Microsoft Graph in the tenant's cloud, for example `graph.microsoft.com`. */
  readonly host: string;
}

/** A segment of a path, as the patterns of rules see it. */
export interface PathSegment {
  readonly text: string;
  /** Whether `*` stands for it. For Graph: a key, or the version. Of other resources nothing is known: every segment. */
  readonly isKey: boolean;
}

/** The request to send. Nothing of the caller's text is sent instead. */
interface CanonicalRequest {
  readonly method: Method;
  /** Absolute URL. */
  readonly url: string;
  /** Version and path, without query, for example `/v1.0/users/0a1b`. */
  readonly path: string;
  /** The same for the patterns of rules: without casts to a type, and saying what is a key. */
  readonly segments: readonly PathSegment[];
  /** The forwarded headers; names are lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What the sender takes out of the answer before the caller sees it. */
export interface AnswerLimits {
  /** Names of properties to remove, at any depth. */
  readonly remove: readonly string[];
  /**
   * Types of directory objects that the rule may read, for example `user`. In an answer that mixes types, the sender
   * reduces each object of another directory type to `@odata.type` and `id`, as Graph does. Undefined if the answer mixes no
   * types.
   */
  readonly readableTypes: readonly string[] | undefined;
  /**
   * Where every object must show one of these types and is reduced otherwise: names of members in lower case, and '' for the
   * objects of the answer itself. Undefined: nowhere.
   */
  readonly typedMembers?: readonly string[] | undefined;
  /**
   * Whether the answer may have another format than JSON, and then passes unchanged: a picture, a count, a CSV report.
   * Otherwise the sender refuses an answer that is not JSON, because it could not take anything out of it.
   */
  readonly anyFormat: boolean;
  /** Whether `nextLink` of the answer itself is a link ("Azure REST API Guidelines", collections). Default: it is not. */
  readonly plainLinks?: boolean;
}

/** A condition that only the object itself shows. The sender looks it up first and refuses the request otherwise. */
export interface LookUp {
  readonly condition: 'group-is-not-role-assignable';
  /** URL of the object, with the property to read in `$select`. */
  readonly url: string;
}

/**
 * What a request changes. `user` and `group`: one, with everything that belongs to it, named as in the path. `none`: the request
 * only reads, or changes neither. `unknown`: it may change users or groups that the path does not show.
 */
export type Changed = { readonly kind: 'user' | 'group'; readonly key: string } | 'none' | 'unknown';

export interface Allowed {
  readonly allowed: true;
  /** Permissions of the rule that open the request and its navigations, sorted. */
  readonly permissions: readonly string[];
  readonly request: CanonicalRequest;
  readonly answer: AnswerLimits;
  readonly lookUps: readonly LookUp[];
  /** For rules that protect targets. */
  readonly changed: Changed;
  /** Names in `$select`, and `$expand=…` for each expand, of this query and those that it continues: for links of the answer. */
  readonly selected: readonly string[];
}

export interface Refused {
  readonly allowed: false;
  /**
   * `unreadable`: the request cannot be read with certainty (answer 400). `not-permitted`: the rule's permissions do not
   * open it (answer 403). `failed-dependency`: a part of a batch depends on a refused part (answer 424).
   */
  readonly kind: 'unreadable' | 'not-permitted' | 'failed-dependency';
  /** One sentence: what is wrong, and the next step. */
  readonly reason: string;
}

export type Verdict = Allowed | Refused;

/** Thrown where a rule refuses a request; {@link orRefused} turns it into a verdict. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly kind: Refused['kind'];

  constructor(kind: Refused['kind'], reason: string) {
    super(reason);
    this.kind = kind;
  }
}

/** Turns a Refusal that the work throws into a verdict. */
export function orRefused<T>(work: () => T): T | Refused {
  try {
    return work();
  } catch (error) {
    return refusedBy(error);
  }
}

/** The verdict of a Refusal. @throws every other error. */
export function refusedBy(error: unknown): Refused {
  if (!(error instanceof Refusal)) throw error;
  return { allowed: false, kind: error.kind, reason: error.message };
}

/** The request cannot be read with certainty. */
export const unreadable = (reason: string): Refusal => new Refusal('unreadable', reason);

/** The rule's permissions do not open the request. */
export const notPermitted = (reason: string): Refusal => new Refusal('not-permitted', reason);

const longest = 60;

/** A name from the request in quotes, short and on one line. Values, such as keys of objects, are never quoted. */
export const quoted = (name: string): string =>
  `"${visibleText(name.length > longest ? `${name.slice(0, longest)}…` : name)}"`;

/** A member of an object in an answer. */
interface AnswerMember {
  readonly name: string;
  /** The value, if it is a text. */
  readonly text: string | undefined;
}

/** Which parts of an answer the requester may see. */
export interface VisibleParts {
  /** Whether members of this name are removed. */
  readonly hides: (name: string) => boolean;
  /**
   * The members that an object keeps; undefined for all.
   * @param within The names of the members that the object is in, from the outside.
   */
  readonly kept: <M extends AnswerMember>(members: readonly M[], within: readonly string[]) => readonly M[] | undefined;
}

/** The annotations that name the type of an object. OData 4.01 allows them without `odata.`. */
export const typeAnnotations = ['@odata.type', '@type'];

/**
 * Reads the limits of an answer. An object that the rule may not read keeps its type and id, as Graph itself limits it.
 * @param limits Of an answer with a success status: an error is no object of the directory, so its `typedMembers` are none.
 */
export function visibleParts({ remove, readableTypes, typedMembers = [] }: AnswerLimits): VisibleParts {
  const readable = readableTypes && new Set(readableTypes.map(typeOf));
  const typed = new Set(typedMembers);
  return {
    hides: (name) => remove.some((removed) => names(name, removed)),
    kept: (members, within) =>
      readable === undefined ||
      isReadable(members, readable) ||
      !(isTyped(members, within, typed) || hasDirectoryType(members))
        ? undefined
        : members.filter(({ name, text }) => text !== undefined && (name === 'id' || typeAnnotations.includes(name))),
  };
}

/** An annotation may stand before the property that it belongs to: `content@microsoft.graph.downloadUrl`. */
const names = (name: string, removed: string): boolean =>
  name === removed || (removed.startsWith('@') && name.endsWith(removed));

const typeOf = (name: string): string => `#microsoft.graph.${name}`;
const knownTypes: ReadonlySet<string | undefined> = new Set(Object.values(directoryTypeNames).map(typeOf));

const typesIn = (members: readonly AnswerMember[]): readonly AnswerMember[] =>
  members.filter(({ name }) => typeAnnotations.includes(name));

function isReadable(members: readonly AnswerMember[], readable: ReadonlySet<string>): boolean {
  const types = typesIn(members);
  return types.length > 0 && types.every(({ text }) => text !== undefined && readable.has(text));
}

/** A value inside an object may have a type, too, such as `#microsoft.graph.assignedLicense`. */
const hasDirectoryType = (members: readonly AnswerMember[]): boolean =>
  typesIn(members).some(({ text }) => knownTypes.has(text));

/** Whether an object stands where each must show a type that the rule may read. `members@delta` stands for `members`. */
function isTyped(members: readonly AnswerMember[], within: readonly string[], typed: ReadonlySet<string>): boolean {
  const [name, ...outer] = within.toReversed();
  // The answer is the object, or has it in `value`.
  if (name === undefined) return typed.has('') && !members.some((member) => member.name === 'value');
  return (
    typed.has(name.toLowerCase().replace(/@delta$/, '')) || (name === 'value' && outer.length === 0 && typed.has(''))
  );
}
