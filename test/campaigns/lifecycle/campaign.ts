import { FakeClock, seededRandom } from '../../fakes/fake-clock.ts';
import type { TenantEvent } from '../../../src/lib/tenant-events/tenant-event.ts';
import { Model } from './model.ts';
import { interruptions, Stage, type Trouble } from './stage.ts';
import { dayMs, startMs, World } from './world.ts';

export interface LifecycleOrder {
  readonly days: number;
  readonly tenants: number;
  readonly transitions: number;
  readonly seed: number;
}

interface LifecycleReport {
  readonly days: number;
  readonly transitions: number;
  readonly announced: number;
  /** Expected and never announced, with the day. */
  readonly missed: readonly string[];
  /** Announced and not expected, or more often than expected. */
  readonly unexpected: readonly string[];
  readonly kills: number;
  /** Calls of a pass at which a host was killed, or storage failed. */
  readonly interruptedCalls: number;
  readonly restored: number;
  /** Consents that Partner Center was asked for. */
  readonly consents: number;
  readonly byKind: ReadonlyMap<string, number>;
  readonly receivers: {
    /** Events that the chat or the program was never told. */
    readonly missed: number;
    /** Deliveries that were interrupted. */
    readonly interrupted: number;
    /** Requests to the program that told an event once more. Each is due to an interrupted delivery. */
    readonly repeated: number;
    /** Messages in the chat. */
    readonly messages: number;
  };
}

/** A claim lapses after five minutes. */
const lapseMs = 6 * 60_000;
const hourMs = 60 * 60_000;
const halfDayMs = dayMs / 2;

/**
 * Lets customers come and go for many days, and two hosts look at them twice a day. Hosts are killed and storage fails at
 * each call of a look in turn. Lists are incomplete, tables are restored from the day before, and clocks are set back. After
 * each look, what has come into the outbox is compared with what the model wants, and is delivered to a chat and a program,
 * also by processes that die.
 */
export async function runLifecycleCampaign({ days, tenants, transitions, seed }: LifecycleOrder) {
  const random = seededRandom(seed);
  const world = new World(random, tenants);
  const stage = new Stage(new FakeClock(startMs));
  const model = new Model();
  const [missed, unexpected, calls] = [[] as string[], [] as string[], new Set<string>()];
  const byKind = new Map<string, number>();
  let [kills, restored, known, interrupted, consents] = [0, 0, 0, 0, 0];
  stage.observe = () => world.observations();
  stage.consent = (tenantId) => {
    consents += 1;
    return world.consent(tenantId);
  };
  const copy = () => ({ events: stage.events.copy(), told: stage.told.copy() });
  let [yesterday, today] = [copy(), copy()];

  for (let half = 0; half < days * 2; half += 1) {
    await stage.clock.advance(startMs + half * halfDayMs - stage.clock.nowMs());
    if (half % 100 === 50) world.loseMany();
    if (half > 0) {
      const wanted = Math.round((transitions * half) / (days * 2 - 1));
      while (world.transitions < wanted) world.change(stage.clock.nowMs());
    }
    if (half % 30 === 29) {
      // One of both, because a copy of both is the state of that day, and knows nothing of what was told since.
      if (half % 60 === 29) stage.events.restore(yesterday.events);
      else stage.told.restore(yesterday.told);
      restored += 1;
    }
    if (half % 2 === 0) [yesterday, today] = [today, copy()];
    stage.read = () => undefined;
    if (half % 7 === 3) await stage.pass();
    stage.read = () => world.read(stage.clock.nowMs());
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const trouble = troubleOf(half, attempt);
      const passes = await Promise.all(half % 3 === 0 ? [stage.pass(trouble), stage.pass()] : [stage.pass(trouble)]);
      kills += passes.filter(({ outcome }) => outcome === 'killed').length;
      if ((passes[0]?.calls ?? 0) >= trouble.at) calls.add(`${trouble.at} ${trouble.how}`);
      await stage.clock.advance(lapseMs);
    }
    // A consent that failed twice is tried again after half an hour.
    await stage.clock.advance(31 * 60_000);
    const last = await stage.pass();
    if (last.outcome !== 'read') throw new Error(`The last look was ${last.outcome}.`);
    const told = [...stage.outbox.values()].slice(known);
    known = stage.outbox.size;
    for (const { kind } of told) byKind.set(kind, (byKind.get(kind) ?? 0) + 1);
    compare(model.look(world.customers, stage.clock.nowMs()), told.map(lineOf), {
      missed: (line) => missed.push(`day ${half / 2}: ${line}`),
      unexpected: (line) => unexpected.push(`day ${half / 2}: ${line}`),
    });
    if (half % 5 === 2) {
      await stage.deliver({
        at: 1 + (((half / 5) | 0) % callsOfDelivery),
        how: deliveryTroubles[half % 4] ?? 'refused',
      });
      interrupted += 1;
      await stage.clock.advance(lapseMs);
    }
    await stage.deliver();
    if (half % 11 === 5) await setBack(stage, (line) => unexpected.push(`day ${half / 2}, clock set back: ${line}`));
    known = stage.outbox.size;
  }
  const report: LifecycleReport = {
    days,
    transitions: world.transitions,
    announced: stage.outbox.size,
    missed,
    unexpected,
    kills,
    interruptedCalls: calls.size,
    restored,
    consents,
    byKind,
    receivers: { ...compareReceivers(stage), interrupted },
  };
  return report;
}

/** What the receivers were told, compared with what was announced. */
function compareReceivers({ outbox, receivers }: Stage) {
  const { program, chat, messages } = receivers;
  const requests = [...outbox.keys()].map((id) => program.get(id) ?? 0);
  const announced = Map.groupBy(outbox.values(), ({ kind }) => kind);
  const unread = [...announced].map(([kind, events]) => Math.max(0, events.length - (chat.get(`tenant.${kind}`) ?? 0)));
  return {
    missed: requests.filter((count) => count === 0).length + unread.reduce((sum, count) => sum + count, 0),
    repeated: requests.reduce((sum, count) => sum + Math.max(0, count - 1), 0),
    messages,
  };
}

/** How a delivery is interrupted, and at which of its calls. */
const deliveryTroubles = ['killed before', 'killed after', 'refused', 'reply lost'] as const;
const callsOfDelivery = 30;

/** Calls of a look with a few events. A look with many events has more, which are alike. */
const callsOfLook = 30;

/** Which call is interrupted, and how: each in turn, also of the first look after something has happened. */
function troubleOf(half: number, attempt: number): Trouble {
  const number = half + attempt * 47;
  const how = interruptions[number % interruptions.length] ?? 'refused';
  const at = 1 + (Math.floor(number / interruptions.length) % callsOfLook);
  // Now and then storage does not recover for the rest of the look, as with a full disk.
  return { at, how, stays: how === 'refused' && number % 3 === 0 };
}

/** A clock that goes back by an hour while nothing happens to the customers. */
async function setBack(stage: Stage, unexpected: (line: string) => void): Promise<void> {
  const known = stage.outbox.size;
  await stage.clock.advance(-hourMs);
  await stage.pass();
  await stage.clock.advance(hourMs);
  await stage.pass();
  for (const event of [...stage.outbox.values()].slice(known)) unexpected(lineOf(event));
}

function lineOf({ tenantId, kind, reason, days }: TenantEvent): string {
  const detail = kind === 'ending' ? ` ${days}` : kind === 'lost' ? ` ${reason}` : '';
  return `${tenantId.slice(-3)} ${kind}${detail}`;
}

function compare(
  wanted: readonly string[],
  told: readonly string[],
  found: { missed: (line: string) => void; unexpected: (line: string) => void },
): void {
  const left = [...told];
  for (const line of wanted) {
    const index = left.indexOf(line);
    if (index < 0) found.missed(line);
    else left.splice(index, 1);
  }
  for (const line of left) found.unexpected(line);
}
