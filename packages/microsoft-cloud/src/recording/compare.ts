import type { RunningCloud } from '../start-cloud.ts';
import { type Answer, type Check, checksOf } from './differences.ts';
import { knownDifferences } from './known-differences.ts';
import { type Pair, recordOf } from './pair.ts';

export interface Comparison {
  readonly pair: Pair;
  readonly checks: readonly Check[];
  /** The checks that fail. */
  readonly differences: readonly {
    readonly text: string;
    /** Why the difference is accepted. Undefined for one that nobody has explained. */
    readonly reason?: string;
  }[];
  /** Why the pair says nothing about the simulation. Then there are no checks. */
  readonly notCompared?: string;
}

interface Client {
  readonly cloud: RunningCloud;
  readonly fetch: typeof fetch;
  /** A token with every permission that the path needs. */
  readonly tokenFor: (pair: Pair) => Promise<string>;
  /** Recorded page → the page of the simulation. Filled as pairs are compared. */
  readonly links: Map<string, string>;
}

/** Sends the request of a pair to the simulated Graph, and compares the replies. */
export async function comparePair(client: Client, pair: Pair): Promise<Comparison> {
  const { request, response } = pair;
  const skipped = (notCompared: string): Comparison => ({ pair, checks: [], differences: [], notCompared });
  if ([401, 403].includes(response.status) && request.isAnonymous !== true)
    return skipped('a recording does not say which permissions its token had');
  const token = request.isAnonymous === true ? undefined : await client.tokenFor(pair);
  const path = await pathFor(client, pair, token);
  if (path === undefined) return skipped('the simulation has no such object or page');
  const answer = await send(client, { ...request, path }, token);
  remember(client.links, recordOf(response.body), recordOf(answer.body));
  const checks = checksOf(pair, answer);
  const differences = checks.flatMap(({ difference: text }) => {
    if (text === undefined) return [];
    const known = knownDifferences.find((each) => each.title === pair.title && each.text === text);
    return [known === undefined ? { text } : { text, reason: known.reason }];
  });
  return { pair, checks, differences };
}

const targetOf = (link: unknown): string | undefined =>
  typeof link === 'string' ? /^https:\/\/[^/]+(\/.*\?.*)$/s.exec(link)?.[1] : undefined;

/** A recorded link to the next page leads to the next page of the simulation. */
function remember(links: Map<string, string>, recorded: Link, simulated: Link): void {
  for (const name of ['@odata.nextLink', '@odata.deltaLink']) {
    const [from, to] = [targetOf(recorded[name]), targetOf(simulated[name])];
    if (from !== undefined && to !== undefined) links.set(from, to);
  }
}
type Link = Readonly<Record<string, unknown>>;

/** Undefined for what the simulation does not have. A refused request may name an object that does not exist. */
async function pathFor(
  client: Client,
  { request, response }: Pair,
  token: string | undefined,
): Promise<string | undefined> {
  if (response.status >= 400) return request.path;
  if (/\$(?:skip|delta)token=text-/.test(request.path)) return client.links.get(request.path);
  return withRealKeys(client, request.path, token);
}

async function send(
  { cloud, fetch }: Client,
  { method, path, headers, body }: Pair['request'],
  token: string | undefined,
): Promise<Answer> {
  const reply = await fetch(`${cloud.document.graph}${path}`, {
    method,
    headers: {
      ...headers,
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    redirect: 'manual',
  });
  const text = await reply.text();
  return { status: reply.status, headers: Object.fromEntries(reply.headers), body: parsed(text) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** What a scrubber writes for a key. */
const pseudonym =
  /^(?:00000000-0000-4000-8000-\d{12}|user-\d+(?:@|%40)domain-\d+\.example|domain-\d+\.example|text-\d+)$/;

/**
 * Replaces each pseudonym in the path by the id of the first object that the simulation has there. Undefined if there is none.
 */
async function withRealKeys(client: Client, path: string, token: string | undefined): Promise<string | undefined> {
  const [plain = '', query] = path.split('?', 2);
  let found = '';
  for (const segment of plain.split('/').slice(1)) {
    const key = pseudonym.test(segment) ? await firstKey(client, found, token) : segment;
    if (key === undefined) return undefined;
    found += `/${key}`;
  }
  return query === undefined ? found : `${found}?${query}`;
}

async function firstKey(client: Client, collection: string, token: string | undefined): Promise<string | undefined> {
  const { body } = await send(client, { method: 'GET', path: collection }, token);
  const value = recordOf(body)['value'];
  const id = recordOf(Array.isArray(value) ? value[0] : undefined)['id'];
  return typeof id === 'string' ? encodeURIComponent(id) : undefined;
}

/** `GET /users/{id}/memberOf`: what a pair asks, without keys and query. */
export function endpointOf({ request }: { readonly request: Pick<Pair['request'], 'method' | 'path'> }): string {
  const [plain = ''] = request.path.split('?', 1);
  const segments = plain.split('/').map((segment) => (pseudonym.test(segment) ? '{id}' : segment));
  return `${request.method} ${segments.join('/').replace(/^\/v1\.0/, '')}`;
}
