import { type Clock, isoTime } from '../runtime/clock.ts';
import { withDeadline } from '../runtime/deadline.ts';
import { errorFields, type Logger } from '../runtime/log.ts';
import { type AccessPolicy, denyAll } from './policy.ts';
import { parsePolicy } from './parse-policy.ts';

/** A policy text with a mark that changes whenever the text does. */
export interface PolicyText {
  readonly text: string;
  readonly etag: string;
}

/** Reads the policy where it lives. Undefined: there is none. Throws when that cannot be told. */
export type ReadPolicy = (signal: AbortSignal) => Promise<PolicyText | undefined>;

export interface PolicyState {
  readonly policy: AccessPolicy;
  /** `last-good`: the present text is broken or cannot be read. `deny-all`: there is none, or none to trust any more. */
  readonly state: 'current' | 'last-good' | 'deny-all';
  /** Why the state is not `current`; one line for the operator, for health and log. */
  readonly problem?: string;
  /** When the policy in force was taken over; 0 while none ever was. */
  readonly loadedAtMs: number;
}

/** The policy in force. */
export interface PolicyStore {
  /** Never throws: whatever goes wrong ends in fewer tokens, not in an error. */
  current(): Promise<PolicyState>;
}

/** How soon a change is seen, once it can be. */
const reloadMs = 30_000;
/** After a failure we look sooner, but not with every request. */
const retryMs = 5_000;
/** How long the last good policy outlives its source: over a night, not over a weekend. */
const lastGoodMs = 24 * 60 * 60 * 1000;
/** Longest wait for one reading. */
const readTimeoutMs = 5_000;

interface Good {
  readonly policy: AccessPolicy;
  readonly etag: string;
  readonly loadedAtMs: number;
  /** When the source last said that this is the policy. */
  readonly confirmedAtMs: number;
}

export function createPolicyStore(deps: {
  readonly read: ReadPolicy;
  readonly clock: Clock;
  readonly log: Logger;
  /** Starts a look that no request waits for, apart from the request that happened to set it off. */
  readonly background?: (work: () => void) => void;
}): PolicyStore {
  const { background = (work) => work() } = deps;
  let good: Good | undefined;
  let problem: string | undefined;
  let lookAgainAtMs = Number.NEGATIVE_INFINITY;
  /** When the last look began that could not read the source. */
  let unreadableAtMs = Number.NEGATIVE_INFINITY;
  let pending: Promise<void> | undefined;

  const report = (next: string | undefined, fields: Parameters<Logger['log']>[2] = {}): void => {
    if (next !== undefined && next !== problem) deps.log.log('warn', 'policy.rejected', { problem: next, ...fields });
    problem = next;
  };

  const look = async (): Promise<void> => {
    const nowMs = deps.clock.nowMs();
    try {
      const found = await withDeadline(deps.clock, readTimeoutMs, deps.read);
      if (found === undefined) {
        // Taking the policy away is the operator's way to stop everything at once: no last good one may stand in for it.
        good = undefined;
        report('There is no access policy.');
      } else if (found.etag === good?.etag) {
        good = { ...good, confirmedAtMs: nowMs };
        report(undefined);
      } else {
        const parsed = parsePolicy(found.text);
        if (parsed.ok) {
          good = { policy: parsed.policy, etag: found.etag, loadedAtMs: nowMs, confirmedAtMs: nowMs };
          report(undefined);
          deps.log.log('info', 'policy.loaded', { rules: parsed.policy.rules.length });
        } else report(summary(parsed.problems));
      }
    } catch (error) {
      unreadableAtMs = nowMs;
      report('The access policy cannot be read.', errorFields(error));
    }
    lookAgainAtMs = deps.clock.nowMs() + (problem === undefined ? reloadMs : retryMs);
  };

  const startLook = (): void => {
    pending = look().finally(() => {
      pending = undefined;
    });
  };

  // A source that could not be read a moment ago would be waited for in vain, by every request. After 30 s it may be well
  // again and hold a change that has to be seen.
  const isUnreadable = (nowMs: number): boolean => nowMs >= unreadableAtMs && nowMs < unreadableAtMs + reloadMs;

  return {
    current: async () => {
      const nowMs = deps.clock.nowMs();
      const known = stateOf(good, problem, nowMs);
      const isWaitedFor = known.state !== 'last-good' || !isUnreadable(nowMs);
      // A clock that is set back must not postpone the next look.
      const isDue = nowMs >= lookAgainAtMs || nowMs < lookAgainAtMs - reloadMs;
      if (isDue && pending === undefined) {
        if (isWaitedFor) startLook();
        else background(startLook);
      }
      if (!isWaitedFor) return known;
      await pending;
      return stateOf(good, problem, deps.clock.nowMs());
    },
  };
}

function stateOf(good: Good | undefined, problem: string | undefined, nowMs: number): PolicyState {
  const loadedAtMs = good?.loadedAtMs ?? 0;
  if (problem === undefined)
    return { policy: good?.policy ?? denyAll, state: good ? 'current' : 'deny-all', loadedAtMs };
  if (good === undefined || nowMs - good.confirmedAtMs >= lastGoodMs) {
    return { policy: denyAll, state: 'deny-all', problem: `${problem} Every request is denied.`, loadedAtMs };
  }
  const until = isoTime(good.confirmedAtMs + lastGoodMs);
  return {
    policy: good.policy,
    state: 'last-good',
    problem: `${problem} The last good policy holds until ${until}.`,
    loadedAtMs,
  };
}

const summary = (problems: readonly string[]): string =>
  problems.length <= 3
    ? problems.join(' ')
    : `${problems.slice(0, 3).join(' ')} And ${problems.length - 3} more; see \`ptb policy check\`.`;
