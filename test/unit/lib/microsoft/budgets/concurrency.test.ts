import { describe, expect, it } from 'vitest';
import { stage } from './stage.ts';

const limit = 32;

describe('a number of concurrent operations that instances share', () => {
  it.each([1, 2, 3, 4, 8, 16])('is used and never exceeded by %i instances under full load', async (count) => {
    const { start, load, measure, upstream, instances } = stage(limit, count);
    for (let n = 0; n < count; n += 1) load(start(), 40);
    await measure(10);
    const { used, transactionsPerSecond } = await measure(60);
    expect(upstream.most).toBeLessThanOrEqual(limit);
    expect(used).toBeGreaterThan(0.9);
    expect(transactionsPerSecond / count).toBeLessThanOrEqual(1);
    const done = instances.map((instance) => instance.done);
    // Whole units cannot be divided more evenly than to one unit.
    expect(Math.min(...done) / Math.max(...done)).toBeGreaterThan(count === 16 ? 0.3 : 0.6);
  });

  it('of which each has two units is divided four seconds after four instances start', async () => {
    const { start, load, measure } = stage(8, 1);
    for (let n = 0; n < 4; n += 1) load(start(), 12);
    await measure(4);
    const { used, overLimit } = await measure(4);
    expect(used).toBeGreaterThan(0.9);
    expect(overLimit).toBe(0);
  });

  it('goes to the instances that want it', async () => {
    const { start, load, measure, instances } = stage(limit);
    for (let n = 0; n < 4; n += 1) load(start(), n === 0 ? 40 : 1);
    await measure(10);
    const { used, overLimit } = await measure(20);
    expect(overLimit).toBe(0);
    expect(used).toBeGreaterThan(0.85);
    expect(instances[0]?.inFlight).toBeGreaterThanOrEqual(26);
  });

  it('costs nothing at rest, and two transactions to begin', async () => {
    const { start, operation, clock, store } = stage(limit);
    const instance = start();
    await clock.advance(60_000);
    expect(store.transactions).toBe(0);
    const done = operation(instance);
    await clock.advance(400);
    await done;
    expect(store.transactions).toBe(2);
    await clock.advance(60_000);
    const afterRest = store.transactions;
    expect(afterRest).toBeLessThanOrEqual(6);
    await clock.advance(600_000);
    expect(store.transactions).toBe(afterRest);
  });

  it('returns within seconds from an instance that is killed', async () => {
    const { start, load, measure, instances } = stage(limit, 7);
    for (let n = 0; n < 4; n += 1) load(start(), 40);
    await measure(15);
    instances[0]?.kill();
    await measure(10);
    const { used, overLimit } = await measure(20);
    expect(overLimit).toBe(0);
    expect(used).toBeGreaterThan(0.9);
  });

  it('is the same whatever the clocks of the instances say', async () => {
    const { start, load, measure } = stage(limit, 9);
    for (const skewMs of [0, 3_600_000, -3_600_000, 86_400_000]) load(start(skewMs), 40);
    await measure(10);
    const { used, overLimit } = await measure(20);
    expect(overLimit).toBe(0);
    expect(used).toBeGreaterThan(0.9);
  });

  it('is given to an instance that starts later', async () => {
    const { start, load, measure, upstream, instances } = stage(limit, 5);
    load(start(), 40);
    await measure(10);
    for (let n = 0; n < 3; n += 1) load(start(), 40);
    await measure(10);
    const { used } = await measure(10);
    expect(upstream.most).toBeLessThanOrEqual(limit);
    expect(used).toBeGreaterThan(0.9);
    for (const { inFlight } of instances) expect(inFlight).toBeGreaterThanOrEqual(7);
  });

  it('is not exceeded by operations that take longer than a share lasts', async () => {
    const { start, load, measure, upstream, instances } = stage(limit, 5);
    upstream.longestMs = 20_000;
    load(start(), 40);
    await measure(10);
    for (let n = 0; n < 3; n += 1) load(start(), 40);
    await measure(60);
    expect(upstream.most).toBeLessThanOrEqual(limit);
    for (const { inFlight } of instances) expect(inFlight).toBeGreaterThanOrEqual(7);
  });

  it('goes to callers before jobs, and leaves jobs an eighth', async () => {
    const { start, load, measure, instances } = stage(limit, 6);
    load(start(), 40);
    load(start(), 40, { kind: 'caller', id: 'a' });
    await measure(10);
    await measure(10);
    expect(instances.map(({ inFlight }) => inFlight)).toEqual([4, 26]);
  });

  it.each([1, 2, 3, 4, 5, 19])(
    'is never exceeded while the load of four instances comes and goes (seed %i)',
    async (seed) => {
      const { start, load, measure, store, random, upstream } = stage(limit, seed);
      store.delayMs = () => random() * 200;
      const instances = Array.from({ length: 4 }, () => start());
      let sent = 0;
      for (let n = 0; n < 60; n += 1) {
        const ends = instances.flatMap((instance) =>
          random() < 0.5 ? [] : [load(instance, Math.ceil(random() * 40), { id: `${n}` })],
        );
        sent += ends.length;
        await measure(1 + random() * 4);
        for (const end of ends) end();
      }
      expect(sent).toBeGreaterThan(60);
      expect(upstream.most).toBeLessThanOrEqual(limit);
      expect(upstream.most).toBeGreaterThan(limit / 2);
    },
  );

  it('knows an instance that returns by a number that it has not said before, so nobody takes its lease for expired', async () => {
    const { start, operation, clock, store } = stage(limit, 3);
    const [first, second] = [start(), start()];
    const said: (number | undefined)[] = [];
    for (let hour = 0; hour < 4; hour += 1) {
      for (const instance of [first, second]) {
        void operation(instance);
        await clock.advance(10_000);
        if (instance === first) said.push(store.ledger.members['i0']);
        else expect(Object.keys(store.ledger.members)).toEqual(['i1']);
        await clock.advance(3_600_000);
      }
    }
    expect(said).toEqual([...new Set(said)].toSorted((a = 0, b = 0) => a - b));
    expect(said).toHaveLength(4);
  });

  it('is not exceeded by an instance whose load grows while it gives up a part of its share', async () => {
    for (let afterMs = 0; afterMs < 8_000; afterMs += 250) {
      const { start, load, measure, store, clock, upstream } = stage(limit, 3);
      upstream.longestMs = 6_000;
      store.answersAfterMs = () => 900;
      const quiet = start();
      load(quiet, 2);
      await measure(10);
      for (let n = 0; n < 4; n += 1) {
        load(start(), 40);
        await clock.advance(500);
      }
      await clock.advance(afterMs);
      load(quiet, 40);
      await measure(10);
      expect(upstream.most).toBeLessThanOrEqual(limit);
    }
  });

  it('gives each instance one unit if there are more instances than units', async () => {
    const { start, load, measure, instances } = stage(2, 3);
    for (let n = 0; n < 4; n += 1) load(start(), 5);
    await measure(20);
    for (const { inFlight } of instances) expect(inFlight).toBe(1);
  });
});

describe('an instance whose storage', () => {
  it('is down uses its part for the last known number of instances, and shares again afterwards', async () => {
    const { start, load, measure, store, instances, upstream } = stage(limit, 4);
    for (let n = 0; n < 4; n += 1) load(start(), 40);
    await measure(10);
    store.fails = () => true;
    const down = await measure(60);
    expect(upstream.most).toBeLessThanOrEqual(limit);
    expect(down.used).toBeGreaterThan(0.9);
    expect(down.transactionsPerSecond / 4).toBeLessThanOrEqual(1);
    for (const { inFlight } of instances) expect(inFlight).toBe(8);
    store.fails = () => false;
    instances[3]?.kill();
    await measure(15);
    const { used, overLimit } = await measure(10);
    expect(overLimit).toBe(0);
    expect(used).toBeGreaterThan(0.9);
    expect(instances[0]?.log.events()).toEqual(['budgets.not_shared', 'budgets.recovered']);
  });

  it.each([
    ['does not answer', { delayMs: () => 60_000 }],
    ['refuses', { fails: () => true }],
  ])('%s from the start uses a quarter of the budget, after a second', async (_, trouble) => {
    const { start, load, measure, store, instances } = stage(limit);
    Object.assign(store, trouble);
    for (let n = 0; n < 4; n += 1) load(start(), 40);
    await measure(1.5);
    const { used, overLimit } = await measure(20);
    expect(overLimit).toBe(0);
    expect(used).toBeGreaterThan(0.9);
    for (const { inFlight } of instances) expect(inFlight).toBe(8);
  });

  it('answers late has the whole budget but one unit, if it is alone', async () => {
    const { start, load, measure, store } = stage(limit);
    store.fails = () => true;
    load(start(), 40);
    await measure(10);
    store.fails = () => false;
    const { used } = await measure(5);
    expect(used).toBeGreaterThan(0.9);
  });

  it.each([0.3, 0.6])('refuses %d of the requests stays within the budget times the instances', async (part) => {
    const { start, load, measure, store, random, upstream } = stage(limit, 8);
    for (let n = 0; n < 4; n += 1) load(start(), 40);
    await measure(10);
    store.fails = () => random() < part;
    const { used } = await measure(30);
    expect(used).toBeGreaterThan(0.85);
    expect(upstream.most).toBeLessThanOrEqual(limit * 2);
  });

  it('takes seconds for each request still works', async () => {
    const { start, load, measure, store, random } = stage(limit, 8);
    store.delayMs = () => 300 + random() * 300;
    for (let n = 0; n < 4; n += 1) load(start(), 40);
    await measure(20);
    const { used, overLimit } = await measure(30);
    expect(used).toBeGreaterThan(0.9);
    expect(overLimit).toBe(0);
  });
});
