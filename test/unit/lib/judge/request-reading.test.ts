import { describe, expect, it } from 'vitest';
import { type GatewayRequest, quoted } from '../../../../src/lib/judge/verdict.ts';
import { continuedNames, hiddenNames, once, readRequest } from '../../../../src/lib/judge/request-reading.ts';

const reading = (url: string, more: Partial<GatewayRequest> = {}) =>
  readRequest({ method: 'GET', url, ...more }, 'graph.microsoft.com');

describe('once', () => {
  it('keeps what the function returns, also undefined', () => {
    let calls = 0;
    const read = once(() => {
      calls += 1;
      return undefined;
    });
    expect([read(), read(), calls]).toEqual([undefined, undefined, 1]);
  });

  it('keeps what the function throws, also undefined', () => {
    let calls = 0;
    const read = once(() => {
      calls += 1;
      throw undefined;
    });
    for (let n = 0; n < 2; n += 1) expect(() => read()).toThrow();
    expect(calls).toBe(1);
  });
});

describe('what a link of the answer carries', () => {
  it.each<[string, readonly string[] | undefined, readonly string[]]>([
    ['/v1.0/users', undefined, []],
    ['/v1.0/users?$select=id,manager/id', undefined, ['id', 'manager/id']],
    ['/v1.0/users?$expand=manager($select=id)', undefined, ['$expand=manager($select=id)']],
    ['/v1.0/users?$skiptoken=a', ['id', '$expand=manager'], ['id', '$expand=manager']],
    ['/v1.0/users?$skiptoken=a&$select=id', ['id', 'mail'], ['id', 'mail']],
    ['/v1.0/users?$skiptoken=a&$expand=manager', ['$expand=manager'], ['$expand=manager']],
    ['/v1.0/users?$skiptoken=a&$expand=memberOf', ['$expand=manager'], ['$expand=memberOf', '$expand=manager']],
  ])('of %s after %j is %j', (url, selected, expected) => {
    const link = selected === undefined ? {} : { link: { selected } };
    expect(continuedNames(reading(url, link))).toEqual(expected);
  });

  it.each<[string, readonly string[], readonly string[]]>([
    ['/v1.0/users?$skiptoken=a&$select=id', ['id', 'mail'], ['mail']],
    ['/v1.0/users?$skiptoken=a&$expand=manager', ['id', '$expand=manager'], ['id']],
    ['/v1.0/users?$skiptoken=a&$expand=memberOf', ['$expand=manager'], ['$expand=manager']],
    ['/v1.0/users?$skiptoken=a', ['id'], ['id']],
    ['/v1.0/users', ['id'], ['id']],
    ['/v1.0/users?$select=id', [], []],
    ['/v1.0/users?unknown=1&$select=id', ['id'], ['id']],
    ['/v1.0/users?$select=id,', ['id'], ['id']],
  ])('and the link %s does not show of %j is %j', (url, selected, expected) => {
    expect(hiddenNames(url, selected)).toEqual(expected);
  });
});

describe('a query with a token', () => {
  it.each(['$skiptoken=a', '$deltatoken=a', '$deltatoken=late'])('is refused without a link: %s', (option) => {
    expect(() => reading(`/v1.0/users/delta?${option}`).query()).toThrow(/continues a link/);
    const link = { selected: [] };
    expect(reading(`/v1.0/users/delta?${option}`, { link }).query().expand).toEqual([]);
  });

  it.each(['latest', 'LATEST'])('starts with the state of now: %s', (token) => {
    expect(reading(`/v1.0/users/delta?$deltatoken=${token}`).query().select).toBeUndefined();
  });

  it('reads what the earlier queries named', () => {
    const link = { selected: ['mail', '$expand=manager($select=id)'] };
    const { select, expand } = reading('/v1.0/users?$skiptoken=a&$select=id', { link }).query();
    expect(select?.map(({ names }) => names)).toEqual([['id'], ['mail']]);
    expect(expand.map(({ names }) => names)).toEqual([['manager']]);
    expect(reading('/v1.0/users?$skiptoken=a', { link: { selected: ['$expand=manager'] } }).query().select).toBe(
      undefined,
    );
  });

  it('expands with GET only, also what an earlier query expanded', () => {
    const link = { selected: ['$expand=manager'] };
    expect(() => reading('/v1.0/users?$skiptoken=a', { method: 'POST', link }).query()).toThrow(/with GET only/);
  });
});

it('quotes a name of 60 characters, and cuts a longer one', () => {
  expect(quoted('a'.repeat(60))).toBe(`"${'a'.repeat(60)}"`);
  expect(quoted('a'.repeat(61))).toBe(`"${'a'.repeat(60)}…"`);
});
