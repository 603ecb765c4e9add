import type { Method, Scheme } from 'graph-permissions/permission-map';

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

/** The request to send. Nothing of the caller's text is sent in its place. */
interface CanonicalRequest {
  readonly method: Method;
  /** Absolute URL. */
  readonly url: string;
  /** Version and path, without query, for example `/v1.0/users/0a1b`. Rules match their patterns against it. */
  readonly path: string;
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

export interface Allowed {
  readonly allowed: true;
  /** Permissions of the rule that open the request and its navigations, sorted. */
  readonly permissions: readonly string[];
  readonly request: CanonicalRequest;
  readonly answer: AnswerLimits;
  readonly lookUps: readonly LookUp[];
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
