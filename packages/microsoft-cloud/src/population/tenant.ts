import type { OwnDirectory } from './own-directory.ts';

/** States of a tenant. In every state except `ok`, requests for delegated tokens fail. */
export const tenantStates = ['ok', 'no_consent', 'gdap_expired', 'conditional_access', 'deleted'] as const;
export type TenantState = (typeof tenantStates)[number];

/** Peculiarities of a tenant whose state is `ok`. */
export const tenantTraits = ['throttled', 'slow', 'no_exchange', 'several_relationships', 'name_differs'] as const;
export type TenantTrait = (typeof tenantTraits)[number];

/** The partner's lists that contain a customer. */
export interface TenantSources {
  /** Graph `contracts`: reseller contracts. */
  readonly contract: boolean;
  /** Partner Center `customers`. */
  readonly customer: boolean;
  /**
   * Delegated relationships: active, or ended in the state `gdap_expired`. A customer without one is reached through old
   * delegated administration privileges: members of AdminAgents are its Global Administrators.
   */
  readonly relationship: boolean;
}

/** The delegated administration of a customer, where it differs from the default. */
interface Delegation {
  /** Role ids that the relationships do not contain. */
  withoutRoles: ReadonlySet<string>;
  moreRoles: ReadonlySet<string>;
  /** Role ids that the relationships contain but that no security group has. */
  unassignedRoles: ReadonlySet<string>;
  /** End of the active relationships, milliseconds since 1970. They are not extended. */
  endsMs: number | undefined;
  /** Time from which the access assignments are active, milliseconds since 1970. Before it they are pending. */
  assignedFromMs: number | undefined;
}

export interface CustomerTenant {
  readonly index: number;
  readonly tenantId: string;
  readonly name: string;
  /** The name in the reseller contract: a copy that does not follow changes. */
  readonly contractName: string;
  /** `*.onmicrosoft.com`. */
  readonly initialDomain: string;
  /** The custom domain if there is one, else the initial domain. */
  readonly defaultDomain: string;
  readonly trait?: TenantTrait;
  readonly sources: TenantSources;
  readonly userCount: number;
  readonly delegation: Delegation;
  /** Groups, roles and units that the caller gives. */
  readonly own?: OwnDirectory;
  /** Application ids of Microsoft's resources that have no service principal in the tenant. */
  lacks: ReadonlySet<string>;
  /** Application ids whose service principal the customer has deleted. */
  readonly deletedApplications: Set<string>;
  /** Can be changed while the cloud runs. */
  state: TenantState;
  /** AADSTS number of refusals in this state; 0 for `ok`. */
  refusal: number;
}

/** AADSTS numbers of each state. If a state has two, tenants alternate. */
export const refusalsOf: Readonly<Record<TenantState, readonly number[]>> = {
  ok: [0],
  no_consent: [65001, 90099],
  gdap_expired: [50020, 50177],
  conditional_access: [53003],
  deleted: [90002],
};
