import { HttpRequest } from '@azure/functions';
import { describe, expect, it } from 'vitest';
import type { Services } from '../../src/composition.ts';
import { tenants } from '../../src/functions/tenants.ts';
import type { TenantsAnswer } from '../../src/lib/api/answers/tenants.ts';
import { parsePolicy } from '../../src/lib/access/policy/parse-policy.ts';
import type { PolicyStore } from '../../src/lib/access/policy/policy-store.ts';
import { BrokerError } from '../../src/lib/core/errors.ts';
import type { LastResults } from '../../src/lib/runs/store/schedule-log.ts';
import type { DelegatedTenant } from '../../src/lib/tenants/tenant.ts';
import { MemoryTenantTags } from '../fakes/memory-tenant-tags.ts';
import { recordingLogger } from '../fakes/recording-logger.ts';
import { openPolicy } from '../support/open-policy.ts';
import { guid, tenant } from '../support/audit-entries.ts';

const contoso: DelegatedTenant = {
  tenantId: tenant(1),
  name: 'Contoso',
  relationship: 'gdap',
  relationshipEndsAtMs: Date.UTC(2027, 0, 1),
  relationshipRenews: true,
  reachable: false,
  reason: 'gdap_expired',
  sources: ['relationships'],
  defaultDomain: undefined,
};

async function request(read: (jobs: readonly string[]) => Promise<LastResults>, changes: object = {}, query = '') {
  const { log, lines } = recordingLogger();
  const services = {
    callers: { policy: openPolicy },
    tenantTags: new MemoryTenantTags({ [tenant(1)]: ['managed'] }),
    directory: {
      snapshot: () => Promise.resolve({ tenants: [contoso], warnings: ['An old list.'], complete: true, asOfMs: 0 }),
      list: () => Promise.reject(new Error('not asked')),
      find: () => Promise.reject(new Error('not asked')),
    },
    runs: { lastResults: { read } },
    ...changes,
  };
  const caller = {
    applicationId: guid(1),
    objectId: guid(2),
    kind: 'application',
    roles: ['Tenants.Read'],
    tenantId: tenant(9),
    name: 'x',
  } as const;
  const call = {
    request: new HttpRequest({ method: 'GET', url: `http://localhost/api/tenants${query}` }),
    caller,
    correlationId: guid(3),
    log,
  };
  const { status, jsonBody } = await tenants.answer(services as unknown as Services, call);
  return { status, body: jsonBody, lines };
}

describe('GET /api/tenants', () => {
  it('returns the reason, its explanation and the last result of each job for each tenant', async () => {
    const result = {
      job: 'access-check',
      runId: 'access-check@w1',
      outcome: 'failed',
      code: 'consent_required',
      finishedAt: '2026-11-24T05:00:00.000Z',
    } as const;
    let jobs: readonly string[] = [];
    const { status, body } = await request(async (names) => {
      jobs = names;
      return new Map([[tenant(1), [result]]]);
    });
    expect(status).toBe(200);
    expect(jobs).toContain('access-check');
    expect(body).toEqual({
      tenants: [
        {
          tenantId: tenant(1),
          name: 'Contoso',
          relationship: 'gdap',
          relationshipEndsAt: '2027-01-01T00:00:00.000Z',
          relationshipRenews: true,
          reachable: false,
          reason: 'gdap_expired',
          reasonTitle: 'GDAP relationship expired',
          explanation: 'The GDAP relationship has expired.',
          sources: ['relationships'],
          tags: ['managed'],
          groups: [],
          lastResults: [result],
        },
      ],
      groups: [],
      warnings: ['An old list.'],
      asOf: '1970-01-01T00:00:00.000Z',
    });
  });

  it('omits the last results and adds a warning while storage is unavailable', async () => {
    const { status, body, lines } = await request(() =>
      Promise.reject(new BrokerError('storage_unavailable', 'Away.')),
    );
    expect(status).toBe(200);
    // An empty list would say that no job has visited the tenant.
    expect(body).not.toHaveProperty('tenants.0.lastResults');
    expect(body).toMatchObject({
      tenants: [{ name: 'Contoso' }],
      warnings: ['An old list.', 'The last results of the jobs could not be read.'],
    });
    expect(lines.map(({ line }) => line).join()).toContain('tenants.last_results_failed');
  });
});

describe('GET /api/tenants while Entra does not answer', () => {
  const away = () => Promise.reject(new BrokerError('entra_unavailable', 'Silent.'));
  /** The lists know the domain of a customer that the caller may not read. */
  const listed = new Map([
    ['contoso.com', tenant(1)],
    ['secret.example', tenant(2)],
  ]);
  const directory = {
    snapshot: async () => ({
      tenants: [contoso, { ...contoso, tenantId: tenant(2), name: 'Secret' }],
      warnings: [],
      complete: true,
      asOfMs: 0,
    }),
    tenantOf: async (domain: string) => listed.get(domain) ?? away(),
    tenantByEntra: away,
  };
  const rules = [{ name: 'limited', callers: { applications: ['*'] }, reads: [tenant(1)] }];
  const limited = parsePolicy(JSON.stringify({ version: 1, rules }));
  if (!limited.ok) throw new Error(limited.problems.join(' '));
  const policy: PolicyStore = { current: async () => ({ policy: limited.policy, state: 'current', loadedAtMs: 0 }) };

  /** The status and the names of the tenants, or the code of the failure. */
  const ask = (query: string, by: PolicyStore) =>
    request(async () => new Map(), { directory, callers: { policy: by } }, query).then(
      ({ status, body }) => [status, (body as TenantsAnswer).tenants.map(({ name }) => name)],
      (failure: unknown) => (failure instanceof BrokerError ? failure.code : failure),
    );

  it.each(['secret.example', 'nobody.example'])('answers a limited reader the same about %s', async (domain) => {
    expect(await ask(`?tenants=${domain}`, policy)).toEqual([200, []]);
    expect(await ask(`?tenants=${tenant(1)},${domain}`, policy)).toEqual([200, ['Contoso']]);
    expect(await ask(`?except=${domain}`, policy)).toBe('entra_unavailable');
  });

  it('finds the tenants of a limited reader by the domains of the lists', async () => {
    expect(await ask('?tenants=contoso.com', policy)).toEqual([200, ['Contoso']]);
  });

  it('tells a reader without a limit what it cannot find out', async () => {
    expect(await ask('?tenants=secret.example', openPolicy)).toEqual([200, ['Secret']]);
    expect(await ask('?except=secret.example', openPolicy)).toEqual([200, ['Contoso']]);
    expect(await ask('?tenants=nobody.example', openPolicy)).toBe('entra_unavailable');
  });
});
