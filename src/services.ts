import type { Approvals } from './lib/approvals/approvals.ts';
import type { AuditLog } from './lib/audit/audit-log.ts';
import type { AuditEvidence } from './lib/audit/evidence.ts';
import type { TokenBroker } from './lib/tokens/broker.ts';
import type { IssueDeps } from './lib/tokens/issue-token.ts';
import type { Callers } from './lib/access/sign-in/callers.ts';
import type { Settings } from './lib/config/settings.ts';
import type { Credentials } from './lib/tokens/credential/credentials.ts';
import type { IdentityTrust } from './lib/tokens/credential/identity-trust.ts';
import type { Redeemer } from './lib/microsoft/redeemer.ts';
import type { Gateway } from './lib/gateway/gateway.ts';
import type { MapStore } from './lib/gateway/map-store.ts';
import type { HealthReporter } from './lib/health/health-reporter.ts';
import type { Release } from './lib/health/release.ts';
import type { ResourceRegistry } from './lib/core/resources.ts';
import type { TokenSource } from './lib/core/secrets.ts';
import type { Notifier } from './lib/notices/notice.ts';
import type { Notifications } from './lib/notices/open-notices.ts';
import type { ResolveTxt } from './lib/runs/job/dns.ts';
import type { Runs } from './lib/runs/store/runs.ts';
import type { RunTuning } from './lib/runs/engine/start-run.ts';
import type { Clock, Random } from './lib/core/clock.ts';
import type { FairLimiter } from './lib/core/fair-limiter.ts';
import type { Limiter } from './lib/core/limiter.ts';
import type { Turns } from './lib/core/turns.ts';
import type { Logger } from './lib/core/log.ts';
import type { AppMetrics } from './lib/core/metrics.ts';
import type { Fetch } from './lib/core/outbound.ts';
import type { AllBudgets } from './lib/core/share.ts';
import type { Spans } from './lib/core/spans.ts';
import type { TenantEvents } from './lib/tenant-events/create-tenant-events.ts';
import type { TenantDirectory } from './lib/tenants/directory.ts';
import type { TenantTags } from './lib/tenants/tags.ts';

/** The side effects that the composition root passes to all other code. */
export interface Runtime {
  readonly clock: Clock;
  readonly random: Random;
  readonly newId: () => string;
  readonly fetch: Fetch;
  readonly spans: Spans;
  readonly resolveTxt: ResolveTxt;
  readonly log: Logger;
  readonly metrics: AppMetrics;
  /** Replaces positions in the bundle, as stacks show them, by positions in the sources of jobs. */
  readonly jobPositions: (stack: string) => string;
  /** Runs work that may outlive the current invocation, so that it does not log into it. */
  readonly background: (work: () => void) => void;
}

/** What handlers, jobs and timers work with. The names match the dependencies of src/lib, which takes parts of it. */
export interface Services extends Runtime {
  readonly settings: Settings;
  readonly resources: ResourceRegistry;
  /** Limits of Microsoft that all instances share. */
  readonly budgets: AllBudgets;
  /** Limits concurrent requests of jobs and the tenant directory to Graph and other resources, in turns of the runs. */
  readonly requestSlots: FairLimiter;
  /** The same places for requests of the broker itself, such as those of the tenant directory. They come before jobs. */
  readonly limiter: Pick<Limiter, 'run'>;
  /** Limits the tenants that runs visit at a time, in turns of the runs. */
  readonly tenantSlots: FairLimiter;
  /** The same for applies and undos. */
  readonly changeSlots: FairLimiter;
  /** One place, for a tenant in which the job of a run perhaps ends the process. */
  readonly loneSlot: FairLimiter;
  /** Work of runs takes turns, so that callers need not wait for all of it. */
  readonly turns: Turns;
  readonly callers: Callers;
  readonly credentials: Credentials;
  readonly redeemer: Redeemer;
  /** The federated credential that the managed identity of this app needs. Undefined if it has none. */
  readonly identityTrust: () => Promise<IdentityTrust | undefined>;
  readonly audit: AuditLog;
  /** What proves the audit log: its stored records and signed checkpoints. */
  readonly evidence: AuditEvidence;
  readonly broker: TokenBroker;
  /** The broker for jobs. It records each token in the audit log, as for callers. */
  readonly jobTokens: TokenSource;
  /** The dependencies of issuing a token to a caller. */
  readonly issuing: IssueDeps;
  /** The dependencies of sending a caller's request. */
  readonly gateway: Gateway;
  readonly directory: TenantDirectory;
  readonly approvals: Approvals;
  readonly tenantTags: TenantTags;
  readonly runs: Runs;
  readonly tenantEvents: TenantEvents;
  readonly tuning: RunTuning;
  readonly health: HealthReporter;
  /** What is deployed. Undefined if the app was not packaged. */
  readonly release: () => Promise<Release | undefined>;
  /** Address of the dashboard, for links in notices. Undefined: it is not known. */
  readonly dashboardUrl: string | undefined;
  readonly notifier: Notifier;
  readonly notifications: Pick<Notifications, 'deliverDue' | 'purge'>;
  /** The permission map by which requests to Microsoft Graph are judged. */
  readonly permissionMap: MapStore;
}
