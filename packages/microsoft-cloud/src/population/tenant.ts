/** What is broken for good in a tenant; every request for a delegated token there fails. */
export const tenantStates = ['ok', 'no_consent', 'gdap_expired', 'conditional_access', 'deleted'] as const;
export type TenantState = (typeof tenantStates)[number];

/** What is odd about a tenant in which things work in the end. */
export const tenantTraits = ['throttled', 'slow', 'no_exchange', 'several_relationships', 'name_differs'] as const;
export type TenantTrait = (typeof tenantTraits)[number];

/** Which of the partner's lists a customer is on. */
export interface TenantSources {
  /** Graph `contracts`: a reseller contract. */
  readonly contract: boolean;
  /** Partner Center `customers`. */
  readonly customer: boolean;
  /** An active delegated relationship, or one that has ended where the state says so. */
  readonly relationship: boolean;
}

export interface CustomerTenant {
  readonly index: number;
  readonly tenantId: string;
  readonly name: string;
  /** The name as the contract has it: a copy that does not follow changes. */
  readonly contractName: string;
  /** `*.onmicrosoft.com`. */
  readonly initialDomain: string;
  /** The custom domain where there is one, otherwise the initial one. */
  readonly defaultDomain: string;
  readonly trait?: TenantTrait;
  readonly sources: TenantSources;
  readonly userCount: number;
  /** Can be changed while the cloud runs: customers do leave, and come back. */
  state: TenantState;
  /** The AADSTS number that a tenant which is not `ok` refuses with. */
  refusal: number;
}

/** The numbers that each state refuses with; where there are two, tenants take turns. */
export const refusalsOf: Readonly<Record<TenantState, readonly number[]>> = {
  ok: [0],
  no_consent: [65001, 90099],
  gdap_expired: [50020, 50177],
  conditional_access: [53003],
  deleted: [90002],
};
