import { describe, expect, test } from 'vitest';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import { type DomainName, parseTenantId } from '../../../../src/lib/core/identifiers.ts';
import { MemoryExcludedDomains } from '../../../fakes/memory-excluded-domains.ts';
import { resolveServedTenants, type WantedTenants } from '../../../../src/lib/tenants/selection.ts';

const one = parseTenantId('00000000-0000-4000-8000-000000000001')!;
const two = parseTenantId('00000000-0000-4000-8000-000000000002')!;
const domain = 'two.example' as DomainName;
const wanted = (more: Partial<WantedTenants>): WantedTenants => ({
  include: [],
  exclude: [],
  withoutGdap: 'deny',
  ...more,
});
const domains = (answer: () => Promise<typeof two | undefined>) => {
  const lookedUp: string[] = [];
  return {
    lookedUp,
    domains: {
      tenantOf: (name: DomainName) => {
        lookedUp.push(name);
        return answer();
      },
    },
    excludedDomains: new MemoryExcludedDomains(),
  };
};

describe('resolveServedTenants', () => {
  test('keeps ids and resolves domains with Entra', async () => {
    const entra = domains(async () => two);
    const { selection, warnings } = await resolveServedTenants(entra, wanted({ include: [one], exclude: [domain] }));
    expect(selection).toEqual({ include: new Set([one]), exclude: new Set([two]), withoutGdap: 'deny' });
    expect([warnings, entra.lookedUp]).toEqual([[], [domain]]);
  });

  test('includes all tenants for an empty list, and none for a list with only a domain that no tenant has', async () => {
    const unknown = domains(async () => undefined);
    expect((await resolveServedTenants(unknown, wanted({}))).selection.include).toBe('all');
    const { selection, warnings } = await resolveServedTenants(unknown, wanted({ include: [domain] }));
    expect(selection.include).toEqual(new Set());
    expect(warnings).toEqual([
      'TENANTS_INCLUDE contains the domain two.example, which no tenant has. The entry has no effect.',
    ]);
  });

  test('throws directory_unavailable with the setting and retryAfterSeconds while Entra does not answer', async () => {
    const silent = domains(() =>
      Promise.reject(new BrokerError('entra_unavailable', 'Silent.', { retryAfterSeconds: 60, logFields: { a: 1 } })),
    );
    await expect(resolveServedTenants(silent, wanted({ exclude: [domain] }))).rejects.toMatchObject({
      code: 'directory_unavailable',
      detail: 'A domain in TENANTS_EXCLUDE could not be resolved to a tenant (entra_unavailable): Silent.',
      retryAfterSeconds: 60,
      logFields: { a: 1 },
    });
  });

  test('throws an internal error and the reason of the signal unchanged', async () => {
    const bug = new TypeError('x is not a function');
    const broken = domains(() => Promise.reject(bug));
    await expect(resolveServedTenants(broken, wanted({ exclude: [domain] }))).rejects.toBe(bug);
    const reason = new Error('left');
    const signal = AbortSignal.abort(reason);
    await expect(resolveServedTenants(broken, wanted({ exclude: [domain] }), signal)).rejects.toBe(reason);
  });
});

describe('a domain in TENANTS_EXCLUDE', () => {
  const stage = () => {
    const entra: { owner: typeof two | undefined } = { owner: two };
    const deps = domains(async () => entra.owner);
    const excluded = async () => {
      const { selection, warnings } = await resolveServedTenants(deps, wanted({ exclude: [domain] }));
      return { excluded: [...selection.exclude], warnings };
    };
    return { deps, entra, excluded };
  };

  test('keeps its tenant excluded when no tenant has the domain any more', async () => {
    const { entra, excluded } = stage();
    expect(await excluded()).toEqual({ excluded: [two], warnings: [] });
    entra.owner = undefined;
    expect(await excluded()).toEqual({
      excluded: [two],
      warnings: [
        `TENANTS_EXCLUDE contains the domain two.example, which no tenant has now. The tenant that had it stays excluded: ${two}. Name the tenant id instead of the domain.`,
      ],
    });
  });

  test('excludes its tenants before and after it moves', async () => {
    const { entra, excluded } = stage();
    await excluded();
    entra.owner = one;
    expect(await excluded()).toEqual({
      excluded: [two, one],
      warnings: [
        `TENANTS_EXCLUDE contains the domain two.example, which has moved to the tenant ${one}. The tenant that had it stays excluded: ${two}. Name tenant ids instead of the domain.`,
      ],
    });
  });

  test('is remembered once', async () => {
    const { deps, excluded } = stage();
    await excluded();
    await excluded();
    expect(deps.excludedDomains.additions).toBe(1);
  });

  test('makes the selection fail with directory_unavailable while storage does not answer', async () => {
    const { deps, entra, excluded } = stage();
    deps.excludedDomains.broken = true;
    const failure = { code: 'directory_unavailable', detail: expect.stringContaining('TENANTS_EXCLUDE') as string };
    await expect(excluded()).rejects.toMatchObject(failure);
    entra.owner = undefined;
    await expect(excluded()).rejects.toMatchObject(failure);
  });

  test('has no effect if it never had a tenant, and neither does storage on a domain in TENANTS_INCLUDE', async () => {
    const { deps, entra, excluded } = stage();
    entra.owner = undefined;
    expect(await excluded()).toEqual({
      excluded: [],
      warnings: ['TENANTS_EXCLUDE contains the domain two.example, which no tenant has. The entry has no effect.'],
    });
    deps.excludedDomains.broken = true;
    expect((await resolveServedTenants(deps, wanted({ include: [domain] }))).selection.include).toEqual(new Set());
  });
});
