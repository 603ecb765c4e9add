import type * as z from 'zod';
import type { CallerRole } from '../core/caller.ts';
import type { BrokerError, ErrorCode } from '../core/errors.ts';
import type { Answer } from './problem.ts';

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
  /** Codes that the route may answer with, in addition to those that the pipeline adds (`failures.ts`). */
  readonly failures: readonly ErrorCode[];
}

/** The declaration of one route, without its handler. */
export interface RouteDefinition extends RouteContract {
  /** The handler itself records the requests that it refuses. */
  readonly recordsRefusals?: true;
  /** Largest accepted body. Default: `maxRequestBodyBytes`. */
  readonly maxBodyBytes?: number;
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
    | 'Agents'
    | 'Audit'
    | 'Health'
    | 'Pages';
  readonly summary: string;
  readonly description: string;
  /** One for each parameter in the path. */
  readonly pathParameters?: Readonly<Record<string, { readonly description: string; readonly example: string }>>;
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
