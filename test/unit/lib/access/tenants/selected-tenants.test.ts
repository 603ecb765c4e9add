import { beforeEach, describe, expect, it } from 'vitest';
import {
  requestedSelection,
  knowTenants,
  knowTenantsForLimited,
  notFound,
  tenantsOfSelections,
} from '../../../../../src/lib/access/tenants/selected-tenants.ts';
import { readGroups } from '../../../../../src/lib/access/tenants/tenant-set.ts';
import { BrokerError } from '../../../../../src/lib/core/errors.ts';
import type { DomainName, TenantId } from '../../../../../src/lib/core/identifiers.ts';
import { ownersOf } from '../../../../../src/lib/access/tenants/requested-tenant.ts';
import type { DelegatedTenant } from '../../../../../src/lib/tenants/tenant.ts';
import { readMarks } from '../../../../../src/lib/access/tenants/visible-tenants.ts';
import { MemoryTenantTags } from '../../../../fakes/memory-tenant-tags.ts';
import { recordingLogger } from '../../../../fakes/recording-logger.ts';
import { tenant } from '../../../../support/audit-entries.ts';

const [one, two, three, stranger] = [1, 2, 3, 4].map(tenant) as [TenantId, TenantId, TenantId, TenantId];
const away = new BrokerError('entra_unavailable', 'Entra does not answer.');
const domain = (text: string) => text as DomainName;

/** Which tenant has which domain. An error is thrown. */
let owners: Map<string, TenantId | BrokerError>;
let tenantTags: MemoryTenantTags;
let asked: { byLists: string[]; byEntra: string[]; callers: Set<string | undefined> };
beforeEach(() => {
  owners = new Map([
    ['one.com', one],
    ['1.example', one],
    ['two.com', two],
    ['stranger.com', stranger],
  ]);
  tenantTags = new MemoryTenantTags({
    [one]: ['managed', 'tier=gold'],
    [two]: ['tier=silver'],
    [stranger]: ['managed'],
  });
  asked = { byLists: [], byEntra: [], callers: new Set() };
});

const lookUp = (where: 'byLists' | 'byEntra') => async (name: DomainName, _?: AbortSignal, callerId?: string) => {
  asked[where].push(name);
  asked.callers.add(callerId);
  const owner = owners.get(name);
  if (owner instanceof BrokerError) throw owner;
  return owner;
};
const directory = {
  tenantOf: lookUp('byLists'),
  tenantByEntra: lookUp('byEntra'),
  list: async () => [one, two, three].map((tenantId) => ({ tenantId }) as DelegatedTenant),
};
const deps = () => ({ directory, tenantTags });

const read = readGroups({ gold: ['tag:tier=gold', 'two.com'], empty: [] });
const groups = read.ok ? read.groups : new Map();
const choice = (tenants: readonly string[], except: readonly string[] = []) =>
  requestedSelection({ tenants, except }, groups);

describe('tenantsOfSelections', () => {
  it.each<[tenants: string[], except: string[], expected: TenantId[]]>([
    [['*'], [], [one, two, three]],
    [['*'], [two], [one, three]],
    [['*'], ['1.example'], [two, three]],
    [['*'], ['tag:managed'], [two, three]],
    [[one, stranger], [], [one, stranger]],
    [['one.com', 'stranger.com', 'nobody.com'], [], [one, stranger]],
    [['tag:tier'], [], [one, two]],
    [['tag:tier=gold', 'two.com'], [], [one, two]],
    [['tag:managed'], ['one.com'], [stranger]],
    [['group:gold'], [], [one, two]],
    [['group:gold'], ['group:gold'], []],
    [['group:empty'], [], []],
    [['tag:tier'], [two, 'tag:managed'], []],
  ])('%j without %j', async (tenants, except, expected) => {
    expect([...(await tenantsOfSelections(deps(), [choice(tenants, except)]))].toSorted()).toEqual(expected);
  });

  it('takes several choices together, each with its own except', async () => {
    const choices = [choice([one, two], [two]), choice(['two.com'], [one])];
    expect(await tenantsOfSelections(deps(), choices)).toEqual(new Set([one, two]));
    expect(await tenantsOfSelections(deps(), [])).toEqual(new Set());
  });

  it('reads neither tags nor the list of customers if nothing names them', async () => {
    tenantTags.broken = true;
    const failing = { ...directory, list: () => Promise.reject(away) };
    expect(await tenantsOfSelections({ directory: failing, tenantTags }, [choice(['one.com'])])).toEqual(
      new Set([one]),
    );
    await expect(tenantsOfSelections(deps(), [choice(['tag:tier'])])).rejects.toMatchObject({
      code: 'storage_unavailable',
    });
    await expect(tenantsOfSelections({ directory: failing, tenantTags }, [choice(['*'])])).rejects.toBe(away);
  });

  it('chooses no tenant whose tags cannot be read if a choice names a tag', async () => {
    const unreadable = {
      current: async () => ({
        byTenant: new Map([
          [one, undefined],
          [two, ['tier=silver']],
        ] as const),
      }),
    };
    const chosen = await tenantsOfSelections({ directory, tenantTags: unreadable }, [choice([one, two], ['tag:x'])]);
    expect(chosen).toEqual(new Set([two]));
  });

  it('fails if the tenant of any domain cannot be found out', async () => {
    owners.set('two.com', away);
    await expect(tenantsOfSelections(deps(), [choice(['one.com', 'two.com'])])).rejects.toBe(away);
    await expect(tenantsOfSelections(deps(), [choice([one], ['two.com'])])).rejects.toBe(away);
  });
});

describe('knowTenants', () => {
  it('looks up each domain for the caller, and says which no tenant has', async () => {
    const known = await knowTenants(deps(), [choice(['one.com', '1.example', 'nobody.com'], ['two.com'])], 'caller');
    expect(asked.callers).toEqual(new Set(['caller']));
    expect(known.unowned).toEqual(['nobody.com']);
    expect(known.factsOf(one)).toEqual({ tenantId: one, domains: ['one.com', '1.example'], tags: undefined });
    expect(known.factsOf(three)).toEqual({ tenantId: three, domains: [], tags: undefined });
    expect(known.ownerOf(domain('two.com'))).toBe(two);
    expect(known.tags).toBeUndefined();
  });

  it('knows the tags if a choice names one', async () => {
    const known = await knowTenants(deps(), [choice([one]), choice(['tag:x'])]);
    expect(known.factsOf(one).tags).toEqual(new Set(['managed', 'tier=gold', 'tier']));
    expect(known.factsOf(three).tags).toEqual(new Set());
  });
});

describe('knowTenantsForLimited', () => {
  const forLimited = (tenants: readonly string[], except?: readonly string[]) =>
    knowTenantsForLimited(deps(), choice(tenants, except), 'caller');

  it('does not ask the lists about a domain in except', async () => {
    const known = await forLimited(['one.com', 'tag:tier'], ['two.com']);
    expect(asked).toEqual({ byLists: ['one.com'], byEntra: ['two.com'], callers: new Set(['caller']) });
    expect(known.ownerOf(domain('one.com'))).toBe(one);
    expect(known.ownerOf(domain('two.com'))).toBe(two);
    expect(known.factsOf(two).tags).toEqual(new Set(['tier=silver', 'tier']));
  });

  it('treats a domain in tenants that cannot be looked up as one that no tenant has', async () => {
    owners.set('one.com', away);
    const known = await forLimited(['one.com', 'two.com']);
    expect(known.ownerOf(domain('one.com'))).toBeUndefined();
    expect(known.ownerOf(domain('two.com'))).toBe(two);
    expect(known.tags).toBeUndefined();
  });

  it('fails for a domain in except that cannot be looked up', async () => {
    owners.set('two.com', away);
    await expect(forLimited(['*'], ['two.com'])).rejects.toBe(away);
  });
});

describe('notFound', () => {
  const sentences = async (...choices: ReturnType<typeof choice>[]) =>
    notFound(choices, await knowTenants(deps(), choices));

  it('names tags and domains that no tenant has', async () => {
    expect(await sentences(choice(['tag:tier', 'tag:tier=gold', 'one.com']))).toEqual([]);
    expect(await sentences(choice([one]))).toEqual([]);
    expect(
      await sentences(choice(['tag:tier=bronze', 'nobody.com'], ['tag:vip', 'no.example']), choice(['tag:vip'])),
    ).toEqual(['No tenant has a tag tier=bronze, vip.', 'No tenant has a domain nobody.com, no.example.']);
  });
});

describe('ownersOf', () => {
  it('looks up four domains at a time, and goes on after a failure', async () => {
    let current = 0;
    let most = 0;
    const slow = {
      tenantOf: async (name: DomainName) => {
        current += 1;
        most = Math.max(most, current);
        await Promise.resolve();
        current -= 1;
        if (name === 'd2.com') throw away;
        if (name === 'd3.com') throw new BrokerError('busy', 'Too many.');
        return name === 'd9.com' ? undefined : one;
      },
    };
    const domains = Array.from({ length: 10 }, (_, index) => domain(`d${index}.com`));
    const found = await ownersOf(slow, domains);
    expect(most).toBe(4);
    expect([...found.byDomain.keys()]).toEqual(domains.filter((name) => name !== 'd2.com' && name !== 'd3.com'));
    expect(found.byDomain.get(domain('d9.com'))).toBeUndefined();
    expect(found.unresolved).toEqual(new Set(['d2.com', 'd3.com']));
    expect(found.failure).toBe(away);
  });

  it('throws a fault, which no later attempt repairs', async () => {
    const fault = new TypeError('fault');
    await expect(ownersOf({ tenantOf: () => Promise.reject(fault) }, [domain('a.com')])).rejects.toBe(fault);
  });
});

describe('readMarks', () => {
  const recorded = recordingLogger();
  const marks = () => readMarks({ ...deps(), log: recorded.log }, groups);

  it('names tags and groups of a tenant', async () => {
    const read = await marks();
    expect(read.warnings).toEqual([]);
    expect(read.of(one)).toEqual({ tags: ['managed', 'tier=gold'], groups: ['gold'] });
    expect(read.of(two)).toEqual({ tags: ['tier=silver'], groups: ['gold'] });
    expect(read.of(three)).toEqual({ tags: [], groups: [] });
  });

  it('says what is not known, and leaves it out', async () => {
    owners.set('two.com', away);
    const withoutGroups = await marks();
    expect(withoutGroups.of(one)).toEqual({ tags: ['managed', 'tier=gold'] });
    expect(withoutGroups.warnings).toEqual(['The groups of the tenants are not known now (entra_unavailable).']);
    tenantTags.broken = true;
    const withoutBoth = await marks();
    expect(withoutBoth.of(one)).toEqual({});
    expect(withoutBoth.warnings).toHaveLength(2);
    expect(recorded.events()).toEqual(Array(3).fill('tenants.marks_failed'));
    expect(recorded.lines[0]?.level).toBe('warn');
  });
});
