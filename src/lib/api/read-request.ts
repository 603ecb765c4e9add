import type { HttpRequest } from '@azure/functions';
import type * as z from 'zod';
import { check, readBytes, readJson } from './body.ts';
import type { RouteDefinition } from './route.ts';

/** Path parameters, query and body of a request as the handler gets them. */
interface ParsedRequest {
  readonly path: Readonly<Record<string, string>>;
  readonly query: unknown;
  readonly body: unknown;
}

/**
 * Parses what the definition has a schema for; the rest of the request is ignored.
 * @throws BrokerError request_invalid, request_too_large.
 */
export async function readRequest(
  {
    path,
    query,
    body,
    rawBody,
    maxBodyBytes,
  }: Pick<RouteDefinition, 'path' | 'query' | 'body' | 'rawBody' | 'maxBodyBytes'>,
  request: HttpRequest,
): Promise<ParsedRequest> {
  return {
    path: Object.fromEntries(parameterNames(path).map((name) => [name, request.params[name] ?? ''])),
    query: query === undefined ? undefined : readQuery(request, query),
    body: rawBody
      ? await readBytes(request, maxBodyBytes)
      : body === undefined
        ? undefined
        : await readJson(request, body, maxBodyBytes),
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
