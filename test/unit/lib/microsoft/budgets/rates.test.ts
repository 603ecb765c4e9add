import { describe, expect, it } from 'vitest';
import { rateStage, requestTo } from './rate-stage.ts';

/** Requests of one unit: `$select` makes them cheap. */
const users = '/v1.0/users?$select=id';
const job = { id: 'job:a', kind: 'background' } as const;
const caller = { id: 'caller', kind: 'caller' } as const;

describe('the limit of Graph for a tenant', () => {
  it.each([1, 2, 4, 8, 16])('is used and never exceeded by %i instances under full load', async (count) => {
    const { start, load, measure } = rateStage({ requests: 3_500, windowMs: 10_000 }, count);
    const counts = Array.from({ length: count }, () => load(start(), Math.ceil(60 / count) + 4, requestTo(users, job)));
    const first = await measure(10);
    const later = await measure(20);
    expect(first.throttled + later.throttled).toBe(0);
    expect(later.used).toBeGreaterThan(0.9);
    expect(later.transactionsPerSecond / count).toBeLessThanOrEqual(1);
    const sent = counts.map((each) => each.sent);
    expect(Math.min(...sent) / Math.max(...sent)).toBeGreaterThan(count === 16 ? 0.3 : 0.5);
  });

  it('goes to the only instance that needs it, while others send a little', async () => {
    const { start, load, measure } = rateStage({ requests: 3_500, windowMs: 10_000 });
    load(start(), 60, requestTo(users, job));
    for (let n = 0; n < 3; n += 1) load(start(), 1, requestTo(users, caller));
    await measure(10);
    const { used, throttled } = await measure(20);
    expect(throttled).toBe(0);
    expect(used).toBeGreaterThan(0.9);
  });

  it('is not listed for tenants that need less than an equal part', async () => {
    const { start, load, measure, store } = rateStage({ requests: 3_500, windowMs: 10_000 });
    for (let n = 0; n < 4; n += 1) load(start(), 1, requestTo(users, job));
    await measure(20);
    expect(Object.keys(store.ledger.budgets)).toEqual([]);
    expect(Object.keys(store.ledger.members)).toHaveLength(4);
  });

  it('serves a caller at once while a job uses all of it', async () => {
    const { start, clock, load, measure } = rateStage({ requests: 3_500, windowMs: 10_000 });
    const instance = start();
    load(instance, 200, requestTo(users, job));
    await measure(10);
    const beganMs = clock.nowMs();
    let endedMs = 0;
    void instance.requests.admit(requestTo(users, caller)).then(() => {
      endedMs = clock.nowMs();
    });
    await clock.advance(1_000);
    expect(endedMs - beganMs).toBeLessThan(50);
  });
});

it('the limit of Graph for reports is used and never exceeded', async () => {
  const { start, load, measure } = rateStage({ requests: 5, windowMs: 10_000 });
  load(start(), 3, requestTo('/v1.0/auditLogs/signIns?$top=5', job));
  await measure(1);
  const { used, throttled } = await measure(100);
  expect(throttled).toBe(0);
  expect(used).toBeGreaterThan(0.75);
});

it.each([
  ['/v1.0/auditLogs/signIns?$top=5', { requests: 5, windowMs: 10_000 }],
  ['/v1.0/identity/conditionalAccess/policies', { requests: 1, windowMs: 1_000 }],
])(
  'four instances send as many requests as the limit of %s allows, though not at agreed moments',
  async (path, limit) => {
    const { start, load, measure } = rateStage(limit, 4);
    const counts = Array.from({ length: 4 }, () => load(start(), 3, requestTo(path, job)));
    await measure(20);
    const { used } = await measure(200);
    expect(used).toBeLessThanOrEqual(1.01);
    expect(used).toBeGreaterThan(0.75);
    for (const { sent } of counts) expect(sent).toBeGreaterThan(10);
  },
);

describe('a Retry-After', () => {
  it('that one instance hears reaches all within seconds, whatever their clocks say', async () => {
    const { start, clock } = rateStage({ requests: 1e6, windowMs: 10_000 });
    const instances = [0, 3_600_000, -3_600_000, 0].map((skewMs) => start(skewMs));
    const request = requestTo(users, job);
    for (const { requests } of instances) void requests.admit(request);
    // They send all the time, elsewhere.
    const other = requestTo(users, job, { tenantId: '00000000-0000-4000-8000-000000000002' });
    const send = async (): Promise<void> => {
      for (let n = 0; n < 40; n += 1) {
        await Promise.all(instances.map(({ requests }) => requests.admit(other)));
        await clock.sleep(500);
      }
    };
    void send();
    await clock.advance(3_000);
    instances[0]?.requests.throttled(request, 30, 'Tenant_Application/Read/app/tenant');
    await clock.advance(6_000);
    for (const { requests } of instances) {
      await expect(requests.admit(request)).rejects.toMatchObject({ code: 'throttled' });
    }
    const leftSeconds = instances.map(({ budgets }) => budgets.pausedMs(`graph ${request.tenantId} default`) / 1000);
    for (const left of leftSeconds) expect(Math.abs(left - 24)).toBeLessThan(2.5);
    // An instance that was at rest reads it before its first request.
    const late = start(7_200_000);
    const refused = late.requests.admit(request).catch((thrown: { code: string }) => thrown.code);
    await clock.advance(300);
    expect(await refused).toBe('throttled');
    let admitted = 0;
    await clock.advance(8_000);
    for (const { requests } of instances) void requests.admit(request).then(() => (admitted += 1));
    await clock.advance(1_000);
    expect(admitted).toBe(0);
    await clock.advance(20_000);
    expect(admitted).toBe(4);
  });

  it.each([
    ['Tenant_Application/ReadWrite/app/tenant', [true, false, false, false, true]],
    ['Tenant/Read/app/tenant', [true, true, false, true, true]],
    ['Application/Write/app', [true, false, true, true, true]],
    [undefined, [true, false, false, false, false]],
  ])('of the scope %s stops what it concerns', async (scope, expected) => {
    const { start, clock } = rateStage({ requests: 1e6, windowMs: 10_000 });
    const { requests } = start();
    const request = requestTo(users, job);
    void requests.admit(request);
    await clock.advance(100);
    requests.throttled(request, 60, scope);
    const asked = [
      request,
      requestTo(users, job, { application: 'second' }),
      requestTo(users, job, { tenantId: 'another' }),
      requestTo('/v1.0/auditLogs/signIns', job),
      requestTo('/v1.0/groups', job),
    ];
    const outcomes = await Promise.all(
      asked.map((each) =>
        requests.admit(each).then(
          () => false,
          () => true,
        ),
      ),
    );
    expect(outcomes).toEqual(expected);
  });
});
