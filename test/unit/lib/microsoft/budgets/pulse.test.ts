import { describe, expect, it } from 'vitest';
import { Pulse } from '../../../../../src/lib/microsoft/budgets/heartbeat.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';

/** A pulse whose random part is half: 2,900 ms between two beats, and 1,100 after one that failed. */
function stage({ lastsMs = 0, succeeds = () => true }: { lastsMs?: number; succeeds?: () => boolean } = {}) {
  const clock = new FakeClock(0);
  const beats: number[] = [];
  let runs = 0;
  const background = (work: () => void): void => {
    runs += 1;
    work();
  };
  const pulse = new Pulse({ clock, random: () => 0.5, background }, async () => {
    beats.push(clock.nowMs());
    // A pulse without pauses would never let the test end.
    if (beats.length > 1_000) await new Promise(() => undefined);
    if (lastsMs > 0) await clock.sleep(lastsMs);
    return succeeds();
  });
  /** Asks for an urgent beat at each of the times. */
  const urgentAt = async (...times: readonly number[]): Promise<void> => {
    for (const ms of times) {
      await clock.advance(ms - clock.nowMs());
      pulse.keep(true);
    }
  };
  return { clock, beats, pulse, urgentAt, runs: () => runs };
}

describe('beats', () => {
  it('begin at once, follow each other, and end some seconds after the last wish', async () => {
    const { clock, beats, pulse, runs } = stage();
    pulse.keep(false);
    await clock.advance(60_000);
    expect(beats).toEqual([0, 2_900]);
    pulse.keep(false);
    await clock.advance(60_000);
    expect(beats).toEqual([0, 2_900, 60_000, 62_900]);
    expect(runs()).toBe(2);
  });

  it('go on while they are wanted, in one run', async () => {
    const { clock, beats, pulse, runs } = stage();
    for (let n = 0; n < 10; n += 1) {
      pulse.keep(false);
      await clock.advance(1_000);
    }
    await clock.advance(60_000);
    expect(beats).toEqual([0, 2_900, 5_800, 8_700, 11_600]);
    expect(runs()).toBe(1);
  });

  it('are counted from the beginning of the one before', async () => {
    const { clock, beats, pulse } = stage({ lastsMs: 400 });
    pulse.keep(false);
    await clock.advance(60_000);
    expect(beats).toEqual([0, 2_900]);
  });

  it('come sooner after one that failed', async () => {
    let isDown = true;
    const { clock, beats, pulse } = stage({ succeeds: () => !isDown });
    pulse.keep(false);
    await clock.advance(2_500);
    isDown = false;
    await clock.advance(60_000);
    expect(beats).toEqual([0, 1_100, 2_200, 3_300]);
  });

  it('resolve the wait for the next one, each for those who wait then', async () => {
    const { clock, pulse } = stage({ lastsMs: 100 });
    const seen: number[] = [];
    const wait = (): void => void pulse.next().then(() => seen.push(clock.nowMs()));
    pulse.keep(false);
    wait();
    await clock.advance(1_000);
    wait();
    await clock.advance(60_000);
    expect(seen).toEqual([100, 3_000]);
  });
});

describe('an urgent beat', () => {
  it('comes 300 ms after the last one, and the next three a second after', async () => {
    const { clock, beats, urgentAt } = stage();
    await urgentAt(0, 100, 310, 1_310, 2_310, 3_310);
    await clock.advance(60_000);
    expect(beats).toEqual([0, 300, 1_300, 2_300, 3_300, 6_200]);
  });

  it('comes at once if that time is over', async () => {
    const { clock, beats, urgentAt } = stage();
    await urgentAt(0, 1_000);
    await clock.advance(10);
    expect(beats).toEqual([0, 1_000]);
  });

  it('is possible again every 15 seconds', async () => {
    const { clock, beats, pulse, urgentAt } = stage();
    await urgentAt(0, 100, 310, 1_310, 2_310);
    for (let ms = 3_000; ms < 14_900; ms += 50) await urgentAt(ms);
    const rare = beats.filter((ms) => ms > 3_300);
    expect(rare).toEqual([6_200, 9_100, 12_000]);
    await clock.advance(15_000 - clock.nowMs());
    await urgentAt(15_110);
    await urgentAt(16_000);
    pulse.keep(false);
    await clock.advance(3_000);
    expect(beats.filter((ms) => ms > 12_000)).toEqual([14_900, 15_900, 18_800]);
  });

  it('is no more than four in a row, however long the rest before was', async () => {
    const { clock, beats, urgentAt } = stage();
    await urgentAt(0, 100);
    await clock.advance(600_000);
    const startMs = clock.nowMs();
    await urgentAt(...[0, 100, 310, 1_310, 2_310, 3_310].map((ms) => startMs + ms));
    await clock.advance(60_000);
    expect(beats.filter((ms) => ms >= startMs).map((ms) => ms - startMs)).toEqual([0, 300, 1_300, 2_300, 3_300, 6_200]);
  });

  it.each([
    [500, 600],
    [501, 2_900],
  ])('does not follow a beat that took more than half a second (%i ms)', async (lastsMs, nextMs) => {
    const { clock, beats, urgentAt } = stage({ lastsMs });
    await urgentAt(0, 600);
    await clock.advance(60_000);
    expect(beats.slice(0, 2)).toEqual([0, nextMs]);
  });

  it('is not one more while a beat is in progress', async () => {
    const { clock, beats, pulse } = stage({ lastsMs: 400 });
    pulse.keep(false);
    await clock.advance(100);
    pulse.keep(true);
    await clock.advance(60_000);
    expect(beats).toEqual([0, 2_900]);
  });
});
