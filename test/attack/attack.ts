import { scrub } from '../../src/lib/core/log.ts';
import type { Random } from '../../src/lib/core/clock.ts';
import type { Stage } from './stage.ts';

/** Extent of an attack. The same seed tries the same things. */
export interface AttackOptions {
  readonly seed: number;
  readonly random: Random;
  /** The extent of `npm run attack`. False: the short form of `npm run test:all`. */
  readonly full: boolean;
}

/** One way to attack the running app. */
export interface Attack {
  /** The argument of `npm run attack -- NAME`. */
  readonly name: string;
  readonly tries: string;
  /** The title of a promise in SECURITY.md. */
  readonly promise: string;
  /** @throws Error if the attack cannot be made; that says nothing about the promise. */
  run(stage: Stage, options: AttackOptions, tally: Tally): Promise<void>;
}

/** Counts the attempts of an attack and keeps those that broke the promise. */
export class Tally {
  attempts = 0;
  readonly breaks: string[] = [];
  /** Measurements for the report. */
  readonly notes: string[] = [];

  /** Records one attempt. `what` says what was tried and what happened; tokens in it are replaced. */
  attempt(held: boolean, what: string): void {
    this.attempts += 1;
    if (!held) this.breaks.push(scrub(what));
  }

  note(text: string): void {
    this.notes.push(text);
  }
}

/** @throws Error if the attack cannot succeed for a reason of its own, so that "held" would prove nothing. */
export function control(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`the attack could not be made: ${what}`);
}

/** What became of an attack. */
export interface Verdict {
  readonly name: string;
  readonly tries: string;
  readonly promise: string;
  readonly attempts: number;
  readonly breaks: readonly string[];
  readonly notes: readonly string[];
  readonly seconds: number;
  readonly verdict: 'held' | 'broken' | 'not made';
}

/** Makes one attack. An attack that fails, or attempts nothing, is `not made`. */
export async function make(attack: Attack, stage: Stage, options: AttackOptions): Promise<Verdict> {
  const { name, tries, promise } = attack;
  const tally = new Tally();
  const startedMs = performance.now();
  let failure: string | undefined;
  try {
    await attack.run(stage, options, tally);
  } catch (thrown) {
    failure = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  }
  const { attempts, breaks } = tally;
  return {
    name,
    tries,
    promise,
    attempts,
    breaks,
    notes: [...tally.notes, ...(failure === undefined ? [] : [failure])],
    seconds: (performance.now() - startedMs) / 1000,
    verdict: breaks.length > 0 ? 'broken' : failure !== undefined || attempts === 0 ? 'not made' : 'held',
  };
}
