import { Client, PageIterator, type GraphError } from '@microsoft/microsoft-graph-client';
import type { RunningCloud } from '../../src/index.ts';

/** A Graph client that sends `token` to the simulated Graph. */
export const graphClient = ({ document }: RunningCloud, token: string): Client =>
  Client.initWithMiddleware({
    baseUrl: `${document.graph}/`,
    customHosts: new Set([new URL(document.graph).hostname]),
    authProvider: { getAccessToken: () => Promise.resolve(token) },
  });

export interface Page {
  readonly value: readonly Record<string, unknown>[];
  readonly '@odata.nextLink'?: string;
}

/** Lists every item of a collection, page by page. */
export async function all(client: Client, path: string): Promise<Record<string, unknown>[]> {
  const found: Record<string, unknown>[] = [];
  const first = (await client.api(path).get()) as Page;
  await new PageIterator(client, { ...first, value: [...first.value] }, (item: Record<string, unknown>) => {
    found.push(item);
    return true;
  }).iterate();
  return found;
}

export async function first(graph: Client, path: string): Promise<Record<string, unknown>> {
  const [found] = await all(graph, path);
  return found ?? {};
}

/** Returns the error of a request. @throws Error if the request succeeds. */
export const failureOf = (work: Promise<unknown>): Promise<GraphError> =>
  work.then(
    () => Promise.reject(new Error('The request succeeded.')),
    (error: GraphError) => error,
  );
