import { describe, expect, it } from 'vitest';
import { Pauses, refusalOf } from '../../../../../src/lib/microsoft/budgets/budget-keeper.ts';
import { emptyLedger } from '../../../../../src/lib/microsoft/budgets/ledger.ts';
import { seededRandom } from '../../../../fakes/fake-clock.ts';

const stored = (pauses: Record<string, number>, ageMs: number) => ({
  ledger: { ...emptyLedger, pauses },
  version: '1',
  ageMs,
});

describe('a pause', () => {
  it('of an unknown name is over, and a known one ends at its time', () => {
    const pauses = new Pauses();
    expect(pauses.leftMs('x', 100)).toBe(0);
    pauses.extend('x', 150);
    expect([pauses.leftMs('x', 100), pauses.leftMs('x', 150), pauses.leftMs('x', 151)]).toEqual([50, 0, 0]);
    expect(pauses.leftMs('y', 100)).toBe(0);
  });

  it('becomes longer, never shorter, and says whether it did', () => {
    const pauses = new Pauses();
    expect(pauses.extend('x', 150)).toBe(true);
    expect(pauses.extend('x', 150)).toBe(false);
    expect(pauses.extend('x', 149)).toBe(false);
    expect(pauses.leftMs('x', 0)).toBe(150);
    expect(pauses.extend('x', 151)).toBe(true);
    expect(pauses.leftMs('x', 0)).toBe(151);
  });

  it('of another instance is shorter by the age of the ledger', () => {
    const pauses = new Pauses();
    pauses.join(stored({ x: 5_000, y: 2_000 }, 2_000), 10_000);
    expect([pauses.leftMs('x', 10_000), pauses.leftMs('y', 10_000)]).toEqual([3_000, 0]);
  });

  it('of another instance that is over is not taken', () => {
    const pauses = new Pauses();
    pauses.join(stored({ x: 2_000 }, 2_000), 1_000);
    expect(pauses.extend('x', 999)).toBe(true);
  });

  it('is not made longer by what is not known exactly, and is by more', () => {
    const pauses = new Pauses();
    pauses.extend('x', 10_000);
    pauses.join(stored({ x: 15_000 }, 0), 0);
    expect(pauses.leftMs('x', 0)).toBe(10_000);
    pauses.join(stored({ x: 15_001 }, 0), 0);
    expect(pauses.leftMs('x', 0)).toBe(15_001);
    pauses.join(stored({ x: 3_000 }, 0), 0);
    expect(pauses.leftMs('x', 0)).toBe(15_001);
  });

  it('that is over here and not yet elsewhere does not begin again', () => {
    const pauses = new Pauses();
    pauses.extend('x', 10_000);
    expect(pauses.shared(14_999)).toEqual({});
    pauses.join(stored({ x: 1_000 }, 0), 14_000);
    expect(pauses.leftMs('x', 14_000)).toBe(0);
    // A new one does, a few seconds later.
    expect(pauses.shared(15_000)).toEqual({});
    pauses.join(stored({ x: 1_000 }, 0), 15_000);
    expect(pauses.leftMs('x', 15_000)).toBe(1_000);
  });

  it.each([1, 2, 3, 4, 5])('ends within seconds everywhere, however many instances pass it on (seed %i)', (seed) => {
    const random = seededRandom(seed);
    const instances = Array.from({ length: 16 }, () => ({ pauses: new Pauses(), nextMs: 4_000 + random() * 3_000 }));
    instances[0]?.pauses.extend('x', 14_000);
    let ledger = { pauses: {}, writtenAtMs: 0 };
    let lastMs = 0;
    for (let count = 0; count < 16 * 20; count += 1) {
      const [next] = instances.toSorted((a, b) => a.nextMs - b.nextMs);
      const nowMs = next!.nextMs;
      next!.nextMs += 2_500 + random() * 800;
      // The age by the date of a reply, which is in whole seconds.
      const ageMs = Math.max(0, Math.floor(nowMs / 1000) * 1000 - ledger.writtenAtMs);
      next!.pauses.join(stored(ledger.pauses, ageMs), nowMs);
      ledger = { pauses: next!.pauses.shared(nowMs), writtenAtMs: nowMs };
      const left = instances.map(({ pauses }) => pauses.leftMs('x', nowMs));
      // By then all have had a heartbeat since.
      if (nowMs > 10_500 && nowMs < 14_000) expect(Math.min(...left)).toBeGreaterThan(0);
      if (Math.max(...left) > 0) lastMs = nowMs;
    }
    expect(lastMs).toBeLessThan(14_000 + 5_000);
  });
});

describe('what the ledger says of pauses', () => {
  it('is the time that is left, in whole milliseconds, of those that are not over', () => {
    const pauses = new Pauses();
    pauses.extend('x', 150.4);
    pauses.extend('over', 100);
    pauses.extend('y', 101);
    expect(pauses.shared(100)).toEqual({ x: 50, y: 1 });
    // One that is over everywhere is forgotten.
    expect(pauses.extend('over', 90)).toBe(false);
    pauses.shared(5_100);
    expect(pauses.extend('over', 90)).toBe(true);
  });

  it('is the 200 longest', () => {
    const pauses = new Pauses();
    for (let n = 1; n <= 250; n += 1) pauses.extend(`p${n}`, n);
    const shared = pauses.shared(0);
    expect(Object.keys(shared)).toHaveLength(200);
    expect(shared).toMatchObject({ p250: 250, p51: 51 });
    expect(shared).not.toHaveProperty('p50');
    expect(pauses.leftMs('p50', 0)).toBe(50);
  });

  it('has refusals of larger budgets only where pauses of requests leave room', () => {
    const pauses = new Pauses();
    for (let n = 1; n <= 250; n += 1) pauses.extend(refusalOf(`b${n}`), 86_400_000 + n);
    pauses.extend('entra x', 300_000);
    const shared = pauses.shared(0);
    expect(Object.keys(shared)).toHaveLength(200);
    expect(shared).toMatchObject({ 'entra x': 300_000, [refusalOf('b250')]: 86_400_250 });
    expect(shared).not.toHaveProperty([refusalOf('b51')]);
  });
});

it('requests are stopped by pauses, not by refusals of larger budgets', () => {
  const pauses = new Pauses();
  pauses.extend(refusalOf('b'), 86_400_000);
  pauses.join(stored({ [refusalOf('c')]: 86_400_000 }, 0), 0);
  expect(pauses.stopsAny).toBe(false);
  pauses.extend('x', 20_000);
  pauses.extend(refusalOf('d'), 86_400_000);
  expect(pauses.stopsAny).toBe(true);
  pauses.shared(24_999);
  expect(pauses.stopsAny).toBe(true);
  pauses.shared(25_000);
  expect(pauses.stopsAny).toBe(false);
  pauses.join(stored({ y: 10_000 }, 0), 25_000);
  expect(pauses.stopsAny).toBe(true);
});
