import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Declaration, Row } from '../../../src/graph/declaration.ts';
import { createWalks } from '../../../src/graph/serve/walks.ts';
import { guid, smallEngine, type SmallEngine } from './small-engine.ts';

const count = 40;
const users: readonly Row[] = Array.from({ length: count }, (_, at) => ({
  id: guid(at),
  displayName: `Person ${(at * 7) % count}`,
  accountEnabled: true,
}));
const declarations: readonly Declaration[] = [
  {
    kind: 'set',
    path: 'users',
    type: 'microsoft.graph.user',
    rows: () => users,
    writes: { operations: ['create', 'update', 'delete'], required: ['displayName'] },
  },
  { kind: 'set', path: 'contacts', type: 'microsoft.graph.orgContact', rows: () => users },
];

type Write = readonly ['delete' | 'disable' | 'create', number];
const writes: fc.Arbitrary<readonly Write[]> = fc.array(
  fc.tuple(fc.constantFrom('delete', 'disable', 'create'), fc.nat({ max: count - 1 })),
  { maxLength: 12 },
);

/** Sends a write. @returns the id of the object that must not be expected any more. */
function send(engine: SmallEngine, [kind, at]: Write): string | undefined {
  if (kind === 'create') engine.send('POST', '/v1.0/users', { displayName: 'A new person' });
  if (kind === 'create') return undefined;
  if (kind === 'delete') engine.send('DELETE', `/v1.0/users/${guid(at)}`);
  else engine.send('PATCH', `/v1.0/users/${guid(at)}`, { accountEnabled: false });
  return guid(at);
}

/** Reads all pages and writes after each. */
function walk(engine: SmallEngine, address: string, between: (page: readonly Row[], at: number) => void): string[] {
  const found: string[] = [];
  let next: unknown = address;
  for (let page = 0; typeof next === 'string'; page += 1) {
    const answer = engine.get(next);
    expect(answer.status).toBe(200);
    found.push(...answer.rows.map(({ id }) => String(id)));
    between(answer.rows, page);
    next = answer.body['@odata.nextLink'];
  }
  return found;
}

describe('a list that changes while it is read', () => {
  it.each(['$top=7', '$top=7&$orderby=displayName', '$top=7&$filter=accountEnabled eq true'])(
    'returns each object that nobody touched once: %s',
    (query) => {
      fc.assert(
        fc.property(fc.array(writes, { maxLength: 8 }), (perPage) => {
          const engine = smallEngine(declarations);
          const touched = new Set<string | undefined>();
          const found = walk(engine, `/v1.0/users?$select=id&${query}`, (_rows, at) => {
            for (const each of perPage[at] ?? []) touched.add(send(engine, each));
          });
          expect(new Set(found).size).toBe(found.length);
          const missing = users.map(({ id }) => String(id)).filter((id) => !found.includes(id));
          expect(missing.filter((id) => !touched.has(id))).toEqual([]);
        }),
        { numRuns: 40 },
      );
    },
  );

  it('is emptied by a client that deletes each page', () => {
    const engine = smallEngine(declarations);
    const found = walk(engine, '/v1.0/users?$select=id&$top=7', (rows) => {
      for (const { id } of rows) engine.send('DELETE', `/v1.0/users/${String(id)}`);
    });
    expect(found).toHaveLength(count);
    expect(engine.get('/v1.0/users').rows).toEqual([]);
  });
});

describe('a link to the next page', () => {
  const engine = smallEngine(declarations);
  const first = (query: string) => engine.get(`/v1.0/users?${query}`);
  const tokenOf = (query: string): string =>
    new URL(String(first(query).body['@odata.nextLink'])).searchParams.get('$skiptoken') ?? '';

  it('returns the same page again', () => {
    const link = String(first('$top=7').body['@odata.nextLink']);
    expect(engine.get(link).rows).toEqual(engine.get(link).rows);
    expect(engine.get(link).rows).toHaveLength(7);
  });

  it.each([
    ['another query', '/v1.0/users?$top=7&$select=id&$skiptoken='],
    ['another collection', '/v1.0/contacts?$top=7&$skiptoken='],
    ['another version', '/beta/users?$top=7&$skiptoken='],
  ])('is no link of %s', (_name, address) => {
    expect(engine.get(`${address}${tokenOf('$top=7')}`)).toMatchObject({
      status: 400,
      code: 'Directory_ExpiredPageToken',
    });
  });

  it('is no link of another run of the cloud', () => {
    const link = String(first('$top=7').body['@odata.nextLink']);
    expect(engine.get(link).status).toBe(200);
    expect(smallEngine(declarations).get(link)).toMatchObject({ status: 400, code: 'Directory_ExpiredPageToken' });
  });

  it('may have its options in another order', () => {
    expect(engine.get(`/v1.0/users?$skiptoken=${tokenOf('$top=7&$select=id')}&$select=id&$top=7`).rows).toHaveLength(7);
  });
});

describe('the lists that are kept', () => {
  it('are dropped by their size, those that were not used for longest first', () => {
    const walks = createWalks(10);
    const keys = ['a', 'b', 'c', 'd'];
    const [first, second] = [walks.begin('one', keys), walks.begin('two', keys)];
    expect(walks.keysOf(first, 'one')).toEqual(keys);
    const third = walks.begin('three', keys);
    expect([walks.keysOf(first, 'one'), walks.keysOf(second, 'two'), walks.keysOf(third, 'three')]).toEqual([
      keys,
      undefined,
      keys,
    ]);
    const large = walks.begin('four', Array.from({ length: 20 }, String));
    expect(walks.keysOf(large, 'four')).toHaveLength(20);
  });
});
