/*
 * The life of one change in an apply: pure, so that it can be compared with a model. It is stored after each step, and the
 * step that sends is stored before the request leaves. So a process that dies leaves a change of which it is known that it
 * may have been sent, and reads tell whether it was.
 */

/** How a change ends. Until then it is on its way. */
export const changeOutcomes = [
  'applied',
  'accepted',
  'unchanged',
  'drifted',
  'reverted',
  'refused',
  'unclear',
  'not attempted',
] as const;
/**
 * `applied`: accepted, and seen. `accepted`: Microsoft accepted it, and it did not show yet. `unchanged`: it was so already.
 * `drifted`: the tenant was not as planned, so nothing was sent. `reverted`: it was applied, and something put it back.
 * `refused`: Microsoft or a rule refused it. `unclear`: it may have happened; only a person can find out.
 */
export type ChangeOutcome = (typeof changeOutcomes)[number];

/** Where a change is. */
export type Stage =
  | {
      readonly at: 'open';
      /** When it may be sent at the earliest, after Microsoft asked to wait. */
      readonly notBeforeMs?: number | undefined;
      /** How often Microsoft asked to wait. */
      readonly waits: number;
      /** Until when an object that does not exist yet is waited for. */
      readonly missingUntilMs?: number | undefined;
    }
  | {
      readonly at: 'sent';
      /** Identifies the one attempt that holds the right to send. */
      readonly claim: string;
      readonly claimedAtMs: number;
      /** 1, or 2 for a change that sets a state and provably had not taken effect. */
      readonly attempt: 1 | 2;
      /** When Microsoft accepted it. Undefined: no answer is known. */
      readonly acceptedAtMs?: number | undefined;
      readonly createdId?: string | undefined;
      /** Reads that were due and were made. */
      readonly reads: number;
      /** How many reads in a row showed the aim, or the state before. */
      readonly inRow: { readonly sees: Observation; readonly times: number };
    }
  | {
      readonly at: 'done';
      readonly outcome: ChangeOutcome;
      /** One sentence. */
      readonly detail?: string | undefined;
      readonly atMs: number;
      /** As the answer names it. An undo removes nothing else. */
      readonly createdId?: string | undefined;
      /** Of an object that was found in place of an answer. Changes after this one in its tenant use it. */
      readonly seenId?: string | undefined;
    };

/** The id of what a change created or found. */
export const idOf = (stage: Stage): string | undefined =>
  stage.at === 'done' ? (stage.createdId ?? stage.seenId) : stage.at === 'sent' ? stage.createdId : undefined;

/** What a read shows: what the change is for, what was there before, or neither. */
export type Observation = 'aim' | 'before' | 'other';

export const open: Stage = { at: 'open', waits: 0 };

const second = 1_000;

/**
 * Seconds after an accepted change at which it is read: an accepted write need not show in the next read, and old and new
 * answers come in turn ("Designing for eventual consistency", Microsoft identity platform).
 */
const readsAfter = [2, 4, 8, 16, 30, 60, 120];
/** The same without a known answer. Whether to send again is decided by the last ones, when nothing can be on its way. */
const readsAfterUnknown = [...readsAfter, 300, 302, 304, 308, 316, 330, 360];
/** A request that left without an answer may take effect until then, in milliseconds after its claim. */
const settledAfterMs = 300 * second;
/** Reads in a row that agree. */
const agreeing = 3;
/** Between its claim and its departure, a request may lose this much, in milliseconds. After that it does not leave. */
export const longestClaimMs = 60 * second;
/** How often Microsoft may ask to wait before a change is given up. */
const mostWaits = 20;
/** How long a change waits for an object that was created before it, in milliseconds. */
const longestMissingMs = 120 * second;

const done = (outcome: ChangeOutcome, atMs: number, detail?: string, createdId?: string): Stage => ({
  at: 'done',
  outcome,
  atMs,
  ...(detail !== undefined && { detail }),
  ...(createdId !== undefined && { createdId }),
});

type Sent = Extract<Stage, { readonly at: 'sent' }>;
type Open = Extract<Stage, { readonly at: 'open' }>;

const startOf = ({ acceptedAtMs, claimedAtMs }: Sent): number => acceptedAtMs ?? claimedAtMs;

/** When a change is to be looked at next, in milliseconds. Undefined: it has ended. */
export function dueMs(stage: Stage): number | undefined {
  if (stage.at === 'done') return undefined;
  if (stage.at === 'open') return stage.notBeforeMs ?? 0;
  const schedule = stage.acceptedAtMs === undefined ? readsAfterUnknown : readsAfter;
  const after = schedule[stage.reads] ?? schedule.at(-1) ?? 0;
  return startOf(stage) + after * second;
}

/** An open change, after its tenant was read again. @returns undefined if it may be sent. */
export function beforeSending(
  stage: Open,
  sees: Observation,
  nowMs: number,
  facts: 'same' | 'changed',
): Stage | undefined {
  if (sees === 'aim') return done('unchanged', nowMs);
  if (facts === 'changed') return done('drifted', nowMs, 'What the plan rests on has changed since.');
  if (sees === 'before') return undefined;
  return done('drifted', nowMs, 'The tenant is not as it was when the plan was made.');
}

/** An attempt takes the right to send. It is stored before anything leaves. */
export const claimed = (stage: Open | Sent, claim: string, nowMs: number): Stage => ({
  at: 'sent',
  claim,
  claimedAtMs: nowMs,
  attempt: stage.at === 'open' ? 1 : 2,
  reads: 0,
  inRow: { sees: 'other', times: 0 },
});

/** What became of a request. */
export type Answer =
  | { readonly kind: 'accepted'; readonly createdId?: string | undefined; readonly confirmable: boolean }
  /** It was not carried out, and may be sent later. */
  | { readonly kind: 'wait'; readonly seconds: number }
  /** It did not leave. */
  | { readonly kind: 'unsent' }
  /** It names an object that does not exist yet. */
  | { readonly kind: 'missing'; readonly detail: string }
  | { readonly kind: 'refused'; readonly detail: string }
  /** Somebody else had made the change. */
  | { readonly kind: 'already' }
  | { readonly kind: 'drifted'; readonly detail: string }
  /** It may have been carried out. */
  | { readonly kind: 'unknown' };

/** The request of this claim was answered, or its end is known otherwise. */
export function answered(stage: Sent, before: Open, answer: Answer, nowMs: number): Stage {
  // The attempt before may have taken effect late, so what refuses the second one proves nothing.
  const isSecond = stage.attempt === 2;
  switch (answer.kind) {
    case 'accepted':
      return answer.confirmable
        ? { ...stage, acceptedAtMs: nowMs, createdId: answer.createdId, reads: 0, inRow: { sees: 'other', times: 0 } }
        : done('applied', nowMs, undefined, answer.createdId);
    case 'unsent':
      return isSecond ? stage : before;
    case 'wait': {
      if (isSecond) return stage;
      const waits = before.waits + 1;
      if (waits > mostWaits) return done('refused', nowMs, 'Microsoft asked to wait again and again.');
      return { ...before, waits, notBeforeMs: nowMs + answer.seconds * second };
    }
    case 'missing':
      return isSecond ? stage : missing(before, answer.detail, nowMs);
    case 'refused':
      return isSecond ? stage : done('refused', nowMs, answer.detail);
    case 'already':
      return isSecond ? stage : done('unchanged', nowMs);
    case 'drifted':
      return isSecond ? stage : done('drifted', nowMs, answer.detail);
    case 'unknown':
      return stage;
  }
}

/** A change names an object that was created before it and does not exist yet. It waits for that, up to two minutes. */
export function missing(before: Open, detail: string, nowMs: number): Stage {
  const missingUntilMs = before.missingUntilMs ?? nowMs + longestMissingMs;
  if (nowMs >= missingUntilMs) return done('refused', nowMs, detail);
  return { ...before, missingUntilMs, notBeforeMs: nowMs + 5 * second };
}

/** A sent change was read. @param setsState whether the same request may leave twice. @returns `again` to send it once more. */
export function observed(stage: Sent, sees: Observation, nowMs: number, setsState: boolean): Stage | 'again' {
  const isSettled = nowMs >= stage.claimedAtMs + settledAfterMs;
  // The state before counts only from when nothing can be on its way.
  const counts = sees === 'aim' || (sees === 'before' && isSettled);
  const times = counts ? (stage.inRow.sees === sees ? stage.inRow.times : 0) + 1 : 0;
  const next: Sent = { ...stage, reads: stage.reads + 1, inRow: { sees, times } };
  if (sees === 'aim' && times >= agreeing) return done('applied', nowMs, undefined, stage.createdId);
  if (stage.acceptedAtMs !== undefined) {
    if (next.reads < readsAfter.length) return next;
    return done('accepted', nowMs, 'Microsoft accepted it, and it did not show within two minutes.', stage.createdId);
  }
  if (sees === 'before' && times >= agreeing) {
    if (setsState && stage.attempt === 1) return 'again';
    return done(
      'unclear',
      nowMs,
      'No answer came, and it does not show. It may still take effect: look before you repeat it.',
    );
  }
  if (next.reads < readsAfterUnknown.length) return next;
  return done('unclear', nowMs, 'No answer came, and the tenant is neither as before nor as planned.');
}

/** A change that has ended was read again, three times in a row with the same result, or else with `mixed`. */
export function seenLater(stage: Stage, sees: Observation | 'mixed', nowMs: number): Stage {
  if (stage.at !== 'done' || sees === 'mixed') return stage;
  if (stage.outcome === 'accepted' && sees === 'aim') return done('applied', nowMs, undefined, stage.createdId);
  if (stage.outcome === 'applied' && sees !== 'aim')
    return done('reverted', nowMs, 'It was applied, and something has changed it since.', stage.createdId);
  return stage;
}

/** Nothing more is sent: a person or a failure ended the apply. */
export function ended(stage: Stage, why: string, nowMs: number): Stage {
  if (stage.at === 'done') return stage;
  if (stage.at === 'open') return done('not attempted', nowMs, why);
  if (stage.acceptedAtMs !== undefined)
    return done('accepted', nowMs, `Microsoft accepted it. ${why}`, stage.createdId);
  return done('unclear', nowMs, `It was sent, and no answer is known. ${why}`);
}

/** An earlier change of the tenant did not take effect, so this one is not sent. */
export const blocked = (nowMs: number): Stage =>
  done('not attempted', nowMs, 'An earlier change in this tenant was not made.');

/** Whether changes after this one in its tenant may not be sent: now, or ever. */
export function blocks(stage: Stage): 'no' | 'for now' | 'for good' {
  if (stage.at === 'open') return 'for now';
  if (stage.at === 'sent') return stage.acceptedAtMs === undefined ? 'for now' : 'no';
  return stage.outcome === 'applied' || stage.outcome === 'accepted' || stage.outcome === 'unchanged'
    ? 'no'
    : 'for good';
}
