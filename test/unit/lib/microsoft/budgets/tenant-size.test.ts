import { describe, expect, it } from 'vitest';
import { rateStage, requestTo } from './rate-stage.ts';

/** Requests of five units: a fifth of the requests shows the same. */
const members = '/v1.0/groups/x/transitiveMembers';
const job = { id: 'job:a', kind: 'background' } as const;
const caller = { id: 'caller', kind: 'caller' } as const;
const windowMs = 10_000;
/** Part of the limit of a large tenant that is the usual one. */
const usualPart = 3_500 / 8_000;

/** Users, and how many such requests Graph allows in the window. */
const sizes = [
  [200, 1_000],
  [800, 1_600],
] as const;

describe.each(sizes)('the limit of a tenant with %i users', (known, requests) => {
  it.each([1, 2, 4, 8])('is used and never exceeded by %i busy instances', async (count) => {
    const { start, load, measure } = rateStage({ requests, windowMs }, count);
    const width = Math.ceil(30 / count) + 2;
    for (let n = 0; n < count; n += 1) load(start(0, { users: known }), width, requestTo(members, job));
    const first = await measure(20);
    const later = await measure(20);
    expect(first.throttled + later.throttled).toBe(0);
    expect(later.used).toBeGreaterThan(0.9);
  });

  it('goes to the only busy instance, while others send a little and know nothing', async () => {
    const { start, load, measure } = rateStage({ requests, windowMs });
    load(start(0, { users: known }), 30, requestTo(members, job));
    for (let n = 0; n < 3; n += 1) load(start(), 1, requestTo(members, caller));
    const first = await measure(20);
    const later = await measure(20);
    expect(first.throttled + later.throttled).toBe(0);
    expect(later.used).toBeGreaterThan(0.9);
  });

  it('is not exceeded while instances join, one after the other', async () => {
    const { start, load, measure } = rateStage({ requests, windowMs });
    for (let n = 0; n < 8; n += 1) {
      load(start(0, { users: known }), 10, requestTo(members, job));
      expect((await measure(6)).throttled).toBe(0);
    }
  });
});

it('a tenant of unknown size has the usual limit', async () => {
  const { start, load, measure } = rateStage({ requests: 1_600, windowMs });
  for (let n = 0; n < 2; n += 1) load(start(), 20, requestTo(members, job));
  await measure(10);
  const { used } = await measure(20);
  expect(used).toBeLessThan(usualPart);
  expect(used).toBeGreaterThan(usualPart * 0.9);
});

describe('beside an instance of the version before', () => {
  it.each([
    ['that is busy', 6, caller],
    ['that is busy with a job', 20, job],
    ['that sends a little', 1, caller],
  ])('%s, all have the usual limit, and none gets nothing', async (_, width, requester) => {
    for (const isFirst of [false, true]) {
      const { start, load, measure } = rateStage({ requests: 1_600, windowMs });
      const startEarlier = () => load(start(0, { isEarlier: true }), width, requestTo(members, requester));
      const before = isFirst ? startEarlier() : undefined;
      const own = load(start(0, { users: 800 }), 30, requestTo(members, job));
      await measure(10);
      const earlier = before ?? startEarlier();
      await measure(10);
      const [ownBefore, earlierBefore] = [own.sent, earlier.sent];
      const { used, throttled } = await measure(20);
      expect(throttled).toBe(0);
      expect(used).toBeLessThan(usualPart * 1.01);
      expect((own.sent - ownBefore) / 20).toBeGreaterThan(8);
      expect((earlier.sent - earlierBefore) / 20).toBeGreaterThan(width === 1 ? 5 : 20);
    }
  });
});

it('without the ledger, all instances together use the usual limit', async () => {
  const { start, load, measure, store } = rateStage({ requests: 1_600, windowMs });
  for (let n = 0; n < 4; n += 1) load(start(0, { users: 800 }), 10, requestTo(members, job));
  await measure(20);
  store.fails = () => true;
  await measure(10);
  const during = await measure(25);
  expect(during.used).toBeLessThan(usualPart);
  expect(during.used).toBeGreaterThan(usualPart * 0.9);
  store.fails = () => false;
  await measure(10);
  const after = await measure(20);
  expect(after.throttled).toBe(0);
  expect(after.used).toBeGreaterThan(0.9);
});

describe('a larger limit that Graph refuses', () => {
  it('is given up by all instances, also by one that starts later, and each goes on', async () => {
    const { start, load, measure } = rateStage({
      requests: 700,
      windowMs,
      scope: 'Tenant_Application/ReadWrite/x/y',
    });
    const counts = [1, 2, 3].map(() => load(start(0, { users: 800 }), 14, requestTo(members, job)));
    expect((await measure(30)).throttled).toBeGreaterThan(0);
    await measure(20);
    counts.push(load(start(0, { users: 800 }), 14, requestTo(members, job)));
    await measure(10);
    const sent = counts.map((count) => count.sent);
    const { used, throttled } = await measure(60);
    expect(throttled).toBe(0);
    expect(used).toBeGreaterThan(0.9);
    for (const [at, count] of counts.entries()) expect((count.sent - (sent[at] ?? 0)) / 60).toBeGreaterThan(8);
  });

  it('is given up if the only instance that knows the users is idle, and another one hears it', async () => {
    const { start, load, measure, clock } = rateStage({
      requests: 700,
      windowMs,
      scope: 'Tenant_Application/ReadWrite',
    });
    const knowing = start(0, { users: 800 });
    for (let n = 0; n < 80; n += 1) void knowing.requests.admit(requestTo(members, job));
    await clock.advance(5_000);
    const other = requestTo(members, job, { tenantId: 'another' });
    void (async () => {
      for (;;) await knowing.requests.admit(other).then(() => clock.sleep(300));
    })();
    load(start(), 30, requestTo(members, job));
    expect((await measure(60)).throttled).toBeGreaterThan(0);
    expect((await measure(120)).throttled).toBe(0);
  });

  it('stays given up while the instance that heard it sends nothing', async () => {
    const { start, load, measure, clock } = rateStage({ requests: 1_600, windowMs });
    const heard = start(0, { users: 800 });
    load(start(0, { users: 800 }), 30, requestTo(members, job));
    const lines = Array.from({ length: 80 }, () => heard.requests.admit(requestTo(members, job)));
    await clock.advance(5_000);
    await Promise.all(lines);
    heard.requests.throttled(requestTo(members, caller), 1, 'Tenant_Application/ReadWrite');
    await measure(60);
    const { used } = await measure(30);
    expect(used).toBeLessThan(usualPart);
    expect(used).toBeGreaterThan(usualPart * 0.9);
  });
});

it('a 429 about a mailbox does not change the limit', async () => {
  const { start, load, measure } = rateStage({ requests: 1_600, windowMs });
  const instance = start(0, { users: 800 });
  load(instance, 30, requestTo(members, job));
  await measure(10);
  instance.requests.throttled(requestTo('/v1.0/users/x/messages', caller), 0, 'Tenant_Application/Read');
  await measure(10);
  const { used, throttled } = await measure(10);
  expect(throttled).toBe(0);
  expect(used).toBeGreaterThan(0.9);
});
