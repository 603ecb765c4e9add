import type { RequestedTenants } from '../../access/tenants/selected-tenants.ts';
import type { Actor, Caller } from '../../core/caller.ts';
import { BrokerError, type ErrorCode } from '../../core/errors.ts';
import { parseTenantId, type TenantId } from '../../core/identifiers.ts';
import type { ParameterValues } from '../../core/parameters.ts';
import type { TenantNumbers } from '../history/tenant-numbers.ts';
import type { RowText } from '../job/row.ts';
import type { TenantTrace } from '../job/tenant-trace.ts';

/** Identifies one run: `job@window`. It is also the orchestration's instance id, so a window has at most one run. */
export type RunId = string;

/**
 * Durable storage providers accept ids of up to 100 ASCII characters. This leaves room for the suffix of batches, whose
 * ids are `{runId}:r1:b0`. No window ends like that, so that no run has the id of another run's batch.
 */
export const windowPattern = /^(?!.*:[rR]\d+:[bB]\d+$)[A-Za-z0-9][A-Za-z0-9:._-]{0,45}$/;
/** The rule of {@link windowPattern}, as the end of a sentence about a window. */
export const windowRule =
  '1 to 46 letters, digits and ":._-", starts with a letter or digit, and does not end like ":r1:b0"';
/** Also accepts windows that older builds accepted. */
const runIdPattern = /^([a-z][a-z0-9-]{0,39})@([A-Za-z0-9][A-Za-z0-9:._-]{0,45})$/;

/** The window of a scheduled run is its UTC minute: `2026-11-24T05:00Z`. */
export const scheduledWindow = (scheduledAtMs: number): string =>
  `${new Date(scheduledAtMs).toISOString().slice(0, 16)}Z`;

/** Whether a window has the form reserved for timers. */
export const isScheduledWindow = (window: string): boolean => /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}Z$/i.test(window);

/** The window of a run that a caller requested. Unique for a unique id. */
export const manualWindow = (uniqueId: string): string => `manual-${uniqueId}`;

/** @throws BrokerError request_invalid for a window that cannot be part of a run id. */
export function runIdOf(job: string, window: string): RunId {
  if (windowPattern.test(window)) return `${job}@${window}`;
  throw new BrokerError('request_invalid', `A window is ${windowRule}.`);
}

/** Splits a run id into its parts; undefined if `value` is not a run id. */
export function parseRunId(value: string): { readonly job: string; readonly window: string } | undefined {
  const [, job, window] = runIdPattern.exec(value) ?? [];
  return job === undefined || window === undefined ? undefined : { job, window };
}

export const runStatuses = ['pending', 'running', 'completed', 'failed', 'cancelled'] as const;
/** `completed`: every tenant was attempted, whatever the outcome. `failed`: the run as a whole could not continue. */
export type RunStatus = (typeof runStatuses)[number];

export const isEnded = (status: RunStatus): boolean => status !== 'pending' && status !== 'running';

/** `retrying`: failed transiently; a later round tries again. The other outcomes are final. */
export const tenantOutcomes = ['succeeded', 'failed', 'skipped', 'retrying'] as const;
export type TenantOutcome = (typeof tenantOutcomes)[number];

/** Longest Retry-After that a run waits for, in seconds. Beyond it the next scheduled run tries again. */
export const longestRetryAfterSeconds = 900;

/** The name under which queries run. No job has it. */
export const queryJob = 'query';

/** Who asked for a query, as the token proved at the start. The rules for this caller decide about each request. */
export interface Asker extends Caller {
  /** What the program called itself (`User-Agent`). */
  readonly client?: string | undefined;
  /** Of the request that started the query. The audit entries of its requests have it too. Absent in earlier versions. */
  readonly correlationId?: string | undefined;
}

/** How many tenants may end badly before an apply stops. The first wave allows no failure. */
export interface StopLimits {
  /** Tenants in which a change was refused or put back, or that could not be reached. */
  readonly failed: number;
  /** Tenants in which it is not known whether a change was made. */
  readonly unclear: number;
}

/** Tenants of an apply that ended badly. */
export interface BadTenants extends StopLimits {
  /** Those in which Microsoft accepted a change that does not show. In the first wave they count as unclear. */
  readonly unconfirmed: number;
}

/** Carries a plan out. */
export interface ApplyRequest {
  readonly kind: 'apply';
  /** The run whose rows are the changes. */
  readonly plan: RunId;
  /** Digest of the plan: what the policy and people allowed. */
  readonly digest: string;
  /** Tenants in each wave, as many of the request's tenants in their order. */
  readonly waves: readonly number[];
  /** What named the tenants of each wave: a share, a group, a tag or a tenant. Absent in earlier versions. */
  readonly waveNames?: readonly string[] | undefined;
  readonly stop: StopLimits;
  /** How long a wave is left alone before it is read again and the next one begins. */
  readonly pauseMinutes: number;
  /** Whether a person must go on after each wave. */
  readonly confirmWaves: boolean;
  /** No tenant is begun later. */
  readonly expiresAtMs: number;
  readonly approvalId?: string | undefined;
  /** Digests of the rules, with their conditions, under which it was allowed. Another rule, or a changed one, opens nothing. */
  readonly rules: readonly string[];
}

/** What a run of a change job does. Absent: it makes a plan. */
export type ChangeRequest =
  | ApplyRequest
  /** Makes a plan that takes back what an apply did. */
  | { readonly kind: 'undo'; readonly apply: RunId };

/** The window of the one run that applies a plan. @param digest of the plan's id. */
export const applyWindow = (digest: string): string => `apply-${digest.slice(0, 32)}`;

/** Whether a window has the form reserved for {@link applyWindow}. */
export const isApplyWindow = (window: string): boolean => /^apply-[\da-f]{32}$/i.test(window);

/** Why an apply begins no further tenant until a person goes on or ends it. */
export interface Hold extends RunStop {
  readonly id: string;
  readonly atMs: number;
}

/** What a person has seen before the apply went on. */
export interface GoneOn {
  /** The hold that it ended. */
  readonly hold?: string | undefined;
  /** From 1: the last wave after which the apply may go on. */
  readonly wave: number;
  /** Tenants that had ended badly by then. They do not stop the apply again. */
  readonly bad: BadTenants;
  readonly by: string;
  /** Who let it go on after each wave and hold, the newest if there are many. Absent: nobody did, or an earlier version recorded it. */
  readonly gates?: readonly Gate[] | undefined;
}

/** The end of a wave, or a hold in it, after which a person let the apply go on. */
interface Gate {
  /** From 1. */
  readonly wave: number;
  readonly atMs: number;
  /** The name of the caller, or the application id of one without a name. */
  readonly by: string;
  /** Why, if the person said so. */
  readonly reason?: string | undefined;
  /** Why it was held. Absent: it waited after the wave. */
  readonly held?: string | undefined;
}

/** Where an apply is. */
export interface WaveProgress {
  /** From 1. */
  readonly wave: number;
  /** When its last change was sent and read. Absent: it is under way. */
  readonly endedAtMs?: number | undefined;
  /** Set while a person must go on. */
  readonly waits?: true | undefined;
  /** Set for the last wave. */
  readonly isLast?: true | undefined;
}

/** The request that starts a run. */
export interface RunRequest {
  /** Tenant ids; absent: all delegated tenants. */
  readonly tenants?: readonly TenantId[] | undefined;
  /** Limits these tenants further. Resolved when the run is planned. */
  readonly choice?: RequestedTenants | undefined;
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Of a query, and of an apply: who asked for it. */
  readonly asker?: Asker | undefined;
  readonly change?: ChangeRequest | undefined;
}

export const scopeOf = ({ tenants, choice }: RunRequest): Run['scope'] =>
  tenants === undefined && choice === undefined ? 'all' : 'selected';

/** Why a run ended early: a failure that affects every tenant. */
export interface RunStop {
  readonly code: ErrorCode;
  readonly detail: string;
}

export interface TenantCounts {
  readonly total: number;
  readonly succeeded: number;
  readonly failed: number;
  /** Excluded by configuration, or without a licence for the job's service. */
  readonly skipped: number;
  /** Not attempted because the run was stopped or cancelled. */
  readonly notAttempted: number;
}

/** The record of a run. */
export interface Run {
  readonly runId: RunId;
  readonly job: string;
  readonly window: string;
  readonly status: RunStatus;
  /** `timer`, or the application id of the caller. */
  readonly startedBy: string;
  /** Who acted through the application. Absent for a timer, and in a record of an earlier version. */
  readonly starter?: Actor | undefined;
  /**
   * Of the request that started the run, in the logs and in the audit entry if a tool of an agent sent it. Absent for a timer,
   * and in a record of an earlier version.
   */
  readonly correlationId?: string | undefined;
  readonly createdAtMs: number;
  /** `selected`: only requested tenants. Comparisons ignore such runs. */
  readonly scope: 'all' | 'selected';
  readonly startedAtMs?: number | undefined;
  readonly finishedAtMs?: number | undefined;
  /** Final once the run has ended. While the run is active only `total` is valid. */
  readonly tenants: TenantCounts;
  readonly stoppedBy?: RunStop | undefined;
  readonly cancelRequestedAtMs?: number | undefined;
  /** What was missing or outdated in the tenant list that the plan was made from. */
  readonly warnings?: readonly string[] | undefined;
  /** With the defaults that were applied. Only `RunLog.find` returns them. Absent in a record of an earlier version. */
  readonly parameters?: ParameterValues | undefined;
  /**
   * The tenants as the caller asked for them. Only `RunLog.find` returns them. Absent if nothing limits the run, for a rerun,
   * if the text is too long to show, and in a record of an earlier version.
   */
  readonly asked?: RequestedTenants | undefined;
  /** Tells requests with one Idempotency-Key apart. Only `RunLog.find` returns it. Absent if the request had no key. */
  readonly requestDigest?: string | undefined;
  /** Path and query of the request that a query sends in each tenant. Absent for a job. */
  readonly query?: string | undefined;
  /** SHA-256 of the stored plan. A plan with another digest is not used. */
  readonly planDigest?: string | undefined;
  /** Of an apply. In force unless `goneOn` names it. Only `RunLog.find` returns these three. */
  readonly hold?: Hold | undefined;
  readonly goneOn?: GoneOn | undefined;
  readonly wave?: WaveProgress | undefined;
}

/** The record of one tenant in a run. */
export interface TenantRun {
  readonly tenantId: TenantId;
  readonly name: string;
  readonly outcome: TenantOutcome;
  readonly code?: ErrorCode | undefined;
  readonly detail?: string | undefined;
  /** The round that produced the record, from 1. Later rounds retry transient failures. 0: decided without an attempt. */
  readonly round: number;
  /** Number of attempts, if different from `round`: a record that closes an open tenant has a higher round. */
  readonly attempts?: number | undefined;
  readonly rows: number;
  /** Set if Microsoft Graph has more rows than these. `detail` says why they are missing. */
  readonly more?: true | undefined;
  /** Name of the stored rows of the valid attempt; absent without rows. */
  readonly rowsName?: string | undefined;
  /**
   * The leaf of this tenant in the digest of a plan: SHA-256 of its stored rows, and after a point a random text, which no
   * extract has. Earlier versions wrote no random text.
   */
  readonly rowsDigest?: string | undefined;
  readonly columns: readonly string[];
  /** Of the rows, for the history. Lists leave them out. Absent without rows, and for a query. */
  readonly numbers?: TenantNumbers | undefined;
  /** With `retrying`: the peer's Retry-After, in seconds after `finishedAtMs`. */
  readonly retryAfterSeconds?: number | undefined;
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  /** What the job logged and threw. Only `RunLog.findTenant` returns it. */
  readonly trace?: TenantTrace | undefined;
}

/** A record to be stored. */
export interface NewTenantRun extends TenantRun {
  /** The rows, if they are short: {@link shortRowsName}. No read of records returns them. */
  readonly rowsText?: string | undefined;
}

/**
 * The name of rows that are so short that the record of their tenant has them, which saves a request to write them.
 * @param attempt unique.
 */
export const shortRowsName = (tenantId: TenantId, attempt: string): string => `${tenantId}.${inRecord}${attempt}`;
const inRecord = 'record-';

/**
 * Longest rows that a record has, in bytes. A property may have 32,768 characters ("Understanding the Table service data
 * model", Azure Table storage).
 */
const shortRowsBytes = 30_000;

export const areShort = (rows: RowText): boolean => Buffer.byteLength(rows) <= shortRowsBytes;

/** The tenant whose record has the rows. Undefined: they are stored apart. */
export function tenantOfShortRows(rowsName: string): TenantId | undefined {
  const [tenantId, attempt = ''] = rowsName.split('.');
  return attempt.startsWith(inRecord) ? parseTenantId(tenantId) : undefined;
}

/** The short rows of a tenant, as its record has them. */
export interface ShortRows {
  readonly rowsName: string;
  /** JSON Lines. */
  readonly rowsText: string;
}

/** A record that was read. */
export interface StoredTenantRun extends TenantRun {
  /** Names what was read, so that nothing else is replaced. */
  readonly version?: string | undefined;
}

/** A tenant that the run will attempt. */
export interface PlannedTenant {
  readonly tenantId: TenantId;
  readonly name: string;
  readonly defaultDomain?: string | undefined;
  /** In an apply: the wave, from 1, and the rows of the plan that are carried out. */
  readonly wave?: number | undefined;
  readonly planned?: Pick<TenantRun, 'rowsName' | 'rowsDigest'> | undefined;
}

/** The plan of a run, fixed before the first tenant. Activities refer to a tenant by its index in `attempt`. */
export interface RunPlan {
  readonly job: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Of a query, and of an apply. */
  readonly asker?: Asker | undefined;
  readonly change?: ChangeRequest | undefined;
  readonly attempt: readonly PlannedTenant[];
  /** Unreachable and excluded tenants: decided without an attempt. */
  readonly decided: readonly TenantRun[];
  /** Warnings of the tenant list that the plan was made from. */
  readonly warnings?: readonly string[] | undefined;
}

/** A run as far as its plan is concerned. */
export type PlannedRun = Pick<Run, 'runId' | 'planDigest'>;

/** A plan as it is stored. */
export interface StoredPlan extends RunPlan {
  /** SHA-256 of the stored text, in hexadecimal. */
  readonly digest: string;
}

/** The fields of a run's record that may change. */
export type RunChange = Partial<
  Pick<
    Run,
    | 'status'
    | 'startedAtMs'
    | 'finishedAtMs'
    | 'tenants'
    | 'stoppedBy'
    | 'cancelRequestedAtMs'
    | 'warnings'
    | 'planDigest'
    | 'hold'
    | 'goneOn'
    | 'wave'
  >
>;

/** Number of tenants per outcome. */
export type OutcomeCounts = Readonly<Record<TenantOutcome, number>>;

export interface RunFilter {
  readonly job?: string;
  /** Only runs that are pending or running. */
  readonly active?: boolean;
  /** Only runs that this person or service principal started through this application. */
  readonly starter?: Pick<Caller, 'applicationId' | 'objectId'>;
  readonly createdBeforeMs?: number;
  readonly limit: number;
}

/** What is known of a run before it starts. */
export type NewRun = Pick<
  Run,
  | 'runId'
  | 'job'
  | 'window'
  | 'startedBy'
  | 'starter'
  | 'correlationId'
  | 'createdAtMs'
  | 'asked'
  | 'query'
  | 'requestDigest'
>;

/** Stores the records of runs and their tenants. Every method throws BrokerError `storage_unavailable`. */
export interface RunLog {
  /** Creates the run's record atomically: only one start per window succeeds. @returns false if the record exists. */
  create(run: NewRun, request: RunRequest): Promise<boolean>;
  find(runId: RunId): Promise<Run | undefined>;
  /** The request that started the run. */
  request(runId: RunId): Promise<RunRequest | undefined>;
  /** Newest first. */
  list(filter: RunFilter): Promise<readonly Run[]>;
  /** All runs, in the order of the storage. A run that is created meanwhile may be missing. */
  runs(filter: Omit<RunFilter, 'limit'>): AsyncIterable<Run>;
  change(runId: RunId, change: RunChange): Promise<void>;
  /**
   * Changes the record as it is then, whatever others write at the same time.
   * @param decide undefined: nothing is changed. Called again if somebody else has written.
   * @returns what was decided last. Undefined, too, if there is no record.
   */
  changeBy(runId: RunId, decide: (run: Run) => RunChange | undefined): Promise<RunChange | undefined>;
  /** Deletes the tenants' records, then the run's record. Idempotent. */
  remove(runId: RunId): Promise<void>;

  /**
   * Writes a record unless one of the same or a later round exists.
   * @param replaced the record that the tenant has, if it is known to have one.
   * @returns the record that is now stored.
   */
  recordTenant(runId: RunId, record: NewTenantRun, replaced?: StoredTenantRun): Promise<TenantRun>;
  /** Writes many records in batches. Idempotent. */
  recordTenants(runId: RunId, records: readonly NewTenantRun[]): Promise<void>;
  /** Undefined: the record of the tenant has no rows, or there is none. */
  shortRows(runId: RunId, tenantId: TenantId): Promise<ShortRows | undefined>;
  /** The short rows of all tenants, in any order. */
  allShortRows(runId: RunId): AsyncIterable<ShortRows>;
  /** The record with its trace. */
  findTenant(runId: RunId, tenantId: TenantId): Promise<TenantRun | undefined>;
  /** The record without its trace, which is most of what is stored. */
  findOutcome(runId: RunId, tenantId: TenantId): Promise<TenantRun | undefined>;
  /** The records of these tenants without their traces, in any order. A tenant without a record has none. */
  findOutcomes(runId: RunId, tenantIds: readonly TenantId[]): Promise<readonly StoredTenantRun[]>;
  /** The records without their traces. */
  tenants(runId: RunId, outcome?: TenantOutcome): AsyncIterable<TenantRun>;
  countTenants(runId: RunId): Promise<OutcomeCounts>;
  /** What the history keeps of each tenant. */
  numbers(runId: RunId): AsyncIterable<Pick<TenantRun, 'tenantId' | 'outcome' | 'rows' | 'numbers'>>;
}

/** Formats of the rows of a run. */
export const exportFormats = ['json', 'jsonl', 'csv'] as const;
export type ExportFormat = (typeof exportFormats)[number];

/** Formats of the exports that are stored when a run ends. */
export type StoredFormat = Exclude<ExportFormat, 'json'>;

/** Largest `limit` of `GET /api/runs/{runId}/results`. Clients that want all rows send it. */
export const maxPageRows = 50_000;

/** A small text of a run that changes. */
export interface StoredDocument {
  readonly text: string;
  readonly version: string;
}

/** Stores the large parts of a run: its plan, its rows and its exports. Throws the same errors as RunLog. */
export interface RunResults {
  /** Stores the plan unless one exists. @returns the stored plan. */
  putPlan(runId: RunId, plan: RunPlan): Promise<StoredPlan>;
  /**
   * @returns undefined if the run has no plan.
   * @throws BrokerError plan_changed if the plan is not the one whose digest the run's record has.
   */
  plan(run: PlannedRun): Promise<StoredPlan | undefined>;
  /**
   * Stores rows apart from the record of their tenant.
   * @param rowsName unique per attempt. If attempts overlap, the tenant's record names the valid rows.
   */
  putRows(runId: RunId, rowsName: string, jsonLines: RowText): Promise<void>;
  /**
   * Yields the stored JSON Lines in chunks of any size.
   * @param fromByte where to start. Beyond the end there is nothing.
   */
  rows(runId: RunId, rowsName: string, fromByte?: number): AsyncIterable<string>;
  /** Stores an export, compressed, in bounded memory. It replaces an earlier one when it is whole, and never before. */
  putExport(runId: RunId, format: StoredFormat, text: AsyncIterable<string>): Promise<void>;
  /** Yields the text of a stored export in chunks of any size. */
  export(runId: RunId, format: StoredFormat): AsyncIterable<string>;
  /**
   * Counts durably that work begins, because the process may end in it.
   * @param work 1 to 60 letters, digits and hyphens, unique in the run.
   * @returns how often it has begun since it last ended. More than that if a reply of storage was lost.
   */
  countStart(runId: RunId, work: string): Promise<number>;
  /** Forgets the starts of work that has ended, with whatever outcome. */
  endWork(runId: RunId, work: string): Promise<void>;
  /** The work that has begun and not ended: it is under way, or the process ended in it. */
  openWork(runId: RunId): Promise<ReadonlySet<string>>;
  /** Reads a document of the run. @returns undefined if it does not exist. */
  document(runId: RunId, name: string): Promise<StoredDocument | undefined>;
  /**
   * Writes a document, if it is still the version that was read.
   * @param version undefined: it must not exist.
   * @returns the new version. Undefined if it was written since, perhaps by this call: storage repeats a write whose reply was lost.
   */
  putDocument(runId: RunId, name: string, text: string, version: string | undefined): Promise<string | undefined>;
  /** Deletes all blobs of the run. */
  remove(runId: RunId): Promise<void>;
}
