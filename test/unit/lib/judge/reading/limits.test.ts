import { describe, expect, it } from 'vitest';
import { readBody } from '../../../../../src/lib/judge/reading/body.ts';
import { isJson, readHeaders, readTarget } from '../../../../../src/lib/judge/reading/target.ts';
import { readOptions, readQueryUse } from '../../../../../src/lib/judge/reading/query.ts';
import { partBodies } from '../../../../../src/lib/judge/batch.ts';

const host = 'graph.microsoft.com';

describe('a URL', () => {
  it('has up to 16,384 characters, more than the host takes from callers', () => {
    const url = (length: number): string => '/v1.0/users?'.padEnd(length, 'a');
    expect(readTarget(url(16_384), host).query).toHaveLength(16_384 - '/v1.0/users?'.length);
    expect(() => readTarget(url(16_385), host)).toThrow(/longer than 16384 characters/);
  });

  it.each([
    ['/v1.0/users?a=1?b', { version: 'v1.0', path: '/users', query: 'a=1?b' }],
    ['/BETA', { version: 'beta', path: '', query: '' }],
    ['/v1.0?', { version: 'v1.0', path: '', query: '' }],
    [`https://${host}/v1.0/users`, { version: 'v1.0', path: '/users', query: '' }],
  ])('is taken apart: %s', (url, target) => {
    expect(readTarget(url, host)).toEqual(target);
  });
});

describe('a body', () => {
  const limit = 4 * 1024 * 1024;
  it('has up to 4 MiB', () => {
    const body = (length: number): string => `{"a":"${'x'.repeat(length - 8)}"}`;
    expect(readBody(body(limit)).names.has('a')).toBe(true);
    expect(() => readBody(body(limit + 1))).toThrow(/longer than/);
  });

  it('nests up to 40 levels', () => {
    const body = (depth: number): string => `{"a":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;
    expect(readBody(body(40)).names.size).toBe(1);
    expect(() => readBody(body(41))).toThrow(/nests deeper than 40 levels/);
  });

  const members = (count: number, from = 0): Record<string, number> =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => [`n${from + n}`, 0]));
  it('has up to 5,000 different names', () => {
    expect(readBody(JSON.stringify(members(5_000))).names.size).toBe(5_000);
    expect(() => readBody(JSON.stringify(members(5_001)))).toThrow(/more than 5000 different names/);
    // Below each other as well, and one that stands often counts once.
    const nested = { ...members(2_500), list: [members(2_499, 2_500), members(2_499, 2_500)] };
    expect(readBody(JSON.stringify(nested)).names.size).toBe(5_000);
    expect(() => readBody(JSON.stringify({ ...nested, more: 1 }))).toThrow(/more than 5000/);
  });

  it('has up to 5,000 references, of which each value counts once', () => {
    const body = (count: number, value: (n: number) => string): string =>
      JSON.stringify({ list: Array.from({ length: count }, (_, n) => ({ 'user@odata.bind': value(n) })) });
    const { names } = readBody(body(4_998, String));
    expect(names.get('user@odata.bind')?.size).toBe(4_998);
    expect(names.get('list')).toEqual(new Set());
    expect(() => readBody(body(4_999, String))).toThrow(/more than 5000/);
    expect(readBody(body(9_000, () => 'same')).names.get('user@odata.bind')).toEqual(new Set(['same']));
  });

  it('has no two keys of one object that differ only in case, wherever it stands', () => {
    for (const text of ['{"a":1,"A":2}', '{"x":[{"b":{"c":1,"C":2}}]}', '{"x":{"n":null,"y":{"a":1,"A":1}}}']) {
      expect(() => readBody(text)).toThrow(/twice/);
    }
    expect(readBody('{"a":{"B":1},"b":{"A":1,"c":[1,null]}}').names.size).toBe(5);
  });
});

describe('the expansions of a query', () => {
  const nested = (depth: number): string => `${'manager($expand='.repeat(depth - 1)}manager${')'.repeat(depth - 1)}`;

  it('nest up to five levels', () => {
    expect(readQueryUse(new Map([['expand', nested(5)]])).expand).toHaveLength(1);
    expect(() => readQueryUse(new Map([['expand', nested(6)]]))).toThrow(/nests deeper than 5 levels/);
  });

  it('may be references or counts of what they lead to', () => {
    const names = (text: string) => readQueryUse(new Map([['expand', text]])).expand.map((each) => each.names);
    expect(names('members/$ref')).toEqual([['members']]);
    expect(names('members/$count,owners')).toEqual([['members'], ['owners']]);
    expect(names('members/owners')).toEqual([['members', 'owners']]);
  });
});

describe('$search', () => {
  const namesIn = (search: string): readonly string[] =>
    readQueryUse(new Map([['search', search]])).conditions.map(({ names }) => names.join('/'));

  it.each([
    ['"displayName:a"', ['displayName']],
    ['"displayName:a" AND ("mail:b" OR NOT "mail:c")', ['displayName', 'mail', 'mail']],
    ['"a"', ['$search']],
    ['a', ['$search']],
    ['"displayName:a" b', ['displayName', '$search']],
    ['"displayName:a" "b"', ['displayName', '$search']],
    ['from:a', ['from', '$search']],
    ['size > 5', ['size', '$search']],
  ])('of %s reads %j', (search, names) => {
    expect(namesIn(search)).toEqual(names);
  });

  it.each(['"a', '"a" "', 'a"b"c"'])('with an odd number of quotes is refused: %s', (search) => {
    expect(() => namesIn(search)).toThrow(/odd number of quotes/);
  });
});

describe('query options', () => {
  it.each([
    ['', '', []],
    ['$top=5&select=id', '$top=5&select=id', ['top', 'select']],
    ['$Top=999999999', '$top=999999999', ['top']],
    [
      'STARTDATETIME=2026-01-01T00:00:00.5%2B01:00',
      'startDateTime=2026-01-01T00%3A00%3A00.5%2B01%3A00',
      ['startdatetime'],
    ],
    ['enddatetime=2026-01-01t00:00:00z', 'endDateTime=2026-01-01t00%3A00%3A00z', ['enddatetime']],
    ['enddatetime=2026-01-01', 'endDateTime=2026-01-01', ['enddatetime']],
    ['$count=TRUE', '$count=TRUE', ['count']],
    ['$format=TEXT/CSV', '$format=TEXT%2FCSV', ['format']],
    ['$filter=a+eq%20b=c', '$filter=a%20eq%20b%3Dc', ['filter']],
  ])('%s are sent as %s', (query, canonical, names) => {
    const read = readOptions(query);
    expect([read.canonical, [...read.values.keys()]]).toEqual([canonical, names]);
  });

  it.each([
    '$top=1000000000',
    '$top=5x',
    '$top=x5',
    '$skip=',
    '$skip=+',
    '$count=truest',
    '$count=untrue',
    '$format=xml/json',
    '$format=text/csvs',
    '$skiptoken=a<b',
    '$deltatoken=a"b',
    'startDateTime=2026-1-1',
    'startDateTime=2026-01-01T',
    'startDateTime=x2026-01-01',
    'endDateTime=2026-01-01T00:00:00+1:00',
    'endDateTime=2026-01-01 00:00',
  ])('with another value are refused: %s', (query) => {
    expect(() => readOptions(query)).toThrow(/correct or remove it/);
  });
});

describe('headers', () => {
  it.each([
    'application/json',
    'application/json ; charset=utf-8',
    'application/json;charset="UTF-8"',
    'application/json;metadata=full, text/plain;q=0.5',
    'application/json;odata.streaming=true;IEEE754Compatible=false',
  ])('may ask for %s', (accept) => {
    expect(readHeaders({ Accept: accept })).toEqual({ accept });
  });

  it.each(['application/json;xq=1', 'application/json;q=1x', 'application/json;charset=utf-16', 'a/b;metadata=fuller'])(
    'may not ask for %s, nor send it',
    (type) => {
      for (const name of ['accept', 'content-type']) expect(() => readHeaders({ [name]: type })).toThrow(/parameters/);
      expect(readHeaders({ prefer: type, 'x-other': type })).toEqual({ prefer: type });
    },
  );

  it.each(['x-forwarded-host', 'X-Forwarded-Prefix', 'x-forwarded-uri', 'X-METHOD-OVERRIDE'])(
    'may not replace what is asked for: %s',
    (name) => {
      expect(() => readHeaders({ [name]: 'x' })).toThrow(/replaces method or path/);
    },
  );

  it.each(['x-http-methods', 'my-x-rewrite-url', 'x-forwarded-for'])(
    'may be others, which are not sent: %s',
    (name) => {
      expect(readHeaders({ [name]: 'x' })).toEqual({});
    },
  );

  it.each(['a\tb ~', 'a\u007fb', 'é'])('are ASCII without control characters, but for tabs: %j', (prefer) => {
    if (prefer.includes('~')) expect(readHeaders({ prefer })).toEqual({ prefer });
    else expect(() => readHeaders({ prefer })).toThrow(/outside ASCII/);
  });

  it.each<[string | undefined, boolean]>([
    [undefined, true],
    ['application/json', true],
    ['APPLICATION/JSON ; charset=utf-8', true],
    ['application/jsonp', false],
    ['text/application/json', false],
    ['', false],
  ])('of the content type %s say that a body is JSON: %s', (type, expected) => {
    expect(isJson(type)).toBe(expected);
  });
});

it('bodies are cut out of the parts of a batch, and of nothing else', () => {
  const text = `{"requests":[{"id":"body","body":{"body":[1,{"body":2}]}},{"a":["body",{"body":3}],"id":"2"},{"body":"x"}]}`;
  expect(partBodies(text)).toEqual(['{"body":[1,{"body":2}]}', undefined, '"x"']);
});
