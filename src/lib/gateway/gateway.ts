import type { PermissionMap } from 'graph-permissions/permission-map';
import type { Approvals } from '../approvals/approvals.ts';
import type { PolicyStore } from '../access/policy/policy-store.ts';
import type { GatedTokens } from '../tokens/gated-tokens.ts';
import type { RequestedTenantDeps } from '../access/tenants/requested-tenant.ts';
import type { Caller } from '../core/caller.ts';
import type { ResourceRegistry } from '../core/resources.ts';
import type { Resource } from '../core/token.ts';
import type { Random } from '../core/clock.ts';
import type { FairLimiter } from '../core/fair-limiter.ts';
import type { RequestBudget } from '../core/share.ts';
import type { GatewayLinks } from './send/gateway-links.ts';
import type { LargeAnswers } from './send/large-answers.ts';
import type { RequestRecordsDeps } from './send/request-records.ts';
import type { Upstream } from './send/upstream.ts';

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
