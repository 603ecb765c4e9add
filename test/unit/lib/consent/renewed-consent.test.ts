import { beforeEach, describe, expect, it } from 'vitest';
import { planResumption } from '../../../../src/lib/consent/consent-result.ts';
import { ConsentBench, graph, refusal, teams, tenants } from './customer-consent-bench.ts';

let bench: ConsentBench;
const [first = '' as never] = tenants(1);
beforeEach(() => {
  bench = new ConsentBench();
});

describe('consentInTenants with a withdrawal', () => {
  beforeEach(() => {
    for (const tenantId of tenants(50)) {
      const grants = [{ ...graph, scopes: ['User.Read.All', 'Own.Scope'] }, teams];
      bench.granted.set(tenantId, { grants, visibleAtMs: 0 });
    }
  });

  it('gives every former grant again, also of resources that the profile does not name', async () => {
    expect(await bench.give(bench.orders(1, true))).toMatchObject([{ outcome: 'consented' }]);
    expect(bench.methods()).toEqual(['DELETE', 'POST', 'POST', 'POST']);
    expect(bench.posted()).toEqual([
      'User.Read.All, Own.Scope, Group.Read.All',
      'user_impersonation',
      'Exchange.Manage',
    ]);
    expect(bench.journal.size).toBe(0);
  });

  it('has the former grants in the journal before it withdraws them', async () => {
    const written: unknown[] = [];
    bench.answer = ({ method }) => {
      if (method === 'DELETE') written.push(bench.journal.get(first)?.before);
      return undefined;
    };
    await bench.give(bench.orders(1, true));
    expect(written).toEqual([[{ ...graph, scopes: ['User.Read.All', 'Own.Scope'] }, teams]]);
  });

  it('changes nothing when the withdrawal is refused', async () => {
    bench.answer = ({ method }) => (method === 'DELETE' ? refusal(403, 20002) : undefined);
    expect(await bench.give(bench.orders(1, true))).toMatchObject([{ outcome: 'failed', code: 'access_denied' }]);
    expect(bench.methods()).toEqual(['DELETE']);
    expect(bench.journal.size).toBe(0);
  });

  it('gives the consent again when it is unknown whether the withdrawal worked', async () => {
    bench.answer = (request) => {
      if (request.method !== 'DELETE') return undefined;
      bench.work(request);
      return refusal(500);
    };
    expect(await bench.give(bench.orders(1, true))).toMatchObject([{ outcome: 'consented' }]);
    expect(bench.journal.size).toBe(0);
  });

  it('repeats a consent while Partner Center does not see the withdrawal yet', async () => {
    let conflicts = 2;
    bench.answer = ({ method }) => (method === 'POST' && (conflicts -= 1) >= 0 ? refusal(409) : undefined);
    expect(await bench.give(bench.orders(1, true))).toMatchObject([{ outcome: 'consented' }]);
  });

  it('waits for a withdrawal once per customer, not once per resource', async () => {
    const [order] = bench.orders(1, true);
    const { former = [], give = [] } = order ?? {};
    const entry = { tenantId: first, name: 'Customer', startedAtMs: 0, before: former, after: give };
    bench.granted.set(first, { grants: give, visibleAtMs: 0 });
    expect(await bench.give([planResumption(entry, undefined)])).toMatchObject([{ outcome: 'already' }]);
    // The first resource is tried four times over 17 seconds, the others once.
    expect(bench.methods()).toEqual(Array(6).fill('POST'));
    const [firstMs = 0] = bench.sentAtMs;
    // The requests themselves are spread over a few milliseconds.
    expect(Math.floor(((bench.sentAtMs.at(-1) ?? 0) - firstMs) / 1_000)).toBe(17);
  });

  it('gives back the former permissions of a resource when the further ones are refused', async () => {
    bench.answer = ({ body }) => (body?.includes('Group.Read.All') ? refusal(400, 2000, 'No such scope.') : undefined);
    const [result] = await bench.give(bench.orders(1, true));
    expect(result).toMatchObject({ outcome: 'failed', code: 'job_failed' });
    expect(result?.detail).toMatch(/No such scope\.$/);
    expect(bench.read(first).grants).toEqual([
      { appId: 'graph', name: 'graph', scopes: ['User.Read.All', 'Own.Scope'] },
      { appId: 'teams', name: 'teams', scopes: ['user_impersonation'] },
      { appId: 'exchange', name: 'exchange', scopes: ['Exchange.Manage'] },
    ]);
    // Nothing that was withdrawn is missing, so the next run has nothing to continue.
    expect(bench.journal.size).toBe(0);
  });

  it.each([
    ['a resource that the customer had not consented to', 'Exchange.Manage'],
    ['former permissions', 'user_impersonation'],
  ])('gives nothing back after a refusal of %s', async (_what, scope) => {
    bench.answer = ({ body }) => (body?.includes(scope) ? refusal(400, 2000, 'Refused.') : undefined);
    await bench.give(bench.orders(1, true));
    expect(bench.posted()).toHaveLength(3);
    expect(new Set(bench.posted()).size).toBe(3);
  });

  it('keeps the journal when a withdrawal is refused after an attempt that may have worked', async () => {
    bench.answer = (request, count) => {
      if (count > 1) return refusal(403, 20002);
      bench.work(request);
      return refusal(500);
    };
    const [result] = await bench.give(bench.orders(1, true));
    expect(result?.detail).toContain('The former consent is withdrawn and not fully given again.');
    expect([...bench.journal.keys()]).toEqual([first]);
  });

  it('forgets a resumed withdrawal that never happened, although the further permissions are refused', async () => {
    const [order] = bench.orders(1, true);
    const { former = [], give = [] } = order ?? {};
    const entry = { tenantId: first, name: 'Customer', startedAtMs: 0, before: former, after: give };
    bench.journal.set(first, entry);
    const [result] = await bench.give([planResumption(entry, undefined)]);
    expect(result).toMatchObject({ outcome: 'failed', nextStep: expect.stringContaining('--renew') as string });
    expect(bench.journal.size).toBe(0);
  });

  it.each([400, 403])(
    'keeps the journal when a former grant outside the profile is refused with %i',
    async (status) => {
      bench.answer = ({ body }) => (body?.includes('"teams"') ? refusal(status, 2000, 'Refused.') : undefined);
      expect(await bench.give(bench.orders(1, true))).toMatchObject([
        { outcome: 'failed', resources: [{}, { resource: 'Teams', outcome: 'failed' }, {}] },
      ]);
      expect([...bench.journal.keys()]).toEqual([first]);
    },
  );

  it('starts no further customer after an interruption, and finishes those that were started', async () => {
    bench.answer = ({ method }) => {
      if (method === 'DELETE') bench.interrupt();
      return undefined;
    };
    const results = await bench.give(bench.orders(50, true));
    // The concurrency.
    expect(results.map(({ outcome }) => outcome)).toEqual(Array(8).fill('consented'));
    expect(bench.methods().filter((method) => method === 'DELETE')).toHaveLength(8);
    expect(bench.journal.size).toBe(0);
  });
});
