import * as z from 'zod';
import type { Caller } from '../core/caller.ts';
import { type Clock, withDeadline } from '../core/clock.ts';
import { BrokerError } from '../core/errors.ts';
import type { TenantId } from '../core/identifiers.ts';
import { errorFields, type Logger } from '../core/log.ts';
import type { Orchestrations } from '../core/orchestrations.ts';
import { untilWritten } from '../core/rows/table.ts';
import type { Approval, ApprovalStatus } from './approval.ts';

/** A record and the version that it was read at. */
export interface StoredApproval {
  readonly approval: Approval;
  /** A write names it, and fails if the record was changed since. */
  readonly version: string;
}

export interface ApprovalQuery {
  /** Statuses as they were last written. Absent: all. */
  readonly statuses?: readonly ApprovalStatus[];
  /** Limits the list to requests of one asker (`askerKeyOf`). */
  readonly askerKey?: string;
  readonly tenantIds?: ReadonlySet<TenantId>;
  /** Limits the list to requests made since then. */
  readonly sinceMs?: number;
  /** 1 to 1,000. */
  readonly limit: number;
  /** The id of the last approval of the page before. */
  readonly after?: string;
}

export interface ApprovalPage {
  /** Newest first. While there is a continuation, there may be fewer than `limit`, even none. */
  readonly approvals: readonly StoredApproval[];
  /** For `after` of the next page. Present if more may follow. */
  readonly continuation?: string;
}

/**
 * What became of a new record. `outrun`: another request of the same asker for the same subject was recorded first.
 * `full`: the asker has too many open requests. `often`: it has asked too often in this hour.
 */
export type Creation = 'created' | 'outrun' | 'full' | 'often';

/** The records of approvals. Every method throws BrokerError `storage_unavailable`. */
export interface ApprovalLog {
  find(id: string): Promise<StoredApproval | undefined>;
  /** The latest record for a digest. */
  current(digest: string): Promise<StoredApproval | undefined>;
  /**
   * Writes a new record, atomically.
   * @param replaces the id of the record that was the latest for its digest.
   * @param maxOpen how many open records one asker may have.
   * @param maxHourly how many it may make in an hour of the clock, closed ones too: each is a notice, whatever becomes of it.
   */
  create(approval: Approval, replaces: string | undefined, maxOpen: number, maxHourly: number): Promise<Creation>;
  /** Replaces a record. @returns false if it was changed or removed since it was read. */
  change(approval: Approval, version: string): Promise<boolean>;
  list(query: ApprovalQuery): Promise<ApprovalPage>;
  /** Records since a time that are open, or whose end is not in the audit log yet. */
  unsettled(sinceMs: number): AsyncIterable<StoredApproval>;
  /** Deletes the records of requests made before a time. @returns how many. */
  purge(beforeMs: number): Promise<number>;
}

/**
 * Repeats a change of a record while others write to it.
 * @param attempt returns undefined if somebody has written since it read.
 * @throws BrokerError storage_unavailable after eight attempts.
 */
export const whileOthersWrite = <T>(attempt: (number: number) => Promise<T | undefined>): Promise<T> =>
  untilWritten(8, attempt, () => {
    throw new BrokerError('storage_unavailable', 'Others write to the approval at the same time.');
  });

/** What approvals use of the durable platform. */
export type ApprovalOrchestrations = Pick<Orchestrations, 'start' | 'state' | 'raise'>;

/** Who requests or decides, and the log of that request. */
export interface ApprovalRequester {
  readonly caller: Caller;
  readonly correlationId: string;
  readonly log: Logger;
  readonly orchestrations: ApprovalOrchestrations;
}

/** Name of the orchestration. */
export const approvalOrchestrationName = 'approval';
/** Event that wakes it after a decision. */
export const decidedEventName = 'decided';

/** The instance of an approval. No run has such an id. */
export const approvalInstanceId = (id: string): string => `approval-${id}`;

/** A person or caller waits this long, at most, for the orchestration to be woken, in milliseconds. */
const longestWakeMs = 3_000;

/** Tells the orchestration of an approval that its record has changed. Never throws: it looks again later without this. */
export async function wake(
  clock: Clock,
  approvalId: string,
  { orchestrations, log }: Pick<ApprovalRequester, 'orchestrations' | 'log'>,
): Promise<void> {
  const raise = (): Promise<void> => orchestrations.raise(approvalInstanceId(approvalId), decidedEventName);
  try {
    await withDeadline(clock, longestWakeMs, raise);
  } catch (thrown) {
    log.log('warn', 'approval.not_woken', { approvalId, ...errorFields(thrown) });
  }
}

/** Input of the orchestration and its activities. */
export const approvalInputSchema = z.object({ approvalId: z.string() });

/** Result of the activity `settle-approval`. */
export const settledSchema = z.union([
  z.object({ settled: z.literal(true) }),
  z.object({ settled: z.literal(false), wakeAtMs: z.number() }),
]);
export type Settled = z.infer<typeof settledSchema>;
