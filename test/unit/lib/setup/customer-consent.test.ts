import { expect, it } from 'vitest';
import { parseTenantId, type TenantId } from '../../../../src/lib/model/identifiers.ts';
import { Secret } from '../../../../src/lib/model/secret.ts';
import { consentBody, consentInTenants } from '../../../../src/lib/setup/customer-consent.ts';
import { profiles } from '../../../../src/lib/setup/permissions.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { type Scripted, scriptedFetch, type SeenRequest } from '../../../fakes/scripted-fetch.ts';

const tenants = (count: number): TenantId[] =>
  Array.from({ length: count }, (_, at) => parseTenantId(`00000000-0000-4000-8000-${String(at).padStart(12, '0')}`)!);

function bench(answer: (request: SeenRequest, count: number) => Scripted) {
  const clock = new FakeClock();
  const sentAtMs: number[] = [];
  const { fetch, seen } = scriptedFetch((request, count) => {
    sentAtMs.push(clock.nowMs());
    return answer(request, count);
  });
  const forgotten: TenantId[] = [];
  const interruption = new AbortController();
  let ids = 0;
  const deps = {
    fetch,
    clock,
    newId: () => `id-${(ids += 1)}`,
    partnerCenterEndpoint: 'https://partner.test',
    token: async () => new Secret('partner-token'),
    signal: interruption.signal,
    forgetTenant: (tenantId: TenantId) => void forgotten.push(tenantId),
  };
  const run = async (tenantIds: readonly TenantId[], renew = false) => {
    const options = { clientId: 'client', displayName: 'Broker', profile: profiles.gdap, renew };
    const results = consentInTenants(deps, options, tenantIds);
    await clock.advance(600_000);
    return results;
  };
  return { run, seen, sentAtMs, forgotten, interrupt: () => interruption.abort() };
}

const created = (): Response => Response.json({}, { status: 201 });

it('consents to every scope of the profile per resource, and forgets cached tokens of the tenant', async () => {
  const { run, seen, forgotten } = bench(created);
  const [tenantId] = tenants(1);
  expect(await run(tenants(1))).toEqual([{ tenantId, outcome: 'consented' }]);
  expect(seen[0]?.url.pathname).toBe(`/v1/customers/${tenantId}/applicationconsents`);
  const body = JSON.parse(seen[0]?.body ?? '') as ReturnType<typeof consentBody>;
  expect(body).toMatchObject({ applicationId: 'client', displayName: 'Broker' });
  expect(JSON.stringify(body)).toContain('"scope":"User.Read,DelegatedAdminRelationship.Read.All');
  expect(forgotten).toEqual([tenantId]);
});

it.each([
  [409, '{"code":2000,"description":"Permission entry already exists."}'],
  [400, '\uFEFF{"code":400,"description":"Permission entry already exists."}'],
])('counts an existing consent as success (%i)', async (status, body) => {
  const { run } = bench(() => new Response(body, { status }));
  expect(await run(tenants(1))).toMatchObject([{ outcome: 'already' }]);
});

it('withdraws the consent before it consents again when renewing', async () => {
  const { run, seen } = bench(({ method }) => (method === 'DELETE' ? new Response('{}', { status: 404 }) : created()));
  expect(await run(tenants(1), true)).toMatchObject([{ outcome: 'consented' }]);
  expect(seen.map(({ method }) => method)).toEqual(['DELETE', 'POST']);
});

it('does not consent again when the withdrawal failed', async () => {
  const { run, seen } = bench(({ method }) =>
    method === 'DELETE' ? new Response('{"code":20002,"description":"Access denied"}', { status: 403 }) : created(),
  );
  expect(await run(tenants(1), true)).toMatchObject([{ outcome: 'failed', code: 'access_denied' }]);
  expect(seen.map(({ method }) => method)).toEqual(['DELETE']);
});

it('retries while Partner Center cannot be reached, and reports that after four attempts', async () => {
  const once = bench((_request, count) => {
    if (count === 1) throw new TypeError('fetch failed');
    return created();
  });
  expect(await once.run(tenants(1))).toMatchObject([{ outcome: 'consented' }]);
  const never = bench(() => {
    throw new TypeError('fetch failed');
  });
  expect(await never.run(tenants(1))).toMatchObject([
    { outcome: 'failed', code: 'resource_error', detail: 'Partner Center could not be reached.' },
  ]);
  expect(never.seen).toHaveLength(4);
});

it('starts no further tenant after an interruption, and finishes those that were started', async () => {
  const { run, seen, interrupt } = bench(({ method }) => {
    if (method === 'DELETE') interrupt();
    return created();
  });
  const results = await run(tenants(50), true);
  // The concurrency.
  expect(results).toHaveLength(8);
  expect(results.every(({ outcome }) => outcome === 'consented')).toBe(true);
  const withdrawn = seen.filter(({ method }) => method === 'DELETE').map(({ url }) => url.pathname.split('/')[3]);
  const given = seen.filter(({ method }) => method === 'POST').map(({ url }) => url.pathname.split('/')[3]);
  expect(given).toEqual(withdrawn);
});

it('sends at most fifty requests per second', async () => {
  const { run, sentAtMs } = bench(created);
  expect(await run(tenants(200))).toHaveLength(200);
  for (const atMs of sentAtMs) {
    expect(sentAtMs.filter((other) => other >= atMs && other < atMs + 1000).length).toBeLessThanOrEqual(50);
  }
});

it('obeys Retry-After and repeats the request with the same request id', async () => {
  const { run, seen, sentAtMs } = bench((_request, count) =>
    count === 1 ? new Response('{}', { status: 429, headers: { 'retry-after': '57' } }) : created(),
  );
  expect(await run(tenants(1))).toMatchObject([{ outcome: 'consented' }]);
  expect((sentAtMs[1] ?? 0) - (sentAtMs[0] ?? 0)).toBeGreaterThanOrEqual(57_000);
  expect(new Set(seen.map(({ headers }) => headers.get('ms-requestid'))).size).toBe(1);
});

it('reports the failure of one tenant and continues with the others', async () => {
  const [first] = tenants(3);
  const { run } = bench(({ url }) =>
    url.pathname.includes(first ?? '')
      ? new Response('{"code":20002,"description":"Access denied"}', { status: 403 })
      : created(),
  );
  expect((await run(tenants(3))).map(({ outcome, code }) => code ?? outcome)).toEqual([
    'access_denied',
    'consented',
    'consented',
  ]);
});
