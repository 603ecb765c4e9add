import { describe, expect, it } from 'vitest';
import { decide, denyInAnyTenant, type Reads, readsOf } from '../../../../../src/lib/access/policy/decide.ts';
import { explain, explainReading } from '../../../../../src/lib/access/policy/explain.ts';
import { parsePolicy } from '../../../../../src/lib/access/policy/parse-policy.ts';
import type { AccessPolicy } from '../../../../../src/lib/access/policy/policy.ts';
import { guid, tenant } from '../../../../support/audit-entries.ts';

const caller = { applicationId: guid(1), objectId: guid(2), kind: 'user', roles: ['Runs.Read'] } as const;
const callers = { applications: [guid(1)] };
const token = { name: 'tokens', callers, tenants: ['*'], resources: ['graph'] };

function policyOf(...rules: readonly object[]): AccessPolicy {
  const document = { version: 1, tenantGroups: { gold: [tenant(11), 'Contoso.com'] }, rules };
  const parsed = parsePolicy(JSON.stringify(document));
  if (!parsed.ok) throw new Error(parsed.problems.join(' '));
  return parsed.policy;
}
const reads = (name: string, tenants: readonly string[], by: object = callers) => ({
  name,
  callers: by,
  reads: tenants,
});

/** The names of all lists together. */
function namesIn(found: Reads): '*' | ReadonlySet<string> {
  return found === '*' ? found : new Set(found.flatMap(({ tenants }) => [...tenants.names]));
}

describe('readsOf', () => {
  it('does not limit a caller while no rule for it has reads', () => {
    expect(readsOf(policyOf(), caller)).toBe('*');
    expect(readsOf(policyOf(token), caller)).toBe('*');
    expect(readsOf(policyOf(token, reads('others', ['group:gold'], { applications: [guid(9)] })), caller)).toBe('*');
  });

  it('limits a caller to the tenants of all its rules together', () => {
    const policy = policyOf({ ...token, reads: ['group:gold'] }, reads('more', [tenant(12)]));
    expect(namesIn(readsOf(policy, caller))).toEqual(new Set([tenant(11), 'contoso.com', tenant(12)]));
    expect(readsOf(policyOf(reads('a', ['group:gold']), reads('b', ['*'])), caller)).toBe('*');
  });

  it('limits a caller with "*" and an except', () => {
    const policy = policyOf({ ...reads('most', ['*']), except: ['tag:regulated'] });
    expect(readsOf(policy, caller)).toMatchObject([{ tenants: { all: true }, except: { tags: ['regulated'] } }]);
    expect(readsOf(policyOf({ ...reads('most', ['*']), except: ['group:gold'] }), caller)).not.toBe('*');
  });

  it('lets a caller read nothing if its only list is empty', () => {
    expect(namesIn(readsOf(policyOf(reads('nobody', [], { applications: ['*'] })), caller))).toEqual(new Set());
    const policy = policyOf(reads('nobody', [], { applications: ['*'] }), reads('gold', [tenant(11)]));
    expect(namesIn(readsOf(policy, caller))).toEqual(new Set([tenant(11)]));
    expect(namesIn(readsOf(policy, { ...caller, applicationId: guid(9) }))).toEqual(new Set());
  });

  it('limits by application, kind and object', () => {
    const policy = policyOf(reads('person', [tenant(11)], { ...callers, objects: [guid(2)], kinds: ['user'] }));
    expect(namesIn(readsOf(policy, caller))).toEqual(new Set([tenant(11)]));
    expect(readsOf(policy, { ...caller, objectId: guid(3) })).toBe('*');
    expect(readsOf(policy, { ...caller, kind: 'application' })).toBe('*');
  });

  it('opens nothing to a caller that lacks a role of the rule, and does not lift the limit either', () => {
    const policy = policyOf(reads('auditors', ['*'], { ...callers, roles: ['Audit.Read'] }));
    expect(namesIn(readsOf(policy, caller))).toEqual(new Set());
    expect(readsOf(policy, { ...caller, roles: ['Runs.Read', 'Audit.Read'] })).toBe('*');
  });
});

describe('a rule with only reads', () => {
  const request = { tenantId: tenant(11), domains: [], resource: 'graph', scopes: [], grant: 'delegated' } as const;

  it('allows no token', () => {
    expect(decide(policyOf(reads('gold', ['*'])), caller, request)).toMatchObject({ allow: false, missing: 'caller' });
    expect(denyInAnyTenant(policyOf(reads('gold', ['*'])), caller, request)).toMatchObject({ missing: 'caller' });
  });

  it('leaves the decision to the other rules', () => {
    expect(decide(policyOf(reads('gold', []), token), caller, request)).toMatchObject({ allow: true, rule: 'tokens' });
  });
});

describe('explainReading', () => {
  const policy = policyOf(
    token,
    reads('gold', ['group:gold']),
    reads('others', ['*'], { applications: [guid(9)] }),
    reads('auditors', ['*'], { ...callers, roles: ['Audit.Read'] }),
  );
  const at = (tenantId: ReturnType<typeof tenant> | undefined, domains: readonly string[] = []) =>
    explainReading(policy, caller, { tenantId, domains: domains as [] });

  it('names what each rule does for the tenant', () => {
    expect(at(tenant(11))).toEqual({
      readable: true,
      limited: true,
      rules: [
        { rule: 'tokens', outcome: 'no reads' },
        { rule: 'gold', outcome: 'reads', because: `reads: group:gold → ${tenant(11)}` },
        { rule: 'others', outcome: 'lacks', missing: 'caller' },
        { rule: 'auditors', outcome: 'lacks', missing: 'role' },
      ],
    });
    expect(at(tenant(12))).toMatchObject({ readable: false, limited: true });
    expect(at(undefined, ['contoso.com'])).toMatchObject({ readable: true });
  });

  it('names the except that takes a tenant away, and tags that are not known', () => {
    const most = policyOf({ ...reads('most', ['*']), except: ['tag:regulated', 'group:gold'] });
    const because = (facts: object) =>
      explainReading(most, caller, { tenantId: tenant(12), domains: [], ...facts }).rules[0];
    expect(because({ tags: new Set(['regulated']) })).toEqual({
      rule: 'most',
      outcome: 'other tenants',
      because: 'except: tag:regulated',
    });
    expect(because({ tags: new Set() })).toEqual({ rule: 'most', outcome: 'reads', because: 'reads: *' });
    expect(because({ tags: new Set(), tenantId: tenant(11) })).toMatchObject({
      outcome: 'other tenants',
      because: `except: group:gold → ${tenant(11)}`,
    });
    expect(because({ tags: new Set(), unresolved: new Set(['contoso.com']) })).toMatchObject({
      outcome: 'other tenants',
      because: 'the tenant of a domain in except is not known',
    });
    expect(because({})).toMatchObject({
      outcome: 'other tenants',
      because: 'the rule names a tag, and the tags of the tenant are not known',
    });
  });

  it('looks only at the list of the rule that it explains', () => {
    // `tenants` names a tag, `reads` does not, so the tags need not be known; and the other way round.
    const both = policyOf({ ...token, tenants: ['tag:managed'], reads: [tenant(11)] });
    const facts = { tenantId: tenant(11), domains: [] };
    expect(explainReading(both, caller, facts).rules).toEqual([
      { rule: 'tokens', outcome: 'reads', because: `reads: ${tenant(11)}` },
    ]);
    const swapped = policyOf({ ...token, tenants: [tenant(11)], reads: ['tag:managed'] });
    const request = { ...facts, resource: 'graph', scopes: [], grant: 'delegated' } as const;
    expect(explain(swapped, caller, request).rules).toEqual([
      { rule: 'tokens', outcome: 'allows', because: `tenants: ${tenant(11)}` },
    ]);
  });

  it('lets the caller read what any of its rules opens', () => {
    const two = policyOf(reads('first', [tenant(11)]), reads('second', [tenant(12)]));
    const readable = (number: number) =>
      explainReading(two, caller, { tenantId: tenant(number), domains: [] }).readable;
    expect([readable(11), readable(12), readable(13)]).toEqual([true, true, false]);
  });

  it('says so if the caller is not limited', () => {
    expect(explainReading(policyOf(token), caller, { tenantId: tenant(12), domains: [] })).toEqual({
      readable: true,
      limited: false,
      rules: [{ rule: 'tokens', outcome: 'no reads' }],
    });
  });
});
