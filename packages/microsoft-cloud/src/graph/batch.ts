import { type CloudRequest, json, jsonObjectOf, type Reply } from '../web/http.ts';
import { GraphError } from './graph-error.ts';

/** Source: "Combine multiple HTTP requests using JSON batching". */
const maxRequests = 20;

interface BatchItem {
  readonly id: string;
  readonly method: string;
  readonly url: string;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;
  readonly dependsOn: readonly string[];
}

interface BatchAnswer {
  readonly id: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/**
 * Replies to a batch. Each part is checked separately; a part that depends on a failed part fails with 424. The replies
 * are in reverse order, because clients must match them by `id`.
 * @throws GraphError 400 for an invalid batch.
 */
export function answerBatch(request: CloudRequest, answer: (inner: CloudRequest) => Reply): Reply {
  const items = itemsOf(request);
  const done = new Map<string, BatchAnswer>();
  let delayMs = 0;
  for (const item of items) {
    const failed = item.dependsOn.some((id) => (done.get(id)?.status ?? 424) >= 400);
    if (failed) {
      const error = { code: 'FailedDependency', message: 'A request that this one depends on has failed.' };
      done.set(item.id, { id: item.id, status: 424, headers: { 'Content-Type': 'application/json' }, body: { error } });
      continue;
    }
    const inner = innerRequest(request, item);
    const reply = inner === undefined ? malformed() : answer(inner);
    delayMs = Math.max(delayMs, reply.delayMs ?? 0);
    done.set(item.id, answerOf(item.id, reply));
  }
  return { ...json(200, { responses: [...done.values()].toReversed() }), delayMs };
}

function itemsOf(request: CloudRequest): readonly BatchItem[] {
  if (request.method !== 'POST') throw refused('Only POST is allowed for $batch.');
  const requests = jsonObjectOf(request.body)?.['requests'];
  if (!Array.isArray(requests) || requests.length === 0) throw refused('Invalid batch payload format.');
  if (requests.length > maxRequests)
    throw refused(`Number of batch request steps exceeds the maximum value of ${maxRequests}.`);
  const items = requests.map(itemOf);
  const ids = new Set(items.map(({ id }) => id));
  // "Combine multiple HTTP requests using JSON batching": ids do not differ by letter case.
  if (new Set(items.map(({ id }) => id.toLowerCase())).size !== items.length)
    throw refused('Request Id values must be unique.');
  if (items.some(({ dependsOn }) => dependsOn.some((id) => !ids.has(id))))
    throw refused('Invalid batch payload: dependsOn names a request that the batch does not contain.');
  return items;
}

function itemOf(value: unknown): BatchItem {
  const { id, method, url, body, headers, dependsOn } = (value ?? {}) as Record<string, unknown>;
  if (typeof id !== 'string' || typeof method !== 'string' || typeof url !== 'string')
    throw refused('Invalid batch payload format.');
  const item = {
    id,
    method: method.toUpperCase(),
    url,
    body,
    headers: Object.fromEntries(
      Object.entries(headers ?? {}).map(([name, text]) => [name.toLowerCase(), String(text)]),
    ),
    dependsOn: Array.isArray(dependsOn) ? dependsOn.map(String) : [],
  };
  checkContent(item);
  return item;
}

/** Errors of a batch have this code, not that of the directory. Source: public issue threads of Graph's libraries. */
const refused = (message: string): GraphError => new GraphError(400, 'BadRequest', message);

/**
 * The whole batch fails if a write lacks its body or its content type. "Combine multiple HTTP requests using JSON batching"
 * asks for the header; the texts were seen in public issue threads.
 */
function checkContent({ id, method, body, headers }: BatchItem): void {
  if (!['POST', 'PATCH', 'PUT'].includes(method)) return;
  if (body === undefined) throw refused(`Write request id : ${id} does not contain Content-Type header or body.`);
  if (headers['content-type'] === undefined)
    throw refused(`Write request with id '${id}' does not contain a Content-Type header.`);
}

const malformed = (): Reply =>
  json(400, { error: { code: 'BadRequest', message: 'The url of the request is not valid.' } });

function addressOf(url: string): { readonly path: string; readonly query: URLSearchParams } | undefined {
  try {
    const parsed = new URL(url.startsWith('/') ? url : `/${url}`, 'https://graph.microsoft.com');
    return { path: decodeURIComponent(parsed.pathname), query: parsed.searchParams };
  } catch {
    return undefined;
  }
}

/**
 * A part has its own headers: of those of the batch, only the token and the ids of the request count.
 * @returns undefined for a URL that cannot be read.
 */
function innerRequest(outer: CloudRequest, { method, url, body, headers }: BatchItem): CloudRequest | undefined {
  const address = addressOf(url);
  if (address === undefined) return undefined;
  const version = outer.path.split('/')[1] ?? 'v1.0';
  return {
    method,
    path: `/${version}${address.path}`,
    query: address.query,
    headers: {
      ...headers,
      authorization: outer.headers.authorization,
      'client-request-id': outer.headers['client-request-id'],
    },
    body: body === undefined ? '' : JSON.stringify(body),
    facts: outer.facts,
  };
}

/** "Combine multiple HTTP requests using JSON batching" writes these so, and `x-ms-resource-unit` in small letters. */
const spelling = new Map(
  ['Cache-Control', 'Content-Type', 'ETag', 'Location', 'OData-Version', 'Retry-After'].map((name) => [
    name.toLowerCase(),
    name,
  ]),
);

function answerOf(id: string, reply: Reply): BatchAnswer {
  const headers = Object.fromEntries(
    Object.entries(reply.headers ?? {}).map(([name, value]) => [spelling.get(name) ?? name, value]),
  );
  return { id, status: reply.status, headers, ...(reply.body ? { body: JSON.parse(reply.body) as unknown } : {}) };
}
