import { describe, expect, it } from 'vitest';
import { differencesOf } from '../../../src/recording/differences.ts';
import { parsePairs } from '../../../src/recording/pair.ts';

interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** What differs between a recorded and a simulated reply. */
function compare(recorded: Reply, simulated: Reply, isPartial = false): readonly string[] {
  const request = { method: 'GET', path: '/v1.0/users' };
  const reply = (of: Reply) => ({ status: 200, headers: {}, body: undefined, ...of });
  return differencesOf({ request, response: reply(recorded), ...(isPartial ? { isPartial } : {}) }, reply(simulated));
}
const bodies = (recorded: unknown, simulated: unknown, isPartial = false): readonly string[] =>
  compare({ body: recorded }, { body: simulated }, isPartial);
const headers = (recorded: Record<string, string>, simulated: Record<string, string>): readonly string[] =>
  compare({ headers: recorded }, { headers: simulated });

describe('differencesOf', () => {
  it('tells another status, and nothing else then', () => {
    expect(compare({ status: 200, body: 1 }, { status: 404, body: 'x' })).toEqual(['status 200, simulated 404']);
  });

  it('tells another error code', () => {
    const error = (code: unknown): object => ({ error: { code } });
    expect(bodies(error('a'), error('a'))).toEqual([]);
    expect(bodies(error('a'), error('b'))).toEqual(['error code a, simulated b']);
    expect(bodies(error('a'), { error: {} })).toEqual([
      'error code a, simulated none',
      'error.code: string, simulated missing',
    ]);
    expect(bodies({}, error('b'))).toContain('error code none, simulated b');
  });

  it.each([
    [1, 'x', ['body: number, simulated string']],
    [{ a: 1 }, { a: 'x' }, ['a: number, simulated string']],
    [{ a: { b: true } }, { a: { b: [] } }, ['a.b: boolean, simulated array']],
    [{ a: [{ b: 1 }, { b: 'x' }] }, { a: [{ b: 2 }] }, []],
    [{ a: [{ b: 1 }] }, { a: [{ b: 'x' }] }, ['a[].b: number, simulated string']],
    [{ a: 1 }, {}, ['a: number, simulated missing']],
    [{}, { a: 1 }, ['a: missing, simulated number']],
    [{}, { a: null }, ['a: missing, simulated null']],
    [{ a: null }, {}, ['a: null, simulated missing']],
    [{ a: [{ b: null }, { b: 1 }] }, { a: [{ b: 'x' }] }, ['a[].b: number, simulated string']],
    [{ a: [{ b: 1 }] }, { a: [{}, { b: 2 }] }, []],
    [{ a: {} }, { a: [] }, ['a: object, simulated array']],
    [[1], ['x'], ['[]: number, simulated string']],
    [{ 'x@odata.count': 1 }, {}, ['x@odata.count: number, simulated missing']],
    [{ '@odata.counter': 1 }, {}, ['@odata.counter: number, simulated missing']],
  ])('compares the types of %j with those of %j', (recorded, simulated, expected) => {
    expect(bodies(recorded, simulated)).toEqual(expected);
  });

  it.each([
    [{ a: 1 }, { a: 2 }],
    [{ a: null }, { a: 1 }],
    [{ a: 1 }, { a: null }],
    [{ a: [] }, { a: [1] }],
    [{ a: [1] }, { a: [] }],
    [{ '@odata.nextLink': 'x' }, { '@odata.deltaLink': 'x', '@odata.count': 1 }],
    [undefined, { a: 1 }],
  ])('finds no difference between %j and %j', (recorded, simulated) => {
    expect(bodies(recorded, simulated)).toEqual([]);
  });

  it('compares items of one type with each other', () => {
    const item = (type: string, more: object): object => ({ '@odata.type': type, ...more });
    const recorded = { value: [item('user', { a: 1 }), item('group', { b: 1 })] };
    expect(bodies(recorded, { value: [item('group', { b: 1 }), item('device', { c: 1 })] })).toEqual([]);
    expect(bodies(recorded, { value: [item('group', { b: 'x' })] })).toEqual(['value[].b: number, simulated string']);
  });

  it('compares contexts without host and keys', () => {
    const context = (text: string): object => ({ '@odata.context': text });
    const left = context("https://a/v1.0/$metadata#users('1')/memberOf");
    expect(bodies(left, context("https://b/v1.0/$metadata#users('2')/memberOf"))).toEqual([]);
    expect(bodies(left, context('https://a/v1.0/$metadata#directoryObjects'))).toEqual([
      "@odata.context: users('')/memberOf, simulated directoryObjects",
    ]);
    expect(bodies(context('https://address-1.example/'), left)).toEqual([]);
  });

  it('compares order, page size, count and the parameters of links', () => {
    const path = '/v1.0/users?$orderby=name desc&$top=2&$count=true';
    const recorded = {
      request: { method: 'GET', path },
      response: {
        status: 200,
        headers: {},
        body: { '@odata.count': 1, '@odata.nextLink': 'https://x/y?$top=2&$skiptoken=a', value: [] },
        list: { isSorted: true, isWithinTop: true },
      },
    };
    const answer = (body: object) => differencesOf(recorded, { status: 200, headers: {}, body });
    const link = 'https://z/?$skiptoken=1&$top=2';
    const good = { '@odata.count': 2, '@odata.nextLink': link, value: [{ name: 'b' }, { name: 'A' }] };
    expect(answer(good)).toEqual([]);
    expect(answer({ '@odata.nextLink': 'https://z/?$skip=1', value: [{ name: 'a' }, { name: 'b' }, {}] })).toEqual([
      'order: as asked, simulated not as asked',
      '$top: as asked, simulated not as asked',
      '@odata.count: number, simulated missing',
      '@odata.nextLink: $skiptoken $top, simulated $skip',
    ]);
    // Data that ends, or that does not tell.
    expect(answer({ '@odata.count': 2, value: [{ name: 'a' }, { name: 'a' }] })).toEqual([]);
  });

  it('does not mind what an example leaves out, only what it shows', () => {
    expect(bodies({ a: { b: 1 } }, { a: { b: 1, c: 2 }, d: 3 }, true)).toEqual([]);
    expect(bodies({ a: { b: 1 } }, { a: {} }, true)).toEqual(['a.b: number, simulated missing']);
  });

  it('compares the headers that change what a client does', () => {
    const type = 'content-type';
    expect(headers({ [type]: 'Application/JSON; charset=utf-8' }, { [type]: 'application/json' })).toEqual([]);
    expect(headers({ [type]: 'application/json' }, { [type]: 'text/plain' })).toEqual([
      'header content-type: application/json, simulated text/plain',
    ]);
    expect(headers({ 'odata-version': '4.0', 'x-other': '1' }, {})).toEqual([
      'header odata-version: 4.0, simulated missing',
    ]);
    expect(headers({ 'preference-applied': 'a' }, { 'preference-applied': 'b' })).toHaveLength(1);
    expect(headers({}, { 'odata-version': '4.0' })).toEqual([]);
  });

  it.each(['retry-after', 'location', 'www-authenticate'])('compares only the presence of %s', (name) => {
    expect(headers({ [name]: '1' }, { [name]: '2' })).toEqual([]);
    expect(headers({ [name]: '1' }, {})).toEqual([`header ${name}: present, simulated missing`]);
  });
});

describe('parsePairs', () => {
  const pair = { request: { method: 'GET', path: '/beta/users' }, response: { status: 200, headers: {} } };
  const line = (change: object): string => JSON.stringify({ ...pair, ...change });

  it('reads a pair a line, and skips blank lines', () => {
    expect(parsePairs(`\n${line({})}\n  \n ${line({ title: 'a' })} \n`)).toEqual([pair, { ...pair, title: 'a' }]);
    expect(parsePairs('')).toEqual([]);
  });

  it.each([
    ['{', 'it is not JSON'],
    ['5', 'request.method must be one of GET, POST, PATCH, PUT, DELETE'],
    [line({ request: { method: 'HEAD', path: '/v1.0/users' } }), 'request.method must be'],
    [line({ request: { method: 'GET' } }), 'request.path must start with /v1.0/ or /beta/'],
    [line({ request: { method: 'GET', path: '/v1x0/users' } }), 'request.path must start'],
    [line({ request: { method: 'GET', path: 'x/v1.0/users' } }), 'request.path must start'],
    [line({ response: { status: 1.5, headers: {} } }), 'response.status must be a number'],
    [line({ response: { status: '200', headers: {} } }), 'response.status must be a number'],
    [line({ response: { status: 200, headers: null } }), 'response.headers must be an object'],
    [line({ response: { status: 200 } }), 'response.headers must be an object'],
  ])('names the line of %s', (text, reason) => {
    expect(() => parsePairs(`${line({})}\n\n${text}`)).toThrow(`Line 3 is no pair: ${reason}`);
  });
});
