import {
  type Answer,
  answered,
  beforeSending,
  claimed,
  dueMs,
  ended,
  longestClaimMs,
  type Observation,
  observed,
  open,
  seenLater,
  type Stage,
} from '../../../../src/lib/changes/life.ts';

/*
 * Histories of one change: a tenant whose reads may be late, requests whose answers are lost, processes that die between any
 * two steps, visits that overlap, and other tools that change the same. The judge at the end knows what truly happened, and
 * shares nothing with the code that it judges.
 */

type Value = 'before' | 'aim' | 'other';

/** One request that left. */
interface Departure {
  readonly attempt: string;
  readonly atMs: number;
  /** When it takes effect. Undefined: never. */
  readonly effectAtMs: number | undefined;
  /** What it was decided by. */
  readonly basis: Read;
  /** Whether it is stored that it had none. */
  knownWithoutEffect: boolean;
}

interface Read {
  readonly atMs: number;
  readonly sees: Value;
  readonly facts: 'same' | 'changed';
  /** Stored claims at the time of the read. */
  readonly claims: number;
}

/** Everything that truly happened. */
export interface Truth {
  readonly setsState: boolean;
  readonly lagMs: number;
  readonly writes: { readonly atMs: number; readonly value: Value }[];
  readonly departures: Departure[];
  /** Those that a stored step rests on, in the order in which they were stored. */
  readonly reads: Read[];
  readonly claims: { readonly claim: string; readonly atMs: number; hasKnownEnd: boolean }[];
  readonly steps: { readonly stage: Stage; readonly atMs: number }[];
  accepted: number;
  factsChangedAtMs: number;
}

/** The values that a read at this time may return: any that was the truth within the lag. */
function valuesAt({ writes, lagMs }: Truth, atMs: number): readonly Value[] {
  const past = writes.filter((write) => write.atMs <= atMs).toSorted((one, other) => one.atMs - other.atMs);
  return past.filter((_, index) => (past[index + 1]?.atMs ?? Infinity) > atMs - lagMs).map(({ value }) => value);
}

interface Stored {
  stage: Stage;
  version: number;
}

/** A chance step of a history. */
interface Chance {
  readonly random: () => number;
}

const pickOf = <T>({ random }: Chance, items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;

/** Lets some time pass, which is where a process may die and another one goes on. */
type Step = Generator<undefined, void, undefined>;

class Simulation implements Chance {
  readonly truth: Truth;
  readonly stored: Stored = { stage: open, version: 0 };
  readonly random: () => number;
  nowMs = 0;
  cancelled = false;
  #ids = 0;

  constructor(random: () => number) {
    this.random = random;
    this.truth = {
      setsState: random() < 0.5,
      lagMs: pickOf(this, [0, 3_000, 20_000, 100_000]),
      writes: [{ atMs: -1e9, value: 'before' }],
      departures: [],
      reads: [],
      claims: [],
      steps: [],
      accepted: 0,
      factsChangedAtMs: random() < 0.05 ? random() * 200_000 : Infinity,
    };
    // Another tool, or a person.
    if (random() < 0.15)
      this.truth.writes.push({ atMs: random() * 900_000 - 60_000, value: pickOf(this, ['before', 'aim', 'other']) });
  }

  read(): Read {
    const facts = this.nowMs >= this.truth.factsChangedAtMs ? 'changed' : 'same';
    const sees = pickOf(this, valuesAt(this.truth, this.nowMs));
    return { atMs: this.nowMs, sees, facts, claims: this.truth.claims.length };
  }

  /** @returns whether it was stored. */
  *step(
    local: Stored,
    next: (stage: Stage) => Stage | undefined,
    reads: readonly Read[] = [],
  ): Generator<undefined, boolean, undefined> {
    for (;;) {
      const after = next(local.stage);
      if (after === undefined) return false;
      yield;
      if (local.version === this.stored.version) {
        Object.assign(this.stored, { stage: after, version: local.version + 1 });
        this.truth.steps.push({ stage: after, atMs: this.nowMs });
        this.truth.reads.push(...reads);
        if (after.at === 'sent' && !this.truth.claims.some(({ claim }) => claim === after.claim))
          this.truth.claims.push({ claim: after.claim, atMs: after.claimedAtMs, hasKnownEnd: false });
        Object.assign(local, this.stored);
        return true;
      }
      Object.assign(local, this.stored);
    }
  }

  /** One visit, as carry-out.ts makes it. It may be left at each `yield`. */
  *visit(again: boolean): Step {
    const local = { ...this.stored };
    const { cancelled } = this;
    yield;
    const { stage } = local;
    if (stage.at === 'done') {
      if (!again || cancelled || (stage.outcome !== 'applied' && stage.outcome !== 'accepted')) return;
      const reads = yield* this.thrice();
      const next = seenLater(stage, agreedBy(reads), this.nowMs);
      if (next !== stage) yield* this.step(local, (now) => (same(now, stage) ? next : undefined), reads);
    } else if (cancelled) {
      const reads = stage.at === 'sent' ? yield* this.thrice() : [];
      const sees = agreedBy(reads);
      const next = (now: Stage): Stage | undefined => {
        if (now.at === 'done') return undefined;
        if (now.at === 'sent' && sees === 'aim') return { at: 'done', outcome: 'applied', atMs: this.nowMs };
        return ended(now, 'A person ended it.', this.nowMs);
      };
      yield* this.step(local, next, reads);
    } else if (stage.at === 'open') {
      if ((dueMs(stage) ?? 0) > this.nowMs) return;
      const read = this.read();
      yield;
      const verdict = beforeSending(stage, read.sees, this.nowMs, read.facts);
      if (verdict === undefined) yield* this.send(local, read);
      else yield* this.step(local, (now) => (now.at === 'open' ? verdict : undefined));
    } else {
      if ((dueMs(stage) ?? 0) > this.nowMs) return;
      const read = this.read();
      yield;
      const next = observed(stage, read.sees, read.atMs, this.truth.setsState);
      if (next === 'again') yield* this.send(local, read);
      else yield* this.step(local, (now) => (same(now, stage) ? next : undefined), [read]);
    }
  }

  *thrice(): Generator<undefined, readonly Read[], undefined> {
    const reads = [this.read()];
    while (reads.length < 3) {
      yield;
      reads.push(this.read());
    }
    return reads;
  }

  *send(local: Stored, basis: Read): Step {
    const { stage } = local;
    const before = stage.at === 'open' ? stage : ({ at: 'open', waits: 0 } as const);
    this.#ids += 1;
    const claim = `claim-${this.#ids}`;
    const take = (now: Stage): Stage | undefined =>
      now.at !== 'done' && same(now, stage) ? claimed(now, claim, this.nowMs) : undefined;
    if (!(yield* this.step(local, take, [basis]))) return;
    const claimedAtMs = local.stage.at === 'sent' ? local.stage.claimedAtMs : 0;
    yield;
    let answer: Answer;
    let departure: ReturnType<Simulation['depart']> | undefined;
    if (this.nowMs - claimedAtMs > longestClaimMs || this.random() < 0.05) {
      answer = { kind: 'unsent' };
    } else {
      departure = this.depart(claim, basis);
      // The answer is on its way for as long as this process lives.
      yield;
      answer = departure.answer;
      if (this.random() < 0.05) answer = { kind: 'unknown' };
    }
    const settle = (now: Stage): Stage | undefined =>
      now.at === 'sent' && now.claim === claim && now.acceptedAtMs === undefined
        ? answered(now, before, answer, this.nowMs)
        : undefined;
    if (!(yield* this.step(local, settle))) return;
    const entry = this.truth.claims.find((each) => each.claim === claim);
    if (entry !== undefined) entry.hasKnownEnd = answer.kind !== 'unknown';
    if (answer.kind === 'accepted') this.truth.accepted += 1;
    else if (departure !== undefined) departure.entry.knownWithoutEffect = answer.kind !== 'unknown';
  }

  depart(attempt: string, basis: Read): { readonly entry: Departure; readonly answer: Answer } {
    const roll = this.random();
    const takesEffect = roll < 0.72;
    // No request takes effect later than four minutes after it left.
    const delay = this.random() < 0.1 ? this.random() * 230_000 : this.random() * 500;
    const entry: Departure = {
      attempt,
      atMs: this.nowMs,
      basis,
      effectAtMs: takesEffect ? this.nowMs + delay : undefined,
      knownWithoutEffect: false,
    };
    this.truth.departures.push(entry);
    if (entry.effectAtMs !== undefined) this.truth.writes.push({ atMs: entry.effectAtMs, value: 'aim' });
    const answer = ((): Answer => {
      // 500, 502, 504 or no answer, after the write or without it.
      if (roll < 0.6) return { kind: 'accepted', confirmable: true, createdId: 'id' };
      if (roll < 0.8) return { kind: 'unknown' };
      if (roll < 0.9) return { kind: 'wait', seconds: Math.ceil(this.random() * 60) };
      if (roll < 0.94) return { kind: 'missing', detail: 'It does not exist.' };
      if (roll < 0.97) return { kind: 'drifted', detail: 'It was changed at the same time.' };
      return { kind: 'refused', detail: 'Microsoft refused it.' };
    })();
    return { entry, answer };
  }
}

const agreedBy = (reads: readonly Read[]): Observation | 'mixed' =>
  reads.length === 3 && reads.every(({ sees }) => sees === reads[0]?.sees) ? (reads[0]?.sees ?? 'mixed') : 'mixed';

const same = (one: Stage, other: Stage): boolean => JSON.stringify(one) === JSON.stringify(other);

/** Most visits of a history. A change needs at most 45 with an answer in doubt. */
const mostVisits = 400;

/** Runs one history to its end. */
export function simulateLife(random: () => number): { readonly truth: Truth; readonly stage: Stage } {
  const simulation = new Simulation(random);
  const visits: Step[] = [];
  const mortality = pickOf(simulation, [0, 0.02, 0.2]);
  const overlap = pickOf(simulation, [0, 0.1, 0.6]);
  const cancelAtMs = random() < 0.15 ? random() * 500_000 : Infinity;
  const looks = random() < 0.4 ? 3 : 0;
  let left = mostVisits;
  let looked = 0;
  for (;;) {
    const due = dueMs(simulation.stored.stage);
    const wantsVisit = due !== undefined || looked < looks;
    if (visits.length === 0 && !wantsVisit) break;
    if (visits.length === 0 || (visits.length < 3 && random() < overlap)) {
      left -= 1;
      if (left < 0) break;
      // The platform calls at the time that the visit before has asked for, or later.
      if (visits.length === 0) {
        const wakesAtMs = due === undefined ? simulation.nowMs + 600_000 : Math.max(simulation.nowMs, due);
        simulation.nowMs = Math.max(simulation.nowMs + 1_000, wakesAtMs) + (random() < 0.1 ? random() * 200_000 : 0);
      }
      if (due === undefined) looked += 1;
      visits.push(simulation.visit(due === undefined));
    }
    const visit = pickOf(simulation, visits);
    const isOver = random() < mortality || visit.next().done === true;
    if (isOver) visits.splice(visits.indexOf(visit), 1);
    simulation.nowMs += random() < 0.02 ? random() * 90_000 : random() * 400;
    if (simulation.nowMs >= cancelAtMs) simulation.cancelled = true;
  }
  return { truth: simulation.truth, stage: simulation.stored.stage };
}

/** Whether three reads in a row, none before the claim, showed this. */
function thriceInRow({ reads }: Truth, sees: Value, from: (read: Read) => boolean): boolean {
  let times = 0;
  for (const read of reads) {
    if (!from(read)) continue;
    times = read.sees === sees ? times + 1 : 0;
    if (times === 3) return true;
  }
  return false;
}

/** What is wrong with the end of a history, given what truly happened. */
export function judgeLife({ truth, stage }: ReturnType<typeof simulateLife>): string | undefined {
  const { departures, claims, reads, steps, accepted, setsState } = truth;
  const effects = departures.filter(({ effectAtMs }) => effectAtMs !== undefined);
  for (const { attempt, atMs, basis } of departures) {
    const claim = claims.find((each) => each.claim === attempt);
    if (claim === undefined || claim.atMs > atMs) return 'left without a stored claim';
    if (atMs - claim.atMs > 60_000) return 'left too late after its claim';
    if (basis.sees !== 'before') return 'left although drifted';
    if (basis.claims === 0 && basis.facts === 'changed') return 'left although the facts had changed';
  }
  const inDoubt = departures.filter(({ knownWithoutEffect }) => !knownWithoutEffect);
  if (inDoubt.length > (setsState ? 2 : 1)) return 'left again although it may have had an effect';
  if (!setsState && effects.length > 1) return 'took effect twice';
  const [first, second] = inDoubt;
  if (first !== undefined && second !== undefined) {
    const claim = claims.find((each) => each.claim === first.attempt);
    const again = claims.find((each) => each.claim === second.attempt);
    const [fromMs, untilMs] = [(claim?.atMs ?? 0) + 300_000, again?.atMs ?? 0];
    const seen = reads.filter(({ atMs }) => atMs >= fromMs && atMs <= untilMs).filter(({ sees }) => sees === 'before');
    if (seen.length < 3) return 'left again before it was clear that it had no effect';
  }
  const isMaybeDone = (atMs: number): boolean =>
    departures.some((each) => !each.knownWithoutEffect && each.atMs <= atMs);
  for (const { stage: at, atMs } of steps)
    if (at.at === 'open' && isMaybeDone(atMs)) return 'is open although it may have had an effect';
  if (stage.at !== 'done') return 'did not end';
  const afterClaim = ({ claims: known }: Read): boolean => known > 0;
  switch (stage.outcome) {
    case 'applied':
      if (!thriceInRow(truth, 'aim', afterClaim)) return 'is applied and was not seen';
      break;
    case 'accepted':
      if (accepted === 0) return 'is accepted by nobody';
      break;
    case 'reverted': {
      if (!steps.some((step) => step.stage.at === 'done' && step.stage.outcome === 'applied'))
        return 'is reverted and never was applied';
      if (!thriceInRow(truth, 'before', afterClaim) && !thriceInRow(truth, 'other', afterClaim))
        return 'is reverted and nothing else was seen';
      break;
    }
    case 'unclear':
      if (claims.every(({ hasKnownEnd }) => hasKnownEnd) && accepted > 0) return 'is unclear though it was accepted';
      if (claims.length === 0) return 'is unclear though nothing was sent';
      break;
    default:
      if (isMaybeDone(Infinity)) return `is ${stage.outcome} although it may have had an effect`;
  }
  return undefined;
}
