import type * as z from 'zod';
import type { CallerRole } from '../core/caller.ts';
import { adviceForError, BrokerError, type ErrorCode, errorTable, type Lack, toBrokerError } from '../core/errors.ts';
import { defined } from '../core/objects.ts';

/** The answer of a handler. */
export interface Answer {
  status: number;
  headers?: Record<string, string>;
  /** Complete before the answer starts, so that no failure can interrupt it. */
  body?: string | Uint8Array<ArrayBuffer>;
  jsonBody?: unknown;
}

/** Problem details (RFC 9457) with extension members. The correlation id replaces `instance`. */
interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly advice: string;
  readonly correlationId: string;
  readonly retryAfterSeconds?: number;
  readonly lacks?: Lack;
  /** As in an error of Microsoft Graph: its SDKs show this and nothing else. Of the gateway alone. */
  readonly error?: { readonly code: string; readonly message: string };
}

/** The page that a problem's `type` refers to. */
const catalogue = 'https://github.com/partner-token-broker/partner-token-broker/blob/main/docs/errors.md';

/** The problem document for an error. It contains nothing from the error's cause or log fields. */
export function problemOf(error: BrokerError, correlationId: string): Problem {
  const { status, title } = errorTable[error.code];
  return defined({
    type: `${catalogue}#${error.code}`,
    title,
    status,
    detail: error.detail,
    code: error.code,
    advice: adviceForError(error, 'caller'),
    correlationId,
    retryAfterSeconds: error.retryAfterSeconds,
    lacks: error.lacks,
  });
}

/** Turns any thrown value into an `application/problem+json` answer. */
export function problemAnswer(thrown: unknown, correlationId: string, { likeGraph = false } = {}): Answer {
  const own = problemOf(toBrokerError(thrown), correlationId);
  const problem: Problem = likeGraph ? { ...own, error: { code: own.code, message: own.detail } } : own;
  return {
    status: problem.status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      ...(problem.retryAfterSeconds === undefined ? {} : { 'retry-after': String(problem.retryAfterSeconds) }),
      // A 401 names the authentication scheme (RFC 9110 section 11.6.1).
      ...(problem.status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    },
    body: JSON.stringify(problem),
  };
}

/**
 * Who may call a route: a caller with the named app role, or one of them; `optional`: anyone, and an authenticated caller gets more;
 * `anonymous`: anyone, and the route works without services, whatever the settings say.
 */
export type Access = CallerRole | readonly CallerRole[] | 'optional' | 'anonymous';

type HttpMethod = 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';

/** What one route accepts and may answer. */
export interface RouteContract {
  /** Name of the function that serves the route, and its operation id. */
  readonly name: string;
  readonly method: HttpMethod;
  /** Further methods of the same function, each an operation of its own in the document. */
  readonly furtherMethods?: readonly HttpMethod[];
  /** Below `/api`, in the notation of Azure Functions: `{name}` for one segment, `{*name}` for the rest. */
  readonly path: `/${string}`;
  readonly access: Access;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodObject;
  /** The body is bytes of any kind and not JSON of a schema. */
  readonly rawBody?: true;
  /** Codes that the route may answer with, in addition to those that the pipeline adds. */
  readonly failures: readonly ErrorCode[];
}

/** The declaration of one route, without its handler. */
export interface RouteDefinition extends RouteContract {
  /** The handler itself records the requests that it refuses. */
  readonly recordsRefusals?: true;
  /** Largest accepted body. Default: `maxRequestBodyBytes`. */
  readonly maxBodyBytes?: number;
  /** Problems have the member `error`, too, which SDKs of Microsoft Graph show. */
  readonly problemsLikeGraph?: true;
  /** The handler starts or signals orchestrations, so the function is bound to the durable client. */
  readonly durable?: true;
  /** Refuses requests of web pages before anything else. A browser sends `Origin` with them, other clients have none. */
  readonly refusesWebPages?: true;
  /** The value of `WWW-Authenticate` of a 401. Default: `Bearer`. @param url of the request. */
  readonly challenge?: (url: string) => string;
  /** Answers in place of the handler while the settings are wrong. Default: a problem, 503 `config_invalid`. */
  readonly misconfigured?: (error: BrokerError) => Answer;
  /**
   * Texts, answers and examples. Called only for the OpenAPI document. It imports the answer schemas itself, so that they
   * are not loaded at start-up.
   */
  readonly document: () => Promise<RouteDocument>;
}

/** What readers of the OpenAPI document learn in addition to the contract. */
export interface RouteDocument {
  readonly group:
    | 'Tokens'
    | 'Gateway'
    | 'Approvals'
    | 'Tenants'
    | 'Jobs and runs'
    | 'Changes'
    | 'Agents'
    | 'Audit'
    | 'Health'
    | 'Pages';
  readonly summary: string;
  readonly description: string;
  /** One for each parameter in the path. */
  readonly pathParameters?: Readonly<Record<string, { readonly description: string; readonly example: string }>>;
  /** Optional headers of the request: name → meaning. */
  readonly requestHeaders?: Readonly<Record<string, string>>;
  /** The query that the code samples send. */
  readonly queryExample?: Readonly<Record<string, string>>;
  /** The body, if the document can say more about it than the schema that parses it. */
  readonly bodySchema?: z.ZodObject;
  /** The body that the code samples send. */
  readonly bodyExample?: Readonly<Record<string, unknown>>;
  readonly answers: readonly AnswerDocument[];
}

/** A success, or a failure with a body of its own. Problems follow from `failuresOf`. */
export interface AnswerDocument {
  readonly status: number;
  readonly description: string;
  readonly contents: readonly Content[];
  /** Name → meaning. Headers that every answer carries are left out. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** One form of a body. A test checks `example` against `schema`. */
export interface Content {
  readonly mediaType: string;
  readonly schema?: z.ZodType;
  readonly example?: unknown;
}

export const jsonContent = (schema: z.ZodType, example: unknown): Content => ({
  mediaType: 'application/json',
  schema,
  example,
});

export type DocumentedRoute = RouteContract & RouteDocument;

/** Loads the texts of all routes. */
export const documentRoutes = (routes: readonly RouteDefinition[]): Promise<readonly DocumentedRoute[]> =>
  Promise.all(routes.map(async (route) => ({ ...route, ...(await route.document()) })));

/** Whether the route is open to requests without a token. */
export const isOpen = (access: Access): access is 'optional' | 'anonymous' =>
  access === 'optional' || access === 'anonymous';

/** Failures of the broker's own credential, confirmed in the partner's own tenant. */
const credentialFailures = [
  'credential_missing',
  'credential_expired',
  'credential_revoked',
  'client_credential_rejected',
  'consent_required',
  'interaction_required',
  'blocked_by_policy',
] as const satisfies readonly ErrorCode[];

/** Failures of reading the list of tenants. */
export const directoryFailures = [
  ...credentialFailures,
  'directory_unavailable',
] as const satisfies readonly ErrorCode[];

/** Failures of obtaining a token for a caller in the tenant that it names, and of recording it. */
export const tenantTokenFailures = [
  'resource_not_allowed',
  'tenant_unknown',
  'tenant_not_delegated',
  'tenant_excluded',
  'policy_missing',
  ...directoryFailures,
  'resource_unavailable',
  'access_denied',
  'throttled',
  'entra_request_rejected',
  'key_vault_unavailable',
  'storage_unavailable',
  'audit_unavailable',
] as const satisfies readonly ErrorCode[];

/** Failures to meet the condition of a rule. */
export const conditionFailures = [
  'approval_ended',
  'too_many_approvals',
  'reason_required',
] as const satisfies readonly ErrorCode[];

/** Codes that the pipeline may answer with before the handler runs. */
function commonFailures({ access, query, body, rawBody }: RouteContract): readonly ErrorCode[] {
  const request: readonly ErrorCode[] = [
    ...(query === undefined && body === undefined && !rawBody ? [] : (['request_invalid'] as const)),
    ...(body === undefined && !rawBody ? [] : (['request_too_large'] as const)),
    'internal',
  ];
  if (access === 'anonymous') return request;
  const gate: readonly ErrorCode[] = ['caller_unauthenticated', 'caller_throttled', 'entra_unavailable', ...request];
  return access === 'optional' ? gate : ['config_invalid', ...gate, 'caller_forbidden'];
}

/** All codes that a route may answer with, in the order of the error table. */
export function failuresOf(route: RouteContract): readonly ErrorCode[] {
  const codes = new Set<ErrorCode>([...commonFailures(route), ...route.failures]);
  return (Object.keys(errorTable) as ErrorCode[]).filter((code) => codes.has(code));
}
