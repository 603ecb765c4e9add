import { describe, expect, it } from 'vitest';
import { arrivedRows } from '../../../../src/cli/query/arrived-rows.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';

const line = (value: string): string => `${JSON.stringify({ tenantId: 't', tenantName: 'T', value })}\n`;

/** Reads pages, and notes at which time each was asked for, in milliseconds. */
async function read(pages: readonly string[], forMs: number) {
  const clock = new FakeClock(0);
  const askedAtMs: number[] = [];
  const client = {
    pages: async function* () {
      for (const page of pages) {
        askedAtMs.push(Math.round(clock.nowMs()));
        yield page;
      }
    },
  };
  const rows: number[] = [];
  const controller = new AbortController();
  const done = (async () => {
    for await (const page of arrivedRows(client, 'query@manual-1', controller.signal, clock)) rows.push(page.length);
  })();
  await clock.advance(forMs);
  return { askedAtMs, rows, done, controller, clock };
}

describe('arrivedRows', () => {
  it('asks soon at first, and more rarely while nothing comes', async () => {
    const { askedAtMs } = await read(
      Array.from({ length: 20 }, () => ''),
      12_000,
    );
    const gaps = askedAtMs.slice(1).map((atMs, index) => atMs - (askedAtMs[index] ?? 0));
    expect(gaps.slice(0, 4)).toEqual([100, 130, 169, 220]);
    // The first rows are read at most this late.
    expect(askedAtMs.filter((atMs) => atMs <= 1_000).length).toBeGreaterThan(5);
    expect(Math.max(...gaps)).toBe(2_000);
  });

  it('lets the broker work between two short pages, and asks for the next long one at once', async () => {
    const long = line('x'.repeat(600_000));
    const many = line('1').repeat(5_000);
    const { askedAtMs, rows, done } = await read([line('1'), line('1'), long, many, line('1'), ''], 5_000);
    await done;
    expect(rows).toEqual([1, 1, 1, 5_000, 1]);
    expect(askedAtMs).toEqual([0, 250, 500, 500, 500, 750]);
  });

  it('ends its wait when the signal is aborted', async () => {
    const { rows, done, controller, clock } = await read(['', line('late')], 50);
    controller.abort();
    await done;
    expect([rows, clock.nowMs()]).toEqual([[], 50]);
  });
});
