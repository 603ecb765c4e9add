import type { AccessPolicy } from '../callers/policy.ts';
import type { PolicyState, PolicyStore } from '../callers/policy-store.ts';
import { type Clock, isoTime } from '../runtime/clock.ts';
import { withDeadline } from '../runtime/deadline.ts';
import { BrokerError, toBrokerError } from '../model/errors.ts';
import { KeptCopy } from '../runtime/kept-copy.ts';
import type { CachedCredentials } from '../credential/cached-credentials.ts';
import type { CredentialJournal, HealthStatus, JournalEntry } from '../credential/credential-journal.ts';
import { type Credential, defaultApplication } from '../model/credential.ts';
import { type CredentialHealth, judgeCredential } from './health.ts';
import type { StateWatch } from './state-watch.ts';

/** How long a report is returned again: the route is open to all. */
const reportLifeMs = 15_000;
/** Longest wait for one part of a report. */
const lookMs = 5_000;

interface Part {
  readonly status: HealthStatus;
  readonly problem?: string;
}

export interface HealthReport {
  readonly status: HealthStatus;
  readonly checkedAt: string;
  readonly applications: readonly CredentialHealth[];
  readonly policy: Part & { readonly state: PolicyState['state']; readonly rules: number };
  readonly storage: Part;
  readonly keyVault: Part & { readonly lastReadAt?: string };
  /** Notices to a chat; ok if none are configured. */
  readonly notifications: Part;
}

/** The outcome of one look at an application. */
interface Look {
  readonly health: CredentialHealth;
  readonly readFailure: BrokerError | undefined;
  readonly readAtMs: number | undefined;
  readonly journalFailure: BrokerError | undefined;
}

export interface HealthReporterDeps {
  readonly credentials: CachedCredentials;
  /** Why the broker considers an application's credential dead. */
  readonly credentialFailure: (application: string) => BrokerError | undefined;
  readonly journal: CredentialJournal;
  readonly policy: PolicyStore;
  readonly watch: StateWatch;
  /** Why no notice can be sent, although the settings ask for them. */
  readonly notificationProblem: BrokerError | undefined;
  readonly clock: Clock;
}

/**
 * Reports the health of the broker from what it knows already: a report costs no extra request to Entra or Key Vault.
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

  /** Never throws: a part that cannot be checked is reported as such. */
  async report(): Promise<HealthReport> {
    return (await this.#copy.get(() => this.#look())).value;
  }

  async #look(): Promise<HealthReport> {
    const { policy, clock } = this.#deps;
    const policyState = await policy.current();
    const looks: Look[] = [];
    for (const [application, needsRefreshToken] of applicationsInUse(policyState.policy)) {
      looks.push(await this.#lookAt(application, needsRefreshToken));
    }
    const parts = {
      applications: looks.map(({ health }) => health),
      policy: policyPart(policyState),
      storage: storagePart(looks),
      keyVault: keyVaultPart(looks),
      notifications: notificationsPart(this.#deps.notificationProblem),
    };
    return { status: overall(parts), checkedAt: isoTime(clock.nowMs()), ...parts };
  }

  async #lookAt(application: string, needsRefreshToken: boolean): Promise<Look> {
    const { credentials, journal, watch, clock, credentialFailure } = this.#deps;
    const [read, journalled] = await Promise.all([
      this.#attempt<Credential>('key_vault_unavailable', () => credentials.get(application)),
      this.#attempt<JournalEntry>('storage_unavailable', () => journal.read(application)),
    ]);
    const entry = journalled.value ?? {};
    const lastRead = credentials.lastRead(application);
    const readFailure = read.failure ?? lastRead?.failure;
    const health = judgeCredential(
      {
        application,
        needsRefreshToken,
        credential: read.value,
        readFailure,
        dead: credentialFailure(application),
        journal: entry,
      },
      clock.nowMs(),
    );
    await watch.observe(health, entry.state);
    return { health, readFailure, readAtMs: lastRead?.atMs, journalFailure: journalled.failure };
  }

  async #attempt<T>(
    code: 'key_vault_unavailable' | 'storage_unavailable',
    work: () => Promise<T>,
  ): Promise<{ readonly value?: T; readonly failure?: BrokerError }> {
    try {
      return { value: await withDeadline(this.#deps.clock, lookMs, work) };
    } catch (thrown) {
      const error = toBrokerError(thrown);
      return {
        failure:
          error.code === 'internal' ? new BrokerError(code, 'No answer came in time.', { cause: thrown }) : error,
      };
    }
  }
}

/** The applications that rules name, and whether they need a refresh token. The default application always does. */
export function applicationsInUse(policy: AccessPolicy): ReadonlyMap<string, boolean> {
  const inUse = new Map([[defaultApplication, true]]);
  for (const { application, grants } of policy.rules) {
    inUse.set(application, (inUse.get(application) ?? false) || grants.has('delegated'));
  }
  return inUse;
}

/** Without storage there are no audit records, and without audit records no tokens. */
function storagePart(looks: readonly Look[]): Part {
  const failure = looks.find(({ journalFailure }) => journalFailure !== undefined)?.journalFailure;
  return failure === undefined ? { status: 'ok' } : { status: 'down', problem: failure.detail };
}

/** An application that is not set up, or set up wrongly, is no problem of the vault. */
function keyVaultPart(looks: readonly Look[]): HealthReport['keyVault'] {
  const failure = looks.find(({ readFailure }) => readFailure?.code === 'key_vault_unavailable')?.readFailure;
  const lastReadAtMs = Math.max(...looks.map(({ readAtMs = Number.NEGATIVE_INFINITY }) => readAtMs));
  return {
    ...(failure === undefined ? { status: 'ok' } : { status: 'degraded', problem: failure.detail }),
    ...(Number.isFinite(lastReadAtMs) ? { lastReadAt: isoTime(lastReadAtMs) } : {}),
  };
}

function notificationsPart(failure: BrokerError | undefined): Part {
  if (failure === undefined) return { status: 'ok' };
  const problem = `${failure.detail} No notice reaches anybody until that is corrected and the app restarted.`;
  return { status: 'degraded', problem };
}

function policyPart({ state, policy, problem }: PolicyState): HealthReport['policy'] {
  const status = state === 'current' ? 'ok' : 'degraded';
  return { status, state, rules: policy.rules.length, ...(problem === undefined ? {} : { problem }) };
}

/** `down`: no token can be issued at all. If only some of the applications are down, the broker is degraded. */
function overall({
  applications,
  policy,
  storage,
  keyVault,
  notifications,
}: Omit<HealthReport, 'status' | 'checkedAt'>): HealthStatus {
  const states = applications.map(({ state }) => state.status);
  if (storage.status === 'down' || states.every((status) => status === 'down')) return 'down';
  return [...states, policy.status, keyVault.status, notifications.status].every((status) => status === 'ok')
    ? 'ok'
    : 'degraded';
}
