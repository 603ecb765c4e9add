import { hash } from 'node:crypto';
import { scrub } from '../core/log.ts';
import { visibleText } from '../core/text.ts';
import { cut, type Notice, type Severity } from './notice.ts';
import type { TargetName } from './target.ts';

/** A notice that a target has not received yet. */
export interface Delivery {
  readonly target: TargetName;
  readonly noticeId: string;
  /** The kind of the notice. Empty if the version that stored it did not write it. */
  readonly kind: string;
  /** That of the notice; `warning` if the version that stored it did not write it. */
  readonly severity: Severity;
  readonly addedAtMs: number;
  /** Number of attempts that were begun. */
  readonly attempts: number;
  /** Not tried again before. */
  readonly nextAtMs: number;
  /** Until then, one instance is sending it. 0: none is. */
  readonly claimedUntilMs: number;
  /** Why the last attempt failed. Ends a sentence that begins with the target. */
  readonly reason: string;
  /** The version that was read. */
  readonly version: string;
}

/** What is known of a target beside its deliveries. */
export interface TargetState {
  /** The address that the rest is about. */
  readonly addressDigest: string;
  /** When the receiver answered 410. */
  readonly stoppedAtMs?: number;
  /** The receiver wants no request before. */
  readonly pausedUntilMs?: number;
}

/** What health says about the deliveries of a target. */
export interface Backlog {
  readonly state: TargetState | undefined;
  /** The delivery that waits longest. */
  readonly oldest: Delivery | undefined;
  /** Number of deliveries that were given up since the time that was asked for; at most 1,000. */
  readonly givenUp: number;
}

/**
 * Notices in storage, and for each target those that it has not received. Every method throws BrokerError
 * `storage_unavailable`.
 */
export interface Outbox {
  /** Stores a notice and one delivery for each target, atomically. @returns false if there was one with this id before. */
  add(notice: Notice, targets: readonly TargetName[], nowMs: number): Promise<boolean>;
  find(noticeId: string): Promise<Notice | undefined>;
  /** The deliveries of a target, oldest first. */
  waiting(target: TargetName): AsyncIterable<Delivery>;
  /** Replaces a delivery. @returns the new version; undefined if it was changed or removed since it was read. */
  change(delivery: Delivery): Promise<Delivery | undefined>;
  /** Removes a delivery, whether or not it was changed. */
  remove(delivery: Delivery): Promise<void>;
  /** Moves a delivery that the caller has claimed to those that were given up. @returns false if it was removed. */
  giveUp(delivery: Delivery, nowMs: number): Promise<boolean>;
  state(target: TargetName): Promise<TargetState | undefined>;
  setState(target: TargetName, state: TargetState): Promise<void>;
  backlog(target: TargetName, sinceMs: number): Promise<Backlog>;
  /** Deletes notices that were added before a time, and their deliveries, whether they wait or were given up. */
  purge(beforeMs: number): Promise<void>;
}

/** The id of a notice for receivers and storage: 32 hexadecimal digits that follow from its kind and key. */
export const noticeId = ({ kind, key }: Pick<Notice, 'kind' | 'key'>): string =>
  hash('sha256', JSON.stringify([kind, key]), 'hex').slice(0, 32);

/**
 * The notice as it may be stored and sent: all text is scrubbed, cut to a readable length and well-formed, and title and facts
 * are one line each.
 */
export const cleanNotice = (notice: Notice): Notice => ({
  ...notice,
  title: cut(visibleText(scrub(notice.title)), 150),
  ...(notice.tenantName === undefined ? {} : { tenantName: cut(visibleText(scrub(notice.tenantName)), 100) }),
  text: cut(scrub(notice.text), 1500),
  facts: notice.facts
    .slice(0, 20)
    .map(({ name, value }) => ({ name: cut(scrub(name), 60), value: cut(visibleText(scrub(value)), 300) })),
});
