import { describe, expect, it } from 'vitest';
import {
  type ArrivalPages,
  decodeArrivals,
  encodeArrivals,
} from '../../../../../src/lib/runs/reading/result-arrival.ts';

const tenantIds = Array.from({ length: 20 }, (_, at) => `tenant-${at}`);
const pages: ArrivalPages = { runId: 'job@w', format: 'jsonl', tenantIds };
const places = [0, 7, 8, 9, 15, 16, 19];

/** The sets and the open tenant after these places were added. */
function arrivals(done: readonly number[], ready: readonly number[]) {
  const made = decodeArrivals(pages, undefined);
  for (const place of done) made.done.add(place);
  for (const place of ready) made.ready.add(place);
  return made;
}
const placesIn = (set: ReturnType<typeof arrivals>['done']) => [...tenantIds.keys()].filter((place) => set.has(place));

/** A continuation with another head. */
function withHead(text: string, change: Record<string, unknown>): string {
  const [head = '', ...sets] = text.split('.');
  const token = JSON.parse(Buffer.from(head, 'base64url').toString('utf8')) as Record<string, unknown>;
  return [Buffer.from(JSON.stringify({ ...token, ...change })).toString('base64url'), ...sets].join('.');
}

describe('a position in the rows of arrival', () => {
  it('begins with nothing', () => {
    const first = decodeArrivals(pages, undefined);
    expect([first.done.isEmpty, first.ready.isEmpty, first.open]).toEqual([true, true, undefined]);
    expect(placesIn(first.done)).toEqual([]);
  });

  it('is the same after it was a continuation', () => {
    const open = { place: 19, attempt: 'a-1_B', offset: 0 };
    const decoded = decodeArrivals(pages, encodeArrivals(pages, { ...arrivals(places, [1, 18]), open }));
    expect(placesIn(decoded.done)).toEqual(places);
    expect(placesIn(decoded.ready)).toEqual([1, 18]);
    expect(decoded.open).toEqual(open);
  });

  it('names each place once, and forgets only that which is removed', () => {
    const { done } = arrivals(places, []);
    done.add(8);
    done.delete(9);
    done.delete(10);
    expect(placesIn(done)).toEqual([0, 7, 8, 15, 16, 19]);
    for (const place of placesIn(done)) {
      expect(done.isEmpty).toBe(false);
      done.delete(place);
    }
    expect(done.isEmpty).toBe(true);
  });

  it('of a run without a plan begins with nothing once there is one', () => {
    const early = { ...pages, tenantIds: undefined };
    const continuation = encodeArrivals(early, decodeArrivals(early, undefined));
    const { done, ready } = decodeArrivals(pages, continuation);
    done.add(19);
    expect([done.has(19), ready.isEmpty]).toEqual([true, true]);
  });
});

describe('a continuation', () => {
  const valid = encodeArrivals(pages, arrivals([1], [2]));

  it.each<[string, Partial<ArrivalPages>, RegExp]>([
    ['another run', { runId: 'job@other' }, /another run/],
    ['another format', { format: 'csv' }, /format jsonl/],
    ['other tenants', { tenantIds: tenantIds.toReversed() }, /other tenants/],
    ['fewer tenants', { tenantIds: tenantIds.slice(1) }, /other tenants/],
  ])('for %s is refused', (_, change, reason) => {
    expect(() => decodeArrivals({ ...pages, ...change }, valid)).toThrow(reason);
  });

  const [head = '', done = '', ready = ''] = valid.split('.');
  const bytes = (...values: readonly number[]): string => Buffer.from(values).toString('base64url');
  it.each([
    ['no text', ''],
    ['no JSON', `e30x.${done}.${ready}`],
    ['nothing but a head', head],
    ['one set', `${head}.${done}`],
    ['a shorter set', `${head}.${bytes(2, 0)}.${ready}`],
    ['a longer set', `${head}.${done}.${bytes(2, 0, 0, 0)}`],
    ['a done place beyond the plan', `${head}.${bytes(0, 0, 16)}.${ready}`],
    ['a ready place beyond the plan', `${head}.${done}.${bytes(0, 0, 128)}`],
    ['another property', withHead(valid, { more: 1 })],
    ['an open tenant beyond the plan', withHead(valid, { open: { place: 20, attempt: 'a', offset: 0 } })],
    ['a negative place', withHead(valid, { open: { place: -1, attempt: 'a', offset: 0 } })],
    ['a place between two', withHead(valid, { open: { place: 0.5, attempt: 'a', offset: 0 } })],
    ['a negative offset', withHead(valid, { open: { place: 0, attempt: 'a', offset: -1 } })],
    ['a path as attempt', withHead(valid, { open: { place: 0, attempt: '../a', offset: 0 } })],
    ['no attempt', withHead(valid, { open: { place: 0, attempt: '', offset: 0 } })],
    ['a long attempt', withHead(valid, { open: { place: 0, attempt: 'a'.repeat(81), offset: 0 } })],
  ])('with %s is not valid', (_, text) => {
    expect(() => decodeArrivals(pages, text)).toThrow(/is not valid/);
  });

  it('may name the last place of the plan', () => {
    expect(decodeArrivals(pages, `${head}.${bytes(0, 0, 8)}.${ready}`).done.has(19)).toBe(true);
    const eight = { ...pages, tenantIds: tenantIds.slice(0, 8) };
    const full = decodeArrivals(eight, undefined);
    for (let place = 0; place < 8; place += 1) full.done.add(place);
    const again = decodeArrivals(eight, encodeArrivals(eight, full));
    expect(Array.from({ length: 8 }, (_, place) => again.done.has(place))).not.toContain(false);
  });
});
