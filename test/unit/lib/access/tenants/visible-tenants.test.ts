import { describe, expect, it } from 'vitest';
import { seesEveryTenant, visibleTenants } from '../../../../../src/lib/access/tenants/visible-tenants.ts';
import { parsePolicy } from '../../../../../src/lib/access/policy/parse-policy.ts';
import type { PolicyStore } from '../../../../../src/lib/access/policy/policy-store.ts';
import { denyAll } from '../../../../../src/lib/access/policy/policy.ts';
import type { Caller } from '../../../../../src/lib/core/caller.ts';
import { guid, tenant } from '../../../../support/audit-entries.ts';

const caller: Caller = {
  applicationId: guid(1),
  objectId: guid(2),
  kind: 'user',
  roles: ['Runs.Read'],
  tenantId: tenant(0),
  name: 'ann',
};

function storeOf(reads: readonly string[] | undefined): PolicyStore {
  const rule = { name: 'readers', callers: { applications: [guid(1)] } };
  const rules = reads === undefined ? [] : [{ ...rule, reads }];
  const parsed = parsePolicy(JSON.stringify({ version: 1, rules }));
  if (!parsed.ok) throw new Error(parsed.problems.join(' '));
  const { policy } = parsed;
  return { current: async () => ({ policy, state: 'current', loadedAtMs: 1 }) };
}
const nothing: PolicyStore = { current: async () => ({ policy: denyAll, state: 'deny-all', loadedAtMs: 0 }) };

const visible = (policy: PolicyStore) =>
  visibleTenants(
    {
      callers: { policy },
      directory: { tenantOf: async () => undefined, list: async () => [] },
      tenantTags: { current: () => Promise.reject(new Error('No tag is named.')) },
    },
    caller,
  );

describe('what a caller may read', () => {
  it('is everything if no rule limits it', async () => {
    expect(await visible(storeOf(undefined))).toBe('*');
    expect(await seesEveryTenant(storeOf(undefined), caller)).toBe(true);
  });

  it('is what its rules name', async () => {
    expect(await visible(storeOf([tenant(1), tenant(2)]))).toEqual(new Set([tenant(1), tenant(2)]));
    expect(await seesEveryTenant(storeOf([tenant(1)]), caller)).toBe(false);
  });

  it('is nothing while no policy is in force, because it may limit the caller', async () => {
    await expect(visible(nothing)).rejects.toMatchObject({ code: 'caller_forbidden' });
    expect(await seesEveryTenant(nothing, caller)).toBe(false);
  });
});
