import type { Storage } from './lib/azure/storage.ts';
import type { AuditLog } from './lib/audit/audit-log.ts';
import type { TokenBroker } from './lib/broker/broker.ts';
import type { IssueDeps } from './lib/broker/issue-token.ts';
import type { ResourceRegistry } from './lib/model/resources.ts';
import type { TokenSource } from './lib/model/token.ts';
import type { CallerVerifier } from './lib/model/caller.ts';
import type { PolicyStore } from './lib/callers/policy-store.ts';
import type { CallerRateLimit } from './lib/callers/rate-limit.ts';
import type { Clock, Random } from './lib/runtime/clock.ts';
import type { Settings } from './lib/config/settings.ts';
import type { CachedCredentials } from './lib/credential/cached-credentials.ts';
import type { CredentialStore } from './lib/credential/credential-store.ts';
import type { CredentialJournal } from './lib/credential/credential-journal.ts';
import type { HealthReporter } from './lib/health/health-reporter.ts';
import type { Redeemer } from './lib/entra/redeemer.ts';
import type { Fetch } from './lib/runtime/outbound.ts';
import type { Limiter } from './lib/runtime/limiter.ts';
import type { Logger } from './lib/runtime/log.ts';
import type { Notifier } from './lib/notifications/notice.ts';
import type { Runs } from './lib/runs/runs.ts';
import type { RunTuning } from './lib/runs/start-run.ts';
import type { TenantDirectory } from './lib/tenants/directory.ts';

/** Everything that handlers, jobs and timers work with. */
export interface Services {
  readonly settings: Settings;
  readonly clock: Clock;
  /** When the services were built: with the first invocation of this process. */
  readonly upSinceMs: number;
  readonly random: Random;
  readonly newId: () => string;
  readonly fetch: Fetch;
  readonly log: Logger;
  readonly callers: CallerVerifier;
  readonly callerLimit: CallerRateLimit;
  readonly policy: PolicyStore;
  readonly resources: ResourceRegistry;
  readonly credentialStore: CredentialStore;
  readonly credentials: CachedCredentials;
  readonly credentialJournal: CredentialJournal;
  readonly redeemer: Redeemer;
  readonly health: HealthReporter;
  readonly broker: TokenBroker;
  /** The broker for jobs: each token on record, as for a caller. */
  readonly jobTokens: TokenSource;
  readonly audit: AuditLog;
  /** What it takes to hand a token to a caller. */
  readonly issuing: IssueDeps;
  readonly directory: TenantDirectory;
  readonly storage: Storage;
  /** Requests of jobs and directory to Graph and the like, over all tenants. */
  readonly resourceLimiter: Limiter;
  readonly runs: Runs;
  readonly runTuning: RunTuning;
  /** Tells people in a chat, where one is configured. */
  readonly notifier: Notifier;
}
