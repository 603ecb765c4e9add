import type { RunningCloud } from '../start-cloud.ts';
import { type Answer, differencesOf } from './differences.ts';
import { knownDifferences } from './known-differences.ts';
import { type Pair, recordOf } from './pair.ts';

export interface Comparison {
  readonly pair: Pair;
  readonly differences: readonly {
    readonly text: string;
    /** Why the difference is accepted. Undefined for one that nobody has explained. */
    readonly reason?: string;
  }[];
}

interface Client {
  readonly cloud: RunningCloud;
  readonly fetch: typeof fetch;
  /** A token with every permission that the path needs. */
  readonly tokenFor: (pair: Pair) => Promise<string>;
}

/** Sends the request of a pair to the simulated Graph, and compares the replies. */
export async function comparePair(client: Client, pair: Pair): Promise<Comparison> {
  const { request, response } = pair;
  const token = request.isAnonymous === true ? undefined : await client.tokenFor(pair);
  // A refused request may name an object that does not exist.
  const path = response.status < 400 ? await withRealKeys(client, request.path, token) : request.path;
  const answer = await send(client, { ...request, path }, token);
  const differences = differencesOf(pair, answer).map((text) => {
    const known = knownDifferences.find((each) => each.title === pair.title && each.text === text);
    return known === undefined ? { text } : { text, reason: known.reason };
  });
  return { pair, differences };
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
const pseudonym = /^(?:00000000-0000-4000-8000-\d{12}|user-\d+(?:@|%40)domain\.example|text-\d+)$/;

/** Replaces each pseudonym in the path by the id of the first object that the simulation has there. */
async function withRealKeys(client: Client, path: string, token: string | undefined): Promise<string> {
  const [plain = '', query] = path.split('?', 2);
  let found = '';
  for (const segment of plain.split('/').slice(1)) {
    const key = pseudonym.test(segment) ? await firstKey(client, found, token) : undefined;
    found += `/${key ?? segment}`;
  }
  return query === undefined ? found : `${found}?${query}`;
}

async function firstKey(client: Client, collection: string, token: string | undefined): Promise<string | undefined> {
  const { body } = await send(client, { method: 'GET', path: collection }, token);
  const value = recordOf(body)['value'];
  const id = recordOf(Array.isArray(value) ? value[0] : undefined)['id'];
  return typeof id === 'string' ? id : undefined;
}
