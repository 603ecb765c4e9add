import { expect, test } from 'vitest';
import { createPartnerCenterClient } from '../../../../src/lib/microsoft/partner-center.ts';
import type { JsonObject } from '../../../../src/lib/core/objects.ts';
import { Limiter } from '../../../../src/lib/core/limiter.ts';
import { Secret } from '../../../../src/lib/core/secrets.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { inTurn, type Scripted, scriptedFetch, type SeenRequest } from '../../../fakes/scripted-fetch.ts';

async function customers(
  answer: (request: SeenRequest, count: number) => Scripted,
): Promise<{ items: JsonObject[]; seen: SeenRequest[] }> {
  const { fetch, seen } = scriptedFetch(answer);
  const client = createPartnerCenterClient(
    { fetch, clock: new FakeClock(), random: () => 0, limiter: new Limiter(4) },
    { baseUrl: 'https://partner.test', correlationId: 'c0', token: () => Promise.resolve(new Secret('token')) },
  );
  const items: JsonObject[] = [];
  for await (const customer of client.list('/v1/customers?size=500')) items.push(customer);
  return { items, seen };
}

const nextLinks = (uri: string, headers: readonly object[]): object => ({
  self: {},
  next: { uri, method: 'GET', headers },
});

test('follows the next page with its address and continuation token, and no other header', async () => {
  const { items, seen } = await customers(
    inTurn(
      () => ({
        totalCount: 3,
        items: [{ id: 'a' }, { id: 'b' }],
        links: nextLinks('/customers?size=500&seekOperation=Next', [
          { key: 'MS-ContinuationToken', value: 'more' },
          { key: 'Authorization', value: 'Bearer other' },
        ]),
      }),
      () => ({ totalCount: 3, items: [{ id: 'c' }], links: { self: {} } }),
    ),
  );
  expect(items).toEqual([{ id: 'a' }, { id: 'b' }, { id: 'c' }]);
  expect(seen.map(({ url }) => url.pathname + url.search)).toEqual([
    '/v1/customers?size=500',
    '/v1/customers?size=500&seekOperation=Next',
  ]);
  expect(seen[1]?.headers.get('ms-continuationtoken')).toBe('more');
  expect(seen[1]?.headers.get('authorization')).toBe('Bearer token');
});

test.each([
  ['/v1/customers?size=500&seekOperation=Next', '/v1/customers?size=500&seekOperation=Next'],
  ['customers?seekOperation=Next', '/v1/customers?seekOperation=Next'],
  ['https://partner.test/v1/customers?page=2', '/v1/customers?page=2'],
])('follows a next page at %s', async (uri, path) => {
  const { seen } = await customers(
    inTurn(
      () => ({ items: [], links: nextLinks(uri, []) }),
      () => ({ items: [] }),
    ),
  );
  expect(seen.map(({ url }) => url.pathname + url.search)).toEqual(['/v1/customers?size=500', path]);
});

test('throws when the next page is on another host', async () => {
  const answer = inTurn(
    () => ({ items: [], links: nextLinks('https://elsewhere.test/v1/customers', []) }),
    () => ({ items: [] }),
  );
  await expect(customers(answer)).rejects.toMatchObject({ code: 'resource_error' });
});

test('accepts a body that starts with a byte order mark', async () => {
  const { items } = await customers(() => new Response('\uFEFF{"items":[{"id":"a"}]}'));
  expect(items).toEqual([{ id: 'a' }]);
});

test.each(['https://evil.test/v1/customers', '//evil.test/customers', '@evil.test/customers'])(
  'sends no request to another host for a next page at %s',
  async (uri) => {
    const hosts: string[] = [];
    const answer = (request: SeenRequest, count: number): Scripted => {
      hosts.push(request.url.host);
      return count === 1 ? { items: [], links: nextLinks(uri, []) } : { items: [] };
    };
    await customers(answer).catch(() => undefined);
    expect(new Set(hosts)).toEqual(new Set(['partner.test']));
  },
);

test('follows pages that share one address and differ in their continuation token', async () => {
  const page = (id: string, token: string | undefined) => (): Scripted => ({
    items: [{ id }],
    links:
      token === undefined
        ? {}
        : nextLinks('/customers?seekOperation=Next', [{ key: 'MS-ContinuationToken', value: token }]),
  });
  const { items, seen } = await customers(inTurn(page('a', 'one'), page('b', 'two'), page('c', undefined)));
  expect(items).toEqual([{ id: 'a' }, { id: 'b' }, { id: 'c' }]);
  const requests = seen.map(({ url, headers }) => [url.search, headers.get('ms-continuationtoken')]);
  expect(requests).toEqual([
    ['?size=500', null],
    ['?seekOperation=Next', 'one'],
    ['?seekOperation=Next', 'two'],
  ]);
});

test('throws when a page repeats its own address and continuation token', async () => {
  await expect(
    customers(() => ({
      items: [],
      links: nextLinks('/customers?x', [{ key: 'MS-ContinuationToken', value: 'same' }]),
    })),
  ).rejects.toMatchObject({
    code: 'resource_error',
  });
});

test('logs the error number of Partner Center', async () => {
  await expect(
    customers(() => Response.json({ code: 900421, description: 'MFA required' }, { status: 401 })),
  ).rejects.toMatchObject({
    code: 'access_denied',
    logFields: { resourceCode: '900421', resourceMessage: 'MFA required' },
  });
});
