import type { PolicyState, PolicyStore } from '../access/policy/policy-store.ts';
import type { AccessPolicy } from '../access/policy/policy.ts';
import type { RuleUse, UnusedRules } from '../access/policy/rule-use.ts';
import type { AuditEvidence, CheckpointState } from '../audit/evidence.ts';
import { type Clock, isoTime, minuteMs, withDeadline } from '../core/clock.ts';
import { BrokerError, toBrokerError } from '../core/errors.ts';
import { defined } from '../core/objects.ts';
import { KeptCopy } from '../core/kept-copy.ts';
import type { Logger } from '../core/log.ts';
import type { Credential } from '../core/secrets.ts';
import { defaultApplication } from '../core/identifiers.ts';
import type { MapOrigin } from '../judge/stored-map.ts';
import type { Notifications } from '../notices/open-notices.ts';
import type { TenantDirectory } from '../tenants/directory.ts';
import type { TokenBroker } from '../tokens/broker.ts';
import type { CachedCredentials } from '../tokens/credential/cached-credentials.ts';
import type { CredentialJournal, HealthStatus, JournalEntry } from '../tokens/credential/credential-journal.ts';
import type { Credentials } from '../tokens/credential/credentials.ts';
import { type CredentialHealth, judgeCredential } from './health.ts';
import { StateWatch } from './state-watch.ts';

/** Health of the checkpoints of the audit log. Without them tokens are issued all the same. */
interface CheckpointsHealth {
  readonly status: 'ok' | 'degraded';
  /** `off` if an operator has disabled their timer. Absent if it cannot be read. */
  readonly state?: CheckpointState['state'];
  readonly lastAt?: string;
  readonly problem?: string;
}

/** @param failure why the state cannot be read, in a sentence. */
function checkpointsPart(
  state: CheckpointState | undefined,
  failure: string | undefined,
  clock: Pick<Clock, 'nowMs'>,
): CheckpointsHealth {
  if (state === undefined) return defined({ status: 'degraded', problem: failure });
  const { state: name, lastAtMs, problem, hasForeign = false } = state;
  const facts = defined({ state: name, lastAt: lastAtMs === undefined ? undefined : isoTime(lastAtMs) });
  if (name === 'off') return { status: 'ok', ...facts };
  if (name === 'late') return { status: 'degraded', ...facts, problem: lateText(lastAtMs, problem, clock) };
  return hasForeign ? { status: 'degraded', ...facts, problem: foreignText } : { status: 'ok', ...facts };
}

const foreignText =
  'The container of the checkpoints has lines that the app did not write. They are passed over. Find out who wrote them, and keep a copy.';

function lateText(lastAtMs: number | undefined, problem: string | undefined, clock: Pick<Clock, 'nowMs'>): string {
  const age =
    lastAtMs === undefined
      ? 'No checkpoint of the audit log was written.'
      : `The last checkpoint of the audit log is ${Math.floor((clock.nowMs() - lastAtMs) / minuteMs)} minutes old.`;
  const why =
    problem ?? 'Check that the timer `checkpoint-audit` runs, and its event `audit.checkpoint_failed` in the log.';
  return `${age} ${why} Records since then are not signed; tokens are issued all the same.`;
}

/** How long a report is cached, because anyone can call the route. */
const reportLifeMs = 15_000;
/** Maximum wait for one read during a report. */
const readTimeoutMs = 5_000;

/** The health of one part of the broker. */
interface PartHealth {
  readonly status: HealthStatus;
  readonly problem?: string;
}

/** Answer of the health route. Times are ISO 8601. */
export interface HealthReport {
  readonly status: HealthStatus;
  readonly checkedAt: string;
  readonly applications: readonly CredentialHealth[];
  readonly policy: PartHealth & {
    readonly state: PolicyState['state'];
    readonly rules: number;
    /** Rules that nobody used since a day at most 90 days ago. Absent before any use was noted. */
    readonly unused?: { readonly rules: number; readonly since: string };
  };
  readonly storage: PartHealth;
  readonly keyVault: PartHealth & { readonly lastReadAt?: string };
  /** Delivery of notices. `ok` if no target is configured. */
  readonly notifications: PartHealth;
  /** The domains in TENANTS_INCLUDE and TENANTS_EXCLUDE, as this instance last resolved them. */
  readonly tenants: PartHealth;
  /** The map by which requests to Microsoft Graph are judged. Only `status` and `problem` if it cannot be read. */
  readonly permissionMap: PartHealth & Partial<MapOrigin> & { readonly permissions?: number };
  readonly auditCheckpoints: CheckpointsHealth;
  /** Whether the environment has misspelt settings, or some of earlier versions. */
  readonly settings: PartHealth;
}

/** The outcome of one check of an application. */
interface ApplicationCheck {
  readonly health: CredentialHealth;
  readonly readFailure: BrokerError | undefined;
  readonly readAtMs: number | undefined;
  readonly journalFailure: BrokerError | undefined;
}

interface Attempted<T> {
  readonly value?: T;
  readonly failure?: BrokerError;
}

/** What a report says about the permission map in force. */
interface MapFacts {
  readonly map: { readonly permissions: readonly string[] };
  /** Undefined for the table in the project. */
  readonly origin: MapOrigin | undefined;
  readonly problem?: string;
}

export interface HealthReporterDeps {
  readonly credentials: CachedCredentials;
  /** Returns why the broker considers an application's credential dead; undefined if it does not. */
  readonly credentialFailure: (application: string) => BrokerError | undefined;
  readonly journal: CredentialJournal;
  readonly policy: PolicyStore;
  readonly ruleUse: Pick<RuleUse, 'unused'>;
  readonly watch: StateWatch;
  /** Says what keeps notices from arriving, one sentence each. */
  readonly notifications: { problems(): Promise<readonly string[]> };
  readonly directory: Pick<TenantDirectory, 'settingsWarnings'>;
  /** Reads the permission map in force. */
  readonly permissionMap: { inForce(): Promise<MapFacts> };
  readonly evidence: Pick<AuditEvidence, 'state'>;
  /** What `unknownSettings` says. */
  readonly unknownSettings: readonly string[];
  /** Says which tables and containers somebody has deleted, one sentence each. */
  readonly storage: { deletions(): readonly string[] };
  readonly clock: Clock;
}

/**
 * Reports the health of the broker from cached state. A report causes no extra request to Entra or Key Vault. Reports
 * are cached for 15 seconds.
 */
export class HealthReporter {
  readonly #deps: HealthReporterDeps;
  readonly #copy: KeptCopy<HealthReport>;

  constructor(deps: HealthReporterDeps) {
    this.#deps = deps;
    this.#copy = new KeptCopy(deps, {
      freshMs: () => reportLifeMs,
      usableMs: Number.POSITIVE_INFINITY,
      outlives: () => false,
      pauseMs: () => 0,
    });
  }

  /** Returns the current report. Never throws: a part that cannot be read is reported as `degraded` or `down`. */
  async report(): Promise<HealthReport> {
    return (await this.#copy.get(() => this.#check())).value;
  }

  async #check(): Promise<HealthReport> {
    const { policy, clock } = this.#deps;
    const mapRead = this.#attempt('storage_unavailable', () => this.#deps.permissionMap.inForce());
    const noticesRead = this.#attempt('storage_unavailable', () => this.#deps.notifications.problems());
    const checkpointsRead = this.#attempt('storage_unavailable', () => this.#deps.evidence.state());
    const policyState = await policy.current();
    const useRead = this.#attempt('storage_unavailable', () => this.#deps.ruleUse.unused(policyState.policy));
    const checks: ApplicationCheck[] = [];
    for (const [application, needsRefreshToken] of applicationsInUse(policyState.policy)) {
      checks.push(await this.#checkApplication(application, needsRefreshToken));
    }
    const notices = await noticesRead;
    const checkpoints = await checkpointsRead;
    const parts = {
      applications: checks.map(({ health }) => health),
      policy: policyPart(policyState, (await useRead).value),
      storage: storagePart(checks, this.#deps.storage.deletions()),
      keyVault: keyVaultPart(checks),
      notifications: warningsPart(notices.value ?? (notices.failure === undefined ? [] : [notices.failure.detail])),
      tenants: warningsPart(this.#deps.directory.settingsWarnings()),
      permissionMap: mapPart(await mapRead),
      auditCheckpoints: checkpointsPart(checkpoints.value, checkpoints.failure?.detail, clock),
      settings: warningsPart(this.#deps.unknownSettings),
    };
    return { status: overall(parts), checkedAt: isoTime(clock.nowMs()), ...parts };
  }

  async #checkApplication(application: string, needsRefreshToken: boolean): Promise<ApplicationCheck> {
    const { credentials, journal, watch, clock, credentialFailure } = this.#deps;
    const [read, journalled] = await Promise.all([
      this.#attempt<Credential>('key_vault_unavailable', () => credentials.get(application)),
      this.#attempt<JournalEntry>('storage_unavailable', () => journal.read(application)),
    ]);
    const entry = journalled.value ?? {};
    const lastRead = credentials.lastRead(application);
    const readFailure = read.failure ?? lastRead?.failure;
    const dead = credentialFailure(application);
    const facts = { application, needsRefreshToken, credential: read.value, readFailure, dead, journal: entry };
    const health = judgeCredential(facts, clock.nowMs());
    await watch.observe(health, entry.state);
    return { health, readFailure, readAtMs: lastRead?.atMs, journalFailure: journalled.failure };
  }

  async #attempt<T>(
    code: 'key_vault_unavailable' | 'storage_unavailable',
    work: () => Promise<T>,
  ): Promise<Attempted<T>> {
    try {
      return { value: await withDeadline(this.#deps.clock, readTimeoutMs, work) };
    } catch (thrown) {
      const failure = toBrokerError(thrown);
      if (failure.code !== 'internal') return { failure };
      return { failure: new BrokerError(code, 'There was no answer in time.', { cause: thrown }) };
    }
  }
}

/**
 * Returns the applications that policy rules name, each with whether it needs a refresh token. The default application
 * is always included and always needs one.
 */
export function applicationsInUse(policy: AccessPolicy): ReadonlyMap<string, boolean> {
  const inUse = new Map([[defaultApplication, true]]);
  for (const { application, grants } of policy.rules) {
    inUse.set(application, (inUse.get(application) ?? false) || grants.has('delegated'));
  }
  return inUse;
}

/** Storage failures mean `down`: no token is issued without an audit record, which needs storage. */
function storagePart(checks: readonly ApplicationCheck[], deletions: readonly string[]): PartHealth {
  const failure = checks.find(({ journalFailure }) => journalFailure !== undefined)?.journalFailure;
  return failure === undefined ? warningsPart(deletions) : partOf('down', failure.detail);
}

/** A part with a problem has this status. */
const partOf = (status: HealthStatus, problem: string | undefined): PartHealth =>
  problem === undefined ? { status: 'ok' } : { status, problem };

/** Ignores failures that concern one application, such as one that is not set up: the vault itself works. */
function keyVaultPart(checks: readonly ApplicationCheck[]): HealthReport['keyVault'] {
  const failure = checks.find(({ readFailure }) => readFailure?.code === 'key_vault_unavailable')?.readFailure;
  const lastReadAtMs = Math.max(...checks.map(({ readAtMs = Number.NEGATIVE_INFINITY }) => readAtMs));
  const lastReadAt = Number.isFinite(lastReadAtMs) ? isoTime(lastReadAtMs) : undefined;
  return { ...partOf('degraded', failure?.detail), ...defined({ lastReadAt }) };
}

const warningsPart = (warnings: readonly string[]): PartHealth =>
  partOf('degraded', warnings.length === 0 ? undefined : warnings.join(' '));

function mapPart({ value, failure }: Attempted<MapFacts>): HealthReport['permissionMap'] {
  if (value === undefined) return defined({ status: 'degraded', problem: failure?.detail });
  const { map, origin, problem } = value;
  return { ...partOf('degraded', problem), source: 'built-in', ...origin, permissions: map.permissions.length };
}

function policyPart({ state, policy, problem }: PolicyState, unused: UnusedRules | undefined): HealthReport['policy'] {
  const status = state === 'current' ? 'ok' : 'degraded';
  const use = unused && { rules: unused.rules.length, since: isoTime(unused.sinceMs) };
  return defined({ status, state, rules: policy.rules.length, unused: use, problem });
}

/**
 * `down` if no token can be issued at all; `degraded` if only some applications are down or another part has a problem.
 */
function overall({ applications, ...parts }: Omit<HealthReport, 'status' | 'checkedAt'>): HealthStatus {
  const states = applications.map(({ state }) => state.status);
  if (parts.storage.status === 'down' || states.every((status) => status === 'down')) return 'down';
  const all = [...states, ...Object.values(parts).map(({ status }) => status)];
  return all.every((status) => status === 'ok') ? 'ok' : 'degraded';
}

interface HealthDeps
  extends Pick<
    HealthReporterDeps,
    'policy' | 'ruleUse' | 'directory' | 'permissionMap' | 'evidence' | 'unknownSettings' | 'storage' | 'clock'
  > {
  readonly credentials: Credentials;
  readonly notifications: Notifications;
  readonly broker: Pick<TokenBroker, 'credentialFailure' | 'recover'>;
  readonly log: Logger;
}

export function createHealth({ credentials: { cached, journal }, broker, ...deps }: HealthDeps): HealthReporter {
  return new HealthReporter({
    ...deps,
    credentials: cached,
    credentialFailure: (application) => {
      // A health request also probes a credential that was declared dead.
      void broker.recover(application);
      return broker.credentialFailure(application);
    },
    journal,
    watch: new StateWatch({ ...deps, journal, notifier: deps.notifications.notifier }),
  });
}
