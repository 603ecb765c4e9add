import { expect, test } from 'vitest';
import { clouds, createResourceRegistry } from '../../../../src/lib/core/resources.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import { type DomainName, parseTenantId, type TenantId } from '../../../../src/lib/core/identifiers.ts';
import { Secret } from '../../../../src/lib/core/secrets.ts';
import { Limiter } from '../../../../src/lib/core/limiter.ts';
import { createTenantDirectory, type DirectoryDeps } from '../../../../src/lib/tenants/directory.ts';
import { selectTenants } from '../../../../src/lib/access/tenants/selected-tenants.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { MemoryExcludedDomains } from '../../../fakes/memory-excluded-domains.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';
import { problem, type Scripted, scriptedFetch } from '../../../fakes/scripted-fetch.ts';

const id = (number: number): TenantId => parseTenantId(`00000000-0000-4000-8000-${String(number).padStart(12, '0')}`)!;
const endpoints = { ...clouds.public.endpoints, graph: 'https://graph.example', partnerCenter: 'https://pc.example' };

interface Answers {
  relationships: () => Scripted;
  contracts: () => Scripted;
  customers: () => Scripted;
}

function stage(tenantOf: DirectoryDeps['domains']['tenantOf'] = async () => undefined) {
  const relationship = (number: number, status: string) => ({
    displayName: 'GDAP',
    status,
    endDateTime: '2030-01-01T00:00:00Z',
    customer: { tenantId: id(number), displayName: `Tenant ${number}` },
  });
  const answers: Answers = {
    relationships: () => ({ value: [relationship(1, 'active'), relationship(2, 'terminated')] }),
    contracts: () => ({ value: [{ customerId: id(3), displayName: 'Three', defaultDomainName: 'three.example' }] }),
    customers: () => ({ items: [{ id: id(4), companyProfile: { companyName: 'Four' } }] }),
  };
  const clock = new FakeClock(Date.parse('2026-01-01T00:00:00Z'));
  const { log, lines } = recordingLogger();
  const { fetch, seen } = scriptedFetch(({ url }) => {
    if (url.pathname.endsWith('/delegatedAdminRelationships')) return answers.relationships();
    return url.pathname.endsWith('/contracts') ? answers.contracts() : answers.customers();
  });
  const directory = createTenantDirectory(
    {
      domains: { tenantOf },
      excludedDomains: new MemoryExcludedDomains(),
      fetch,
      clock,
      random: () => 0,
      log,
      newId: () => 'c0',
      limiter: new Limiter(8),
      tokens: {
        getToken: async (request) => ({
          ...request,
          secret: new Secret('t'),
          scopes: [],
          expiresAtMs: clock.nowMs() + 3_600_000,
          fromCache: false,
        }),
        forgetTenant: () => undefined,
      },
      resources: createResourceRegistry(clouds.public, []),
      endpoints,
      partnerTenantId: id(99),
    },
    { include: [], exclude: ['gone.example' as DomainName], withoutGdap: 'deny' },
  );
  const logged = (event: string): Record<string, unknown>[] =>
    lines
      .map(({ level, line }): Record<string, unknown> => ({ level, ...(JSON.parse(line) as object) }))
      .filter((line) => line['event'] === event);
  /** The result of a call, with the clock advanced past its pauses. */
  const settled = async <T>(call: Promise<T>): Promise<T> => {
    call.catch(() => undefined);
    await clock.advance(60_000);
    return call;
  };
  return { directory, answers, relationship, seen, logged, settled, clock };
}

test('reads relationships and contracts from Graph, and customers from Partner Center', async () => {
  const { directory, seen } = stage();
  await directory.list();
  expect(seen.map(({ url }) => `${url.origin}${url.pathname}`).toSorted()).toEqual([
    'https://graph.example/v1.0/contracts',
    'https://graph.example/v1.0/tenantRelationships/delegatedAdminRelationships',
    'https://pc.example/v1/customers',
  ]);
});

test('reads contracts in the largest pages that Graph has', async () => {
  const { directory, seen } = stage();
  await directory.list();
  const [{ url } = { url: undefined }] = seen.filter((request) => request.url.pathname.endsWith('/contracts'));
  expect(url?.searchParams.get('$top')).toBe('999');
});

test('finds 500 ids in one read of the lists', async () => {
  const { directory, answers, relationship, seen } = stage();
  const ids = Array.from({ length: 500 }, (_, number) => id(number + 1));
  answers.relationships = () => ({ value: ids.map((_, number) => relationship(number + 1, 'active')) });
  expect((await selectTenants(directory, ids)).map(({ tenantId }) => tenantId).toSorted()).toEqual(ids);
  expect(seen).toHaveLength(3);
  await expect(selectTenants(directory, [...ids.slice(1), id(777_777)])).rejects.toMatchObject({
    code: 'tenant_unknown',
    detail: `"${id(777_777)}" is not among the customer tenants.`,
  });
  expect(seen).toHaveLength(3);
});

test('knows reachable tenants only after the first read', async () => {
  const { directory } = stage();
  expect(directory.reachable()).toEqual([]);
  await directory.list();
  expect(directory.reachable()).toEqual([id(1)]);
});

test('logs an earlier list with its age while the relationships fail', async () => {
  const { directory, answers, clock, logged, settled } = stage();
  await directory.list();
  answers.relationships = () => problem(503, 'away');
  await clock.advance(20 * 60_000);
  const { warnings, complete } = await settled(directory.snapshot());
  expect([warnings[0], complete]).toEqual([
    expect.stringMatching(
      /^The list could not be refreshed \(directory_unavailable\); this one is from 2026-01-01T00:00/,
    ),
    true,
  ]);
  const [line] = logged('tenants.kept_old_list');
  expect(line).toMatchObject({ level: 'warn', code: 'directory_unavailable' });
  expect(Number(line?.['ageMs'])).toBeGreaterThanOrEqual(20 * 60_000);
  expect(Number(line?.['ageMs'])).toBeLessThan(25 * 60_000);
});

test('logs once that a domain of the settings has no tenant', async () => {
  const { directory, clock, logged, settled } = stage();
  await directory.list();
  await clock.advance(20 * 60_000);
  await settled(directory.list());
  expect(logged('tenants.domain_unresolved')).toEqual([
    expect.objectContaining({ level: 'warn', message: expect.stringContaining('gone.example') as string }),
  ]);
});

test('names a list that was refused, and works without its customers', async () => {
  const { directory, answers, logged, settled } = stage();
  answers.customers = () => problem(403, 'Forbidden');
  const { tenants, warnings, complete } = await settled(directory.snapshot());
  expect(complete).toBe(true);
  expect(tenants.map(({ tenantId }) => tenantId)).toEqual([id(1), id(2), id(3)].toSorted());
  expect(warnings[0]).toMatch(/^The list of Partner Center customers could not be read \(/);
  expect(logged('tenants.list_failed')).toEqual([
    expect.objectContaining({ level: 'warn', list: 'The list of Partner Center customers' }),
  ]);
});

test('uses the copy of a list that fails temporarily, and reports an incomplete list without one', async () => {
  const { directory, answers, clock, settled } = stage();
  answers.contracts = () => problem(503, 'away');
  expect((await settled(directory.snapshot())).complete).toBe(false);
  answers.contracts = () => ({ value: [{ customerId: id(3), displayName: 'Three' }] });
  await clock.advance(20 * 60_000);
  expect((await settled(directory.snapshot())).complete).toBe(true);
  answers.contracts = () => problem(503, 'away');
  await clock.advance(20 * 60_000);
  const old = await settled(directory.snapshot());
  expect(old.complete).toBe(true);
  expect(old.warnings[0]).toMatch(/^The list of contracts could not be read .* The copy from 2026-01-01T.* is used\.$/);
  expect(old.tenants.map(({ tenantId }) => tenantId)).toContain(id(3));
});

test('does not use the lists for a domain when the caller has left or the failure is permanent', async () => {
  const failures = [
    new BrokerError('request_invalid', 'Permanent.'),
    new BrokerError('entra_unavailable', 'Temporary.'),
  ];
  const { directory } = stage(async (domain) => {
    if (domain === 'gone.example') return undefined;
    throw failures[0];
  });
  await directory.list();
  await expect(directory.find('three.example')).rejects.toBe(failures[0]);
  failures.shift();
  await expect(directory.find('three.example')).resolves.toMatchObject({ tenantId: id(3) });
  await expect(directory.find('three.example', AbortSignal.abort())).rejects.toBe(failures[0]);
});
