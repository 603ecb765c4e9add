import type { HttpRequest } from '@azure/functions';
import type * as z from 'zod';
import type { Caller, CallerRole } from '../core/caller.ts';
import { BrokerError } from '../core/errors.ts';
import { duplicateKey, nestingDepth, safeParse } from '../core/json.ts';
import type { Logger } from '../core/log.ts';
import type { Orchestrations } from '../core/orchestrations.ts';
import { parseJson } from '../core/outbound.ts';
import { utf8Text } from '../core/text.ts';
import type { Access, Answer, RouteDefinition } from './route.ts';

type CallerOf<A extends Access> = A extends CallerRole | readonly CallerRole[]
  ? Caller
  : A extends 'optional'
    ? Caller | undefined
    : undefined;
/** An anonymous route has no services: it works while the settings are wrong. */
type ServicesOf<S, A extends Access> = A extends 'anonymous' ? undefined : S;
type OrchestrationsOf<D> = D extends { readonly durable: true } ? { readonly orchestrations: Orchestrations } : unknown;

type ParameterNames<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? (Name extends `*${infer CatchAll}` ? CatchAll : Name) | ParameterNames<Rest>
  : never;
type QueryOf<D> = D extends { readonly query: infer Schema extends z.ZodType } ? z.output<Schema> : undefined;
type BodyOf<D> = D extends { readonly rawBody: true }
  ? Uint8Array | undefined
  : D extends { readonly body: infer Schema extends z.ZodType }
    ? z.output<Schema>
    : undefined;

/** A request that passed the route's access check. Its path, query and body are not parsed yet. */
type AdmittedRequest<D extends RouteDefinition = RouteDefinition> = {
  readonly request: HttpRequest;
  /** On an `optional` route: undefined without a token. */
  readonly caller: CallerOf<D['access']>;
  readonly correlationId: string;
  readonly log: Logger;
} & OrchestrationsOf<D>;

/** An admitted request with its parsed path parameters, query and body. */
export type Call<D extends RouteDefinition> = AdmittedRequest<D> & {
  readonly path: Readonly<Record<ParameterNames<D['path']>, string>>;
  readonly query: QueryOf<D>;
  readonly body: BodyOf<D>;
};

export type Handler<S, D extends RouteDefinition> = (
  services: ServicesOf<S, D['access']>,
  call: Call<D>,
) => Promise<Answer>;

/** A definition with its handler. */
export interface BoundRoute<S, D extends RouteDefinition = RouteDefinition> {
  readonly definition: D;
  /**
   * Parses the request.
   * @returns the call of the handler, which throws what the handler throws.
   * @throws BrokerError request_invalid, request_too_large.
   */
  prepare(services: ServicesOf<S, D['access']>, admitted: AdmittedRequest<D>): Promise<() => Promise<Answer>>;
  /** Parses the request and calls the handler. @throws as both do. */
  answer(services: ServicesOf<S, D['access']>, admitted: AdmittedRequest<D>): Promise<Answer>;
}

export function bindRoute<S, D extends RouteDefinition>(definition: D, handler: Handler<S, D>): BoundRoute<S, D> {
  const prepare: BoundRoute<S, D>['prepare'] = async (services, admitted) => {
    const parsed = await readRequest(definition, admitted.request);
    // readRequest returns untyped values. The definition's schemas have validated them, so the cast is safe.
    return () => handler(services, { ...admitted, ...parsed } as Call<D>);
  };
  return { definition, prepare, answer: async (services, admitted) => (await prepare(services, admitted))() };
}

/** Default limit for a request body. */
export const maxRequestBodyBytes = 64 * 1024;
/** Deeper values overflow the stack of code that walks them, such as JSON.stringify. */
const maxDepth = 64;

/** zod names every unknown key, and a body has room for thousands. */
const maxMessageLength = 300;

/** The part of a request that is read here. `HttpRequest` of `@azure/functions` and the global `Request` have it. */
export interface RequestBody {
  readonly headers: { get(name: string): string | null };
  readonly body: unknown;
}

/**
 * Reads and parses a JSON body. An absent body counts as `{}`.
 * @throws BrokerError request_too_large; request_invalid, which names the first wrong field, for a value that differs
 * from the schema, a key that an object contains twice, and more than 64 levels.
 */
export async function readJson<T>(
  request: RequestBody,
  schema: z.ZodType<T>,
  maxBytes: number = maxRequestBodyBytes,
): Promise<T> {
  const text = utf8Text((await readBytes(request, maxBytes)) ?? Buffer.alloc(0));
  if (text === undefined) throw new BrokerError('request_invalid', 'The body is not UTF-8.');
  if (text === '') return check({}, schema, 'body');
  const value = parseJson(text);
  if (value === undefined) throw new BrokerError('request_invalid', 'The body is not valid JSON.');
  if (nestingDepth(text) > maxDepth)
    throw new BrokerError('request_invalid', `The body is nested deeper than ${maxDepth} levels.`);
  const duplicate = duplicateKey(text);
  if (duplicate !== undefined)
    throw new BrokerError(
      'request_invalid',
      `The body contains the key "${duplicate.slice(0, 100)}" twice in one object.`,
    );
  return check(value, schema, 'body');
}

/**
 * Parses a value from outside.
 * @throws BrokerError request_invalid, which names the first wrong field and never its value: that may be a secret.
 */
export function check<T>(value: unknown, schema: z.ZodType<T>, where: string): T {
  const parsed = safeParse(schema, value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = issue && issue.path.length > 0 ? issue.path.join('.') : where;
  const message = issue?.message ?? 'is not valid';
  const short = message.length > maxMessageLength ? `${message.slice(0, maxMessageLength)}…` : message;
  throw new BrokerError('request_invalid', `${path}: ${short}${short.endsWith('?') ? '' : '.'}`);
}

/**
 * Reads a body as it is.
 * @returns undefined without a body.
 * @throws BrokerError request_too_large; request_invalid for a body that the host has dropped.
 */
export async function readBytes(
  request: RequestBody,
  maxBytes: number = maxRequestBodyBytes,
): Promise<Uint8Array | undefined> {
  const declared = Number(request.headers.get('content-length') ?? '0');
  if (declared > maxBytes) throw tooLarge(maxBytes);
  const bytes = await readChunks(request.body, maxBytes);
  if (bytes.length > 0) return bytes;
  if (request.headers.get('transfer-encoding') === null) return undefined;
  throw new BrokerError(
    'request_invalid',
    'The body did not arrive. Send it with Content-Length: the host drops a body that is sent in chunks.',
  );
}

async function readChunks(body: unknown, maxBytes: number): Promise<Buffer> {
  if (body === null || body === undefined) return Buffer.alloc(0);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > maxBytes) throw tooLarge(maxBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const tooLarge = (maxBytes: number): BrokerError =>
  new BrokerError('request_too_large', `The body is larger than ${maxBytes / 1024} KiB.`);

/**
 * Parses what the definition has a schema for; the rest of the request is ignored.
 * @throws BrokerError request_invalid, request_too_large.
 */
async function readRequest({ path, query, body, rawBody, maxBodyBytes }: RouteDefinition, request: HttpRequest) {
  return {
    path: Object.fromEntries(parameterNames(path).map((name) => [name, request.params[name] ?? ''])),
    query: query && readQuery(request, query),
    body: rawBody ? await readBytes(request, maxBodyBytes) : body && (await readJson(request, body, maxBodyBytes)),
  };
}

/** The names of the parameters in a path such as `/jobs/{job}/runs`. */
export const parameterNames = (path: string): readonly string[] =>
  [...path.matchAll(/\{\*?(\w+)\}/g)].map(([, name = '']) => name);

/**
 * Parses the query. A function key may travel in it as `code`: that parameter belongs to the Functions host.
 * @throws BrokerError request_invalid, which names the first wrong parameter.
 */
export function readQuery<T>(request: { readonly query: URLSearchParams }, schema: z.ZodType<T>): T {
  const { code: _functionKey, ...query } = Object.fromEntries(request.query);
  return check(query, schema, 'query');
}
