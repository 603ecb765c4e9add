import { describe, expect, it } from 'vitest';
import { readGroups, unknownGroup } from '../../../../../src/lib/access/tenants/tenant-set.ts';

const problemsOf = (written: Record<string, string[]>): string[] => {
  const read = readGroups(written);
  return read.ok ? ['(valid)'] : read.problems.map(({ group, problem }) => `${group}: ${problem}`);
};

describe('readGroups', () => {
  it('reads ids, domains, tags and other groups', () => {
    const id = '0000000A-0000-4000-8000-000000000000';
    const read = readGroups({ gold: ['Contoso.com', id, 'tag:Managed', 'group:inner'], inner: ['tag:tier=gold'] });
    expect(read).toEqual({
      ok: true,
      groups: new Map([
        [
          'gold',
          [
            { kind: 'domain', domain: 'contoso.com' },
            { kind: 'id', tenantId: id.toLowerCase() },
            { kind: 'tag', tag: 'managed' },
            { kind: 'group', group: 'inner' },
          ],
        ],
        ['inner', [{ kind: 'tag', tag: 'tier=gold' }]],
      ]),
    });
  });

  it('refuses a group that contains itself, with the chain', () => {
    expect(problemsOf({ a: ['group:a'] })).toEqual(['a: contains itself: a → a.']);
    expect(problemsOf({ x: ['group:b'], a: ['group:b'], b: ['contoso.com', 'group:c'], c: ['group:a'] })).toEqual([
      'b: contains itself: b → c → a → b.',
    ]);
  });

  it('accepts a group that two groups hold', () => {
    expect(problemsOf({ a: ['group:b', 'group:c'], b: ['group:d'], c: ['group:d'], d: ['tag:x'] })).toEqual([
      '(valid)',
    ]);
  });

  it('refuses more than ten levels, also a chain of 20,000 groups', () => {
    const chain = (length: number): Record<string, string[]> =>
      Object.fromEntries(
        Array.from({ length }, (_, index) => [`g${index}`, [index + 1 < length ? `group:g${index + 1}` : 'tag:x']]),
      );
    expect(problemsOf(chain(10))).toEqual(['(valid)']);
    expect(problemsOf(chain(11))).toEqual(['g0: holds groups in more than 10 levels; use fewer.']);
    expect(problemsOf(chain(20_000))).toHaveLength(1);
  });

  it('refuses an unknown group, lists the known ones and suggests the nearest', () => {
    expect(problemsOf({ gold: ['group:silvr'], silver: ['tag:x'] })).toEqual([
      'gold: unknown group "silvr"; did you mean "silver"? The groups are gold, silver.',
    ]);
  });

  it('refuses entries that are none, and "*"', () => {
    expect(problemsOf({ gold: ['*', 'tag:no good', 'group:', 'nobody'] })).toEqual([
      'gold: cannot hold "*"; write "*" where you use it.',
      expect.stringMatching(/^gold: "tag:no good" is not a tag: /),
      expect.stringMatching(/^gold: "group:" does not name a group: /),
      'gold: "nobody" is neither a tenant id, a domain, "group:NAME", "tag:NAME" nor "*".',
    ]);
  });

  it('accepts a name of 64 characters, and cuts a longer one in the message', () => {
    const longest = 'a'.repeat(64);
    expect(problemsOf({ gold: [`group:${longest}`], [longest]: [] })).toEqual(['(valid)']);
    expect(problemsOf({ gold: [`group:${longest}a`] })).toEqual([
      expect.stringMatching(/^gold: "group:a{64}a" does not name a group: /),
    ]);
    expect(problemsOf({ gold: [`group:${'a'.repeat(200)}`] })).toEqual([
      expect.stringMatching(/^gold: "group:a{94}" does not name a group: /),
    ]);
  });

  it('knows no group by the name of a member of every object', () => {
    expect(problemsOf({ gold: ['group:constructor'] })).toEqual([
      'gold: unknown group "constructor"; the groups are gold.',
    ]);
  });
});

describe('unknownGroup', () => {
  it('lists at most twenty groups', () => {
    const known = Array.from({ length: 25 }, (_, index) => `g-${index}-long-name`);
    expect(unknownGroup('other', known)).toBe(
      `unknown group "other"; the groups are ${known.slice(0, 20).join(', ')} and 5 more.`,
    );
  });

  it('does not say that there are more if it lists all', () => {
    const known = Array.from({ length: 20 }, (_, index) => `g-${index}-long-name`);
    expect(unknownGroup('other', known)).toBe(`unknown group "other"; the groups are ${known.join(', ')}.`);
  });

  it('says that there are none', () => {
    expect(unknownGroup('other', [])).toBe('unknown group "other"; the policy has no groups.');
  });
});
