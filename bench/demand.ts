import { seededRandom } from '../test/fakes/fake-clock.ts';
import { hourMs, minuteMs } from '../src/lib/core/clock.ts';

/** A request for a token at a moment of the day. */
export interface Demand {
  /** Milliseconds since midnight. */
  readonly atMs: number;
  readonly tenant: number;
  readonly resource: 'graph' | 'exchange';
  readonly by: 'job' | 'script' | 'person';
  /** Which instance gets the request, as a number in [0, 1). */
  readonly place: number;
}

/** How much callers ask for: requests of scripts, and sessions of people, per tenant and day. */
export interface Callers {
  readonly scriptRequests: number;
  readonly sessions: number;
}

const jobs = [
  { startsAtMs: hourMs, resource: 'graph' },
  { startsAtMs: hourMs + 20 * minuteMs, resource: 'graph' },
  { startsAtMs: hourMs + 40 * minuteMs, resource: 'graph' },
  { startsAtMs: 2 * hourMs, resource: 'exchange' },
] as const;
/** Tenants that one activity visits (`groupSize`): they are on one instance. */
const groupSize = 25;
/** Time of a run per tenant, milliseconds. */
const visitMs = 25;
const requestsOfSession = 15;
const betweenRequestsMs = minuteMs;
const shareOfGraph = 0.7;
/** Share of the requests of a working hour that another hour has. */
const nightShare = 0.15;
/** The tenant of rank n is asked for in proportion to n to the power of minus this. */
const zipf = 0.9;

/**
 * The requests of one day in order of time: four jobs over all tenants after one o'clock, requests of scripts, and people who
 * work in one tenant for a quarter of an hour. The same arguments give the same day.
 */
export function demandOfDay(tenants: number, { scriptRequests, sessions }: Callers): readonly Demand[] {
  const random = seededRandom(1);
  const pick = zipfPicker(tenants, random);
  const day = [...nightlyJobs(tenants, random)];
  for (let n = 0; n < tenants * scriptRequests; n += 1) {
    const resource = random() < shareOfGraph ? 'graph' : 'exchange';
    day.push({ atMs: timeOfDay(random), tenant: pick(), resource, by: 'script', place: random() });
  }
  for (let n = 0; n < tenants * sessions; n += 1) {
    const tenant = pick();
    let atMs = timeOfDay(random);
    for (let request = 0; request < requestsOfSession; request += 1) {
      day.push({ atMs, tenant, resource: 'graph', by: 'person', place: random() });
      atMs -= Math.log(1 - random()) * betweenRequestsMs;
    }
  }
  return day.toSorted((a, b) => a.atMs - b.atMs);
}

function* nightlyJobs(tenants: number, random: () => number): Generator<Demand> {
  for (const { startsAtMs, resource } of jobs) {
    for (let first = 0; first < tenants; first += groupSize) {
      const place = random();
      for (let tenant = first; tenant < Math.min(tenants, first + groupSize); tenant += 1) {
        yield { atMs: startsAtMs + tenant * visitMs, tenant, resource, by: 'job', place };
      }
    }
  }
}

function timeOfDay(random: () => number): number {
  for (;;) {
    const hour = random() * 24;
    if (random() < (hour >= 7 && hour < 18 ? 1 : nightShare)) return hour * hourMs;
  }
}

function zipfPicker(count: number, random: () => number): () => number {
  const sums: number[] = [];
  let total = 0;
  for (let rank = 1; rank <= count; rank += 1) sums.push((total += rank ** -zipf));
  return () => {
    const wanted = random() * total;
    let [from, to] = [0, count - 1];
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((sums[middle] ?? Infinity) < wanted) from = middle + 1;
      else to = middle;
    }
    return from;
  };
}
