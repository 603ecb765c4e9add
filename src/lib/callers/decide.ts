import type { Grant } from '../model/token.ts';
import type { DomainName, TenantId } from '../model/identifiers.ts';
import type { Caller } from '../model/caller.ts';
import type { AccessPolicy, Rule, Selection } from './policy.ts';

/** What a caller asks for, as far as the policy looks at it. */
export interface PolicyRequest {
  /** Undefined for a domain that nobody has, or whose tenant is not known: then no rule that names the tenant by its id can match. */
  readonly tenantId: TenantId | undefined;
  /** The tenant's verified domains in lower case, from the directory: never the caller's word. */
  readonly domains: readonly DomainName[];
  /** Alias. */
  readonly resource: string;
  /** Empty: whatever the application has. */
  readonly scopes: readonly string[];
  readonly grant: Grant;
  /** The partner's own tenant: `"*"` means every customer, so a rule must name this one, by its id or a domain of it. */
  readonly isPartnerTenant?: boolean;
}

export type PolicyCaller = Pick<Caller, 'applicationId' | 'roles'>;

/** What a rule asks, in the order in which it is asked. */
const stages = ['caller', 'role', 'grant', 'resource', 'tenant', 'scope'] as const;
export type Stage = (typeof stages)[number];

export interface Denial {
  readonly allow: false;
  /** Which part no rule gives. */
  readonly missing: Stage;
  readonly reason: string;
}

export type Decision =
  | {
      readonly allow: true;
      readonly rule: string;
      /** Which of the broker's applications redeems. */
      readonly application: string;
      /** For `judgeScopes`: all that the token may carry; undefined: no limit. */
      readonly scopes: readonly string[] | undefined;
      readonly excessScopes: 'refuse' | 'record';
    }
  | Denial;

/** The first rule that allows, or what is missing. Default deny. Pure, and throws for nothing. */
export function decide(policy: AccessPolicy, caller: PolicyCaller, request: PolicyRequest): Decision {
  const failed: Stage[] = [];
  for (const rule of policy.rules) {
    const stage = failedStage(rule, caller, request);
    if (stage === undefined) {
      const { name, application, scopes, excessScopes } = rule;
      return { allow: true, rule: name, application, scopes, excessScopes };
    }
    failed.push(stage);
  }
  return denial(failed, caller, request);
}

/** What a request is without its tenant. */
export type TenantlessRequest = Pick<PolicyRequest, 'grant' | 'resource'>;

/**
 * The denial that holds whatever the tenant is, or undefined where it depends on the tenant: so that nobody has to be
 * asked which tenant is meant for a caller who gets nothing in any. Pure.
 */
export function denyInAnyTenant(
  policy: AccessPolicy,
  caller: PolicyCaller,
  request: TenantlessRequest,
): Denial | undefined {
  const failed: Stage[] = [];
  for (const rule of policy.rules) {
    const stage = failedBeforeTenant(rule, caller, request);
    if (stage === undefined) return undefined;
    failed.push(stage);
  }
  return denial(failed, caller, { ...request, tenantId: undefined, domains: [], scopes: [] });
}

/** The rule that came closest tells most. What it asked for beyond stays the operator's secret. */
function denial(failed: readonly Stage[], caller: PolicyCaller, request: PolicyRequest): Denial {
  const missing = stages.findLast((stage) => failed.includes(stage)) ?? 'caller';
  return { allow: false, missing, reason: reasons[missing](caller, request) };
}

/** The first thing that a rule asks and does not find, or undefined when it allows. */
export function failedStage(rule: Rule, caller: PolicyCaller, request: PolicyRequest): Stage | undefined {
  const early = failedBeforeTenant(rule, caller, request);
  if (early !== undefined) return early;
  if (!selectsTenant(rule.tenants, request)) return 'tenant';
  if (!request.scopes.every((scope) => rule.scopes === undefined || rule.scopes.includes(scope))) return 'scope';
  return undefined;
}

function failedBeforeTenant(rule: Rule, caller: PolicyCaller, request: TenantlessRequest): Stage | undefined {
  if (!selects(rule.callers, caller.applicationId)) return 'caller';
  if (!rule.roles.every((role) => caller.roles.includes(role))) return 'role';
  if (!rule.grants.has(request.grant)) return 'grant';
  if (!selects(rule.resources, request.resource)) return 'resource';
  return undefined;
}

function selectsTenant(tenants: Selection, { tenantId, domains, isPartnerTenant }: PolicyRequest): boolean {
  if (tenants === '*') return isPartnerTenant !== true;
  return (tenantId !== undefined && tenants.has(tenantId)) || domains.some((domain) => tenants.has(domain));
}

const selects = (selection: Selection, item: string): boolean => selection === '*' || selection.has(item);

const reasons: Readonly<Record<Stage, (caller: PolicyCaller, request: PolicyRequest) => string>> = {
  caller: (caller) => `No rule is for the application ${caller.applicationId}.`,
  role: (caller) => `The caller holds ${caller.roles.join(', ') || 'no role'}; no rule for it is content with that.`,
  grant: (_, request) => `No rule for this caller allows the grant ${request.grant}.`,
  resource: (_, request) =>
    `No rule for this caller allows the resource ${request.resource} with the grant ${request.grant}.`,
  tenant: (_, request) =>
    `No rule for this caller allows the resource ${request.resource} in the tenant ${request.tenantId ?? request.domains.join(', ')}.`,
  scope: (_, request) =>
    `No rule for this caller allows the scopes ${request.scopes.join(', ')} together in this tenant.`,
};
