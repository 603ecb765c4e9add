import { beforeEach, expect, it } from 'vitest';
import { withdrawConsents } from '../../../../src/lib/consent/customer-consent.ts';
import { ConsentBench, graph, refusal, tenants } from './customer-consent-bench.ts';

let bench: ConsentBench;
beforeEach(() => {
  bench = new ConsentBench();
  for (const tenantId of tenants(20)) bench.granted.set(tenantId, { grants: [graph], visibleAtMs: 0 });
});

const withdraw = async (count: number) => {
  const results = withdrawConsents(bench.run, tenants(count));
  await bench.clock.advance(900_000);
  return results;
};

it('withdraws, reads back and forgets what an interrupted run withdrew', async () => {
  const [tenantId = '' as never] = tenants(1);
  bench.journal.set(tenantId, { tenantId, name: 'Customer', startedAtMs: 0, before: [graph], after: [graph] });
  expect(await withdraw(1)).toEqual([{ tenantId, outcome: 'removed' }]);
  expect(bench.read(tenantId).grants).toEqual([]);
  expect(bench.journal.size).toBe(0);
});

it('reports a consent that does not exist as absent', async () => {
  bench.answer = (request) => {
    bench.work(request);
    return refusal(404, 2001);
  };
  expect(await withdraw(1)).toMatchObject([{ outcome: 'absent' }]);
});

it('fails one customer without the others', async () => {
  bench.answer = ({ url }) => (url.pathname.includes(tenants(1)[0] ?? '') ? refusal(403) : undefined);
  expect(await withdraw(3)).toMatchObject([
    { outcome: 'failed', code: 'access_denied', nextStep: expect.stringContaining('Cloud Application') as string },
    { outcome: 'removed' },
    { outcome: 'removed' },
  ]);
});

it('does not report a withdrawal that is not visible in the customer', async () => {
  bench.answer = () => new Response(null, { status: 204 });
  expect(await withdraw(1)).toMatchObject([
    { outcome: 'failed', detail: expect.stringContaining('It still has Microsoft Graph: User.Read.All') as string },
  ]);
});

it('tries no further customer when Partner Center refuses the token', async () => {
  bench.answer = () => refusal(401, 900421);
  const results = await withdraw(20);
  expect(new Set(results.map(({ code }) => code))).toEqual(new Set(['interaction_required']));
  // The concurrency.
  expect(bench.seen).toHaveLength(8);
});

it('tries the customers after those that Partner Center refuses one by one', async () => {
  const last = tenants(9)[8]!;
  bench.answer = ({ url }) => (url.pathname.includes(last) ? undefined : refusal(403, 20002));
  expect((await withdraw(9)).map(({ outcome }) => outcome)).toEqual([...Array(8).fill('failed'), 'removed']);
});

it('starts no further customer after an interruption', async () => {
  bench.answer = () => {
    bench.interrupt();
    return undefined;
  };
  expect(await withdraw(20)).toHaveLength(8);
});

it.each([
  ['removed', 500],
  ['removed', 503],
] as const)('counts as %s what is gone although Partner Center answers %i', async (outcome, status) => {
  bench.answer = (request) => {
    bench.work(request);
    return refusal(status);
  };
  expect(await withdraw(1)).toMatchObject([{ outcome }]);
});

it('fails where Partner Center does not know the customer, and keeps what an interrupted run withdrew', async () => {
  const [tenantId = '' as never] = tenants(1);
  bench.journal.set(tenantId, { tenantId, name: 'Customer', startedAtMs: 0, before: [graph], after: [graph] });
  bench.answer = () => refusal(404, 60003);
  expect(await withdraw(1)).toMatchObject([{ outcome: 'failed', code: 'tenant_unknown' }]);
  expect(bench.journal.size).toBe(1);
});

it('fails where the consent is still there after an error of Partner Center', async () => {
  bench.answer = () => refusal(500);
  expect(await withdraw(1)).toMatchObject([
    { outcome: 'failed', code: 'resource_error', detail: 'Partner Center answers 500.' },
  ]);
});

it('says nothing of what is left where it cannot be read', async () => {
  bench.answer = () => new Response(null, { status: 204 });
  const { run } = bench;
  const results = withdrawConsents({ ...run, read: () => Promise.reject(new Error('the tenant is away')) }, tenants(1));
  await bench.clock.advance(900_000);
  const [result] = await results;
  expect(result).toMatchObject({ outcome: 'failed', code: 'resource_error' });
  expect(result?.detail).toMatch(/could not be confirmed in the customer tenant\.$/);
});

it('tells each result when it is known', async () => {
  const told: string[] = [];
  const results = withdrawConsents(bench.run, tenants(2), ({ tenantId }) => told.push(tenantId));
  await bench.clock.advance(900_000);
  expect(told).toEqual((await results).map(({ tenantId }) => tenantId));
});
