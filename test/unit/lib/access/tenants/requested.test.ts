import { describe, expect, it } from 'vitest';
import {
  requestedProblems,
  type RequestedTenants,
  requestedSelection,
} from '../../../../../src/lib/access/tenants/selected-tenants.ts';
import { selects, readGroups } from '../../../../../src/lib/access/tenants/tenant-set.ts';
import { tenant } from '../../../../support/audit-entries.ts';

const one = tenant(1);
const long = `tag:${'a'.repeat(200)}`;

const read = readGroups({ gold: [one], silver: ['tag:managed'] });
const groups = read.ok ? read.groups : undefined;

describe('requestedProblems', () => {
  it.each<RequestedTenants>([
    {},
    { tenants: ['*'] },
    { tenants: ['*'], except: ['group:unknown', 'tag:x'] },
    { tenants: [one, 'contoso.com'] },
  ])('finds nothing wrong with %j', (asked) => {
    expect(requestedProblems(asked)).toEqual([]);
  });

  it.each<[RequestedTenants, (string | RegExp)[]]>([
    [{ tenants: ['nobody'] }, [/^tenants: "nobody" is neither a tenant id, a domain/]],
    [{ tenants: [one], except: ['group:'] }, [/^except: "group:" does not name a group: /]],
    [{ tenants: [long] }, [new RegExp(`^tenants: "${long.slice(0, 100)}" is not a tag: `)]],
    [{ tenants: ['*', one] }, ['tenants: "*" means all and must be the only entry.']],
    [{ except: ['tag:x', '*'] }, ['except: "*" takes every tenant away; name the tenants, groups or tags.']],
    [{ tenants: ['no', 'neither'], except: ['nor'] }, [/^tenants: "no" /, /^tenants: "neither" /, /^except: "nor" /]],
  ])('says what is wrong with %j', (asked, expected) => {
    expect(requestedProblems(asked)).toEqual(
      expected.map((each): unknown => (typeof each === 'string' ? each : expect.stringMatching(each))),
    );
  });
});

describe('requestedSelection', () => {
  const facts = { tenantId: one, domains: [], tags: new Set<string>() };

  it.each<[RequestedTenants, boolean]>([
    [{}, true],
    [{ tenants: ['group:gold'] }, true],
    [{ tenants: ['group:silver'] }, false],
    [{ tenants: ['*'], except: ['group:gold'] }, false],
    [{ except: ['tag:other'] }, true],
  ])('compiles %j with the groups of the policy', (asked, expected) => {
    expect(selects(requestedSelection(asked, groups), facts)).toBe(expected);
  });

  it('takes nothing away if nothing is asked to be', () => {
    expect(requestedSelection({ tenants: [one] }).except).toEqual({
      all: false,
      names: new Set(),
      domainLists: [],
      tags: [],
    });
  });

  it('refuses groups that the caller may not know as if they did not exist', () => {
    const visible = new Map([['silver', true]]);
    expect(() => requestedSelection({ tenants: ['group:gold'], except: ['group:golden'] }, groups, visible)).toThrow(
      expect.objectContaining({
        code: 'request_invalid',
        detail:
          'tenants: unknown group "gold"; the groups are silver. except: unknown group "golden"; the groups are silver.',
      }),
    );
  });

  it('names at most five problems', () => {
    const asked = { tenants: ['a1', 'a2', 'a3', 'a4', 'a5', 'a6'] };
    expect(() => requestedSelection(asked)).toThrow(/"a5"/);
    expect(() => requestedSelection(asked)).not.toThrow(/"a6"/);
    expect(() => requestedSelection(asked)).toThrow(/"\*"\. tenants: "a2"/);
  });
});
