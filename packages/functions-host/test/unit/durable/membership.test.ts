import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { HubStore } from '../../../src/durable/hub/hub-store.ts';
import { Membership } from '../../../src/durable/hub/membership.ts';
import { seeded } from './test-app.ts';

const deadAfterMs = 10_000;
const count = 8;

let folder: string;
let nowMs: number;
let logged: string[];
let hosts: Host[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'host-hub-'));
  nowMs = 1_000_000;
  logged = [];
  hosts = [];
});
afterEach(() => {
  for (const { store } of hosts) store.close();
  rmSync(folder, { recursive: true });
});

/** A host that looks at the hub when it is told to. */
interface Host {
  readonly store: HubStore;
  readonly membership: Membership;
  /** The partitions that it believes to have. */
  believed: ReadonlySet<number>;
}

function newHost(): Host {
  const store = new HubStore(join(folder, 'hub.sqlite'), count);
  const log = (_level: string, _category: string, message: string): void => void logged.push(message);
  const membership = new Membership({ store, log, deadAfterMs, monotonicMs: () => nowMs });
  const host = { store, membership, believed: new Set<number>() };
  hosts.push(host);
  return host;
}

/** As a host does it: it frees what is not in the result. */
function look(host: Host, wanted = true): void {
  const before = host.store.hostId;
  const partitions = host.membership.partitions(wanted);
  if (before === host.store.hostId)
    for (const id of host.believed) if (!partitions.has(id)) host.store.freePartition(id);
  host.believed = partitions;
}

function pass(ms: number, looking: readonly Host[]): void {
  for (let left = ms; left > 0; left -= 2_000) {
    nowMs += 2_000;
    for (const host of looking) look(host);
  }
}

const isRegistered = ({ store }: Host): boolean => store.hosts().some(({ id }) => id === store.hostId);

it('gives each partition to at most one host that may write, and in the end to one, whatever stalls, dies and joins', () => {
  const random = seeded(3);
  let doubled = 0;
  let dead = 0;
  let alive: Host[] = [newHost()];
  for (let step = 0; step < 1_500; step += 1) {
    nowMs += random() * 4_000;
    const host = alive[Math.floor(random() * alive.length)] as Host;
    if (random() < 0.02 && alive.length < 6) alive.push(newHost());
    else if (random() < 0.02 && alive.length > 1) alive = alive.filter((other) => other !== host);
    // A host that is not chosen for long has stalled.
    else look(host, random() < 0.98);
    const believed = alive.filter((other) => isRegistered(other)).flatMap((other) => [...other.believed]);
    doubled += believed.length - new Set(believed).size;
    dead = logged.filter((line) => line.includes('is dead')).length;
  }
  expect(doubled).toBe(0);
  expect(dead).toBeGreaterThan(20);
  pass(4 * deadAfterMs, alive);
  expect(alive.flatMap(({ believed }) => [...believed]).toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(Math.max(...alive.map(({ believed }) => believed.size))).toBeLessThanOrEqual(Math.ceil(count / alive.length));
});

it('takes over the partitions of a killed host after the time for which it gave no sign of life, and not before', () => {
  const [killed, other] = [newHost(), newHost()];
  pass(4_000, [killed, other]);
  expect([killed, other].map(({ believed }) => believed.size)).toEqual([4, 4]);
  pass(deadAfterMs - 2_000, [other]);
  expect(other.believed.size).toBe(4);
  pass(4_000, [other]);
  expect(other.believed.size).toBe(count);
});

it('takes no host for dead because it was stalled itself', () => {
  const [first, second] = [newHost(), newHost()];
  pass(4_000, [first, second]);
  look(first);
  // The machine sleeps for an hour. The first host wakes a moment before the second.
  nowMs += 3_600_000;
  look(first);
  look(second);
  pass(4_000, [first, second]);
  expect(logged).toEqual([]);
  expect([first, second].map(({ believed }) => believed.size)).toEqual([4, 4]);
});
