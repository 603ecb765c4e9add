import type { PermissionMap } from 'graph-permissions/permission-map';
import type { Approvals } from '../approvals/approvals.ts';
import type { PolicyStore } from '../callers/policy-store.ts';
import type { GatedTokens } from '../broker/gated-tokens.ts';
import type { RequestedTenantDeps } from '../broker/requested-tenant.ts';
import type { Caller } from '../model/caller.ts';
import type { ResourceRegistry } from '../model/resources.ts';
import type { Resource } from '../model/token.ts';
import type { Random } from '../runtime/clock.ts';
import type { FairLimiter } from '../runtime/fair-limiter.ts';
import type { RequestBudget } from '../runtime/share.ts';
import type { GatewayLinks } from './gateway-links.ts';
import type { LargeAnswers } from './large-answers.ts';
import type { RequestRecordsDeps } from './request-records.ts';
import type { Upstream } from './upstream.ts';

/** What the gateway needs. */
export interface GatewayDeps extends RequestRecordsDeps, RequestedTenantDeps {
  readonly policy: PolicyStore;
  /** `limit` counts the requests of a caller. The first part of a batch is counted before. */
  readonly callers: RequestRecordsDeps['callers'] & { readonly limit: { take(caller: Caller): void } };
  readonly resources: ResourceRegistry;
  /** Refuses tenants that are excluded or out of reach. */
  readonly tokens: GatedTokens;
  readonly approvals: Approvals;
  readonly random: Random;
  readonly permissionMap: () => Promise<PermissionMap>;
  readonly links: GatewayLinks;
  /** Limits that all instances of the app share. Absent: this process is alone. */
  readonly budgets?: RequestBudget | undefined;
  readonly upstream: Upstream;
  readonly largeAnswers: LargeAnswers;
  /** Limits the concurrent requests to a resource, in turns of the callers. */
  readonly limiterOf: (resource: Resource) => FairLimiter;
  /** Host of Graph in the cloud, for example `graph.microsoft.com`. */
  readonly graphHost: string;
  /** The address of a resource without a trailing slash. Undefined: it has none. */
  readonly addressOf: (resource: Resource) => string | undefined;
}

/** The gateway of the app. */
export interface Gateway extends GatewayDeps {
  /** How many requests wait for their turn, by the alias of their resource. A resource that had no request is absent. */
  readonly waiting: () => ReadonlyMap<string, number>;
}
