import { dayMs } from '../core/durations.ts';
import type { BrokerError, ErrorCode } from '../core/errors.ts';
import { isoTime } from '../core/clock.ts';
import { type Finding, fromError } from './finding.ts';

/** Days before an expiry at which health warns, ascending. */
export const warningDays = [1, 7, 14, 30] as const;

interface ExpiringPart {
  readonly part: 'refresh token' | 'client credential';
  readonly endsAtMs: number | undefined;
  /** When it expires at the latest, if the date in the vault may be too early. */
  readonly latestEndMs?: number | undefined;
  /** The code of the finding after the end. */
  readonly endedCode: ErrorCode;
  /** Advice before the end. */
  readonly advice: string;
}

export function endFindings(
  { application, dead }: { readonly application: string; readonly dead?: BrokerError | undefined },
  nowMs: number,
  { part, endsAtMs, latestEndMs, endedCode, advice }: ExpiringPart,
): Finding[] {
  if (endsAtMs === undefined) return [];
  if (endsAtMs <= nowMs && latestEndMs !== undefined && latestEndMs > nowMs && dead === undefined) {
    const message = `The vault says that the ${part} expired on ${isoTime(endsAtMs).slice(0, 10)}, but it was issued later than that allows.`;
    return [{ severity: 'degraded', code: 'expires_soon', message, advice }];
  }
  if (endsAtMs <= nowMs) {
    return [fromError(application, 'down', endedCode, `The ${part} expired on ${isoTime(endsAtMs).slice(0, 10)}.`)];
  }
  if (thresholdOf(endsAtMs, nowMs) === undefined) return [];
  const message = `The ${part} expires within ${Math.max(1, Math.ceil((endsAtMs - nowMs) / dayMs))} days.`;
  return [{ severity: 'degraded', code: 'expires_soon', message, advice }];
}

/** Returns the smallest of {@link warningDays} that covers the remaining time; undefined if none does. */
export const thresholdOf = (endsAtMs: number, nowMs: number): number | undefined =>
  warningDays.find((threshold) => endsAtMs - nowMs <= threshold * dayMs);

/** Returns the smallest of {@link warningDays} that covers one of the remaining times. */
export const nearest = (ends: readonly (number | undefined)[], nowMs: number): number | undefined =>
  warningDays.find((threshold) => ends.some((end) => end !== undefined && end - nowMs <= threshold * dayMs));
