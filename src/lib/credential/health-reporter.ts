import type { AccessPolicy } from '../callers/policy.ts';
import type { PolicyState, PolicyStore } from '../callers/policy-store.ts';
import { type Clock, isoTime } from '../clock.ts';
import { withDeadline } from '../deadline.ts';
import { BrokerError, toBrokerError } from '../errors.ts';
import { SingleFlight } from '../single-flight.ts';
import type { CachedCredentials } from './cached-credentials.ts';
import type { CredentialJournal, HealthStatus, JournalEntry } from './credential-journal.ts';
import { type Credential, defaultApplication } from './credential.ts';
import { type CredentialHealth, judgeCredential } from './health.ts';
import type { StateWatch } from './state-watch.ts';

/** One report serves everybody who asks within this time: the route is open to all. */
const reportLifeMs = 15_000;
/** Longest wait for one of the things that a report looks at. */
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
}

export interface HealthReporterDeps {
  readonly credentials: CachedCredentials;
  /** Why the broker holds an application's credential to be dead. */
  readonly credentialFailure: (application: string) => BrokerError | undefined;
  readonly journal: CredentialJournal;
  readonly policy: PolicyStore;
  readonly watch: StateWatch;
  readonly clock: Clock;
}

/** How the broker is, from what it knows anyway: asking for its health costs Entra nothing, and Key Vault nothing new. */
export class HealthReporter {
  readonly #deps: HealthReporterDeps;
  readonly #flights = new SingleFlight<HealthReport>();
  #kept: { readonly report: HealthReport; readonly untilMs: number } | undefined;

  constructor(deps: HealthReporterDeps) {
    this.#deps = deps;
  }

  /** Never throws: what cannot be looked at is part of the answer. */
  async report(): Promise<HealthReport> {
    if (this.#kept !== undefined && this.#deps.clock.nowMs() < this.#kept.untilMs) return this.#kept.report;
    return this.#flights.run('report', async () => {
      const report = await this.#look();
      this.#kept = { report, untilMs: this.#deps.clock.nowMs() + reportLifeMs };
      return report;
    });
  }

  async #look(): Promise<HealthReport> {
    const { policy, credentials, clock } = this.#deps;
    const policyState = await policy.current();
    let storage: Part = { status: 'ok' };
    const applications: CredentialHealth[] = [];
    for (const [application, needsRefreshToken] of applicationsInUse(policyState.policy)) {
      const { health, journalFailure } = await this.#lookAt(application, needsRefreshToken);
      applications.push(health);
      // Without storage there are no audit records, and so no tokens.
      if (journalFailure !== undefined) storage = { status: 'down', problem: journalFailure.detail };
    }
    const lastRead = credentials.lastRead;
    const keyVault: HealthReport['keyVault'] = {
      status: lastRead?.failure === undefined ? 'ok' : 'degraded',
      ...(lastRead?.failure === undefined ? {} : { problem: lastRead.failure.detail }),
      ...(lastRead === undefined ? {} : { lastReadAt: isoTime(lastRead.atMs) }),
    };
    const parts = { applications, policy: policyPart(policyState), storage, keyVault };
    return { status: overall(parts), checkedAt: isoTime(clock.nowMs()), ...parts };
  }

  async #lookAt(
    application: string,
    needsRefreshToken: boolean,
  ): Promise<{ health: CredentialHealth; journalFailure: BrokerError | undefined }> {
    const { credentials, journal, watch, clock, credentialFailure } = this.#deps;
    const [read, journalled] = await Promise.all([
      this.#attempt<Credential>('key_vault_unavailable', () => credentials.get(application)),
      this.#attempt<JournalEntry>('storage_unavailable', () => journal.read(application)),
    ]);
    const entry = journalled.value ?? {};
    const health = judgeCredential(
      {
        application,
        needsRefreshToken,
        credential: read.value,
        readFailure: read.failure ?? credentials.lastRead?.failure,
        dead: credentialFailure(application),
        journal: entry,
      },
      clock.nowMs(),
    );
    await watch.observe(health, entry.state);
    return { health, journalFailure: journalled.failure };
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

/** The applications that rules name, and whether they redeem a refresh token; the default one always does. */
export function applicationsInUse(policy: AccessPolicy): ReadonlyMap<string, boolean> {
  const inUse = new Map([[defaultApplication, true]]);
  for (const { application, grants } of policy.rules) {
    inUse.set(application, (inUse.get(application) ?? false) || grants.has('delegated'));
  }
  return inUse;
}

function policyPart({ state, policy, problem }: PolicyState): HealthReport['policy'] {
  const status = state === 'current' ? 'ok' : 'degraded';
  return { status, state, rules: policy.rules.length, ...(problem === undefined ? {} : { problem }) };
}

/** Down means that no token can be had at all; one application of several that is down is a degradation. */
function overall({
  applications,
  policy,
  storage,
  keyVault,
}: Omit<HealthReport, 'status' | 'checkedAt'>): HealthStatus {
  const states = applications.map(({ state }) => state.status);
  if (storage.status === 'down' || states.every((status) => status === 'down')) return 'down';
  return [...states, policy.status, keyVault.status].every((status) => status === 'ok') ? 'ok' : 'degraded';
}
