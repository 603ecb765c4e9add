import { dayMs, hourMs, minuteMs } from '../core/durations.ts';
import type { Delivery, TargetState } from './outbox.ts';

/** A notice is given up when an attempt fails after this time. */
const giveUpMs = dayMs;
/** Pauses before a notice is tried again. The last one repeats. */
const pausesMs = [1, 2, 5, 10, 20, 40, 60].map((minutes) => minutes * minuteMs);
/** Retry-After counts for at most this long. */
const maxPauseMs = hourMs;
/** How long a receiver that answered 410 gets nothing. */
const stopMs = dayMs;
/** How long an instance has a notice for itself: more than twice what a request and two calls to storage may take. */
export const claimMs = 4 * minuteMs;
/** Clocks of instances differ by less. */
const skewMs = 10 * minuteMs;

/** Whether the next failure is the last. */
export const isOver = ({ addedAtMs }: Delivery, nowMs: number): boolean => nowMs - addedAtMs >= giveUpMs;

/**
 * Whether a stored time is still to come. One that is further ahead than anybody writes is from before the clock was set back,
 * and does not count.
 */
const isAhead = (atMs: number | undefined, nowMs: number, mostMs: number): boolean =>
  atMs !== undefined && atMs > nowMs && atMs - nowMs <= mostMs + skewMs;

/** Whether an instance has a claim on the delivery. */
export const isClaimed = ({ claimedUntilMs }: Delivery, nowMs: number): boolean =>
  isAhead(claimedUntilMs, nowMs, claimMs);

/** Whether the delivery may be tried now. */
export const isDue = (delivery: Delivery, nowMs: number): boolean =>
  !isAhead(delivery.nextAtMs, nowMs, maxPauseMs) && !isClaimed(delivery, nowMs);

/** Whether the receiver wants no request now. */
export const isPaused = (state: TargetState | undefined, nowMs: number): boolean =>
  isAhead(state?.pausedUntilMs, nowMs, maxPauseMs);

/** Whether the receiver has answered 410 within the last day. */
export const isStopped = (state: TargetState | undefined, nowMs: number): boolean =>
  state?.stoppedAtMs !== undefined && isAhead(state.stoppedAtMs + stopMs, nowMs, stopMs);

/** The end of a pause that begins now. */
export const pauseEndMs = (retryAfterMs: number, nowMs: number): number => nowMs + Math.min(retryAfterMs, maxPauseMs);

/** When a delivery is tried again. @param attempts its number of attempts so far, from 1. */
export const nextAtMs = (attempts: number, retryAfterMs: number | undefined, nowMs: number): number =>
  pauseEndMs(Math.max(retryAfterMs ?? 0, pausesMs[Math.min(attempts, pausesMs.length) - 1] ?? maxPauseMs), nowMs);
