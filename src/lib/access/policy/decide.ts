import type { Caller } from '../../core/caller.ts';
import type { DomainName } from '../../core/identifiers.ts';
import type { Grant } from '../../core/secrets.ts';
import {
  selects,
  domainsIn,
  missingFact,
  type TenantSelection,
  type TenantFacts,
  type UnknownFact,
} from '../tenants/tenant-set.ts';
import { type AccessPolicy, allows, type Rule } from './policy.ts';

/** The part of a request that the policy decides on. */
export interface PolicyRequest extends TenantFacts {
  /** Alias of the resource, e.g. `graph`. */
  readonly resource: string;
  /** Empty: all scopes consented to the application. */
  readonly scopes: readonly string[];
  /** The grant of the token. Absent: the rule chooses it, as for the gateway. */
  readonly grant?: Grant;
  /** Whether the caller wants a token, or the gateway to send a request. Default: `token`. */
  readonly via?: 'token' | 'gateway';
  /** Whether the caller declares an emergency. Default: no. */
  readonly breakGlass?: boolean;
}

/** The part of a caller that the policy decides on. What is unknown matches no rule that names it. */
export type PolicyCaller = Pick<Caller, 'applicationId' | 'roles'> &
  Partial<Pick<Caller, 'objectId' | 'kind' | 'blueprint'>>;

/** The parts of a rule, in the order of evaluation. */
const stages = ['caller', 'kind', 'object', 'agent', 'role', 'grant', 'resource', 'tenant', 'scope'] as const;
/** A part of a rule that a request may fail to match. */
export type Stage = (typeof stages)[number];

/** A stage that depends on the caller alone. */
export type CallerStage = Extract<Stage, 'caller' | 'kind' | 'object' | 'agent' | 'role'>;

/** The request is denied. */
export interface Denial {
  readonly allow: false;
  /** The furthest stage that any rule failed at. */
  readonly missing: Stage;
  /** One sentence for the caller. */
  readonly reason: string;
  /** A fact that is not known now, and without which a rule for this caller opens no tenant. */
  readonly unknown?: UnknownFact;
}

/** The decision of the policy on one request. */
export type Decision =
  | ({
      readonly allow: true;
      /** Name of the rule. */
      readonly rule: string;
    } & Pick<Rule, 'application' | 'scopes' | 'excessScopes' | 'approval' | 'breakGlass'>)
  | Denial;

/**
 * Returns the first rule that allows the request, or a denial. A rule with a condition decides only if none without one
 * allows the request ({@link conditionRank}). Denies by default. Pure; never throws.
 */
export function decide(policy: AccessPolicy, caller: PolicyCaller, request: PolicyRequest): Decision {
  const failed: Stage[] = [];
  let conditional: Rule | undefined;
  const rankOf = (rule: Rule): number => conditionRank(rule, request.breakGlass);
  for (const rule of policy.rules) {
    const stage = failedStage(rule, caller, request);
    if (stage !== undefined) failed.push(stage);
    else if (rankOf(rule) === 0) return allowedBy(rule);
    else if (conditional === undefined || rankOf(rule) < rankOf(conditional)) conditional = rule;
  }
  if (conditional !== undefined) return allowedBy(conditional);
  const unknown = unknownFact(policy, caller, request);
  return { ...denial(failed, caller, request), ...(unknown && { unknown }) };
}

const allowedBy = ({ name: rule, application, scopes, excessScopes, approval, breakGlass }: Rule): Decision => ({
  allow: true,
  rule,
  application,
  scopes,
  excessScopes,
  approval,
  breakGlass,
});

/**
 * The rank of a rule among those that allow a request, lowest first: rules without a condition, then rules that need an
 * approval, then rules for emergencies. A caller who declares an emergency wants no approval, so these two change ranks.
 * Rules of the same rank keep the order of the policy.
 */
export function conditionRank(
  { approval, breakGlass }: Pick<Rule, 'approval' | 'breakGlass'>,
  emergency = false,
): 0 | 1 | 2 {
  if (approval === undefined && !breakGlass) return 0;
  return breakGlass === emergency ? 1 : 2;
}

/** Rules in the order in which they are asked ({@link conditionRank}). Pure. */
export const inOrder = (rules: readonly Rule[], emergency = false): readonly Rule[] =>
  rules.toSorted((one, other) => conditionRank(one, emergency) - conditionRank(other, emergency));

/** The fact whose lack keeps a rule for this caller from opening any tenant. */
function unknownFact(policy: AccessPolicy, caller: PolicyCaller, request: PolicyRequest): UnknownFact | undefined {
  for (const rule of policy.rules) {
    if (failedBeforeTenant(rule, caller, request) !== undefined) continue;
    const missing = missingFact(rule.tenants, request);
    if (missing !== undefined) return missing;
  }
  return undefined;
}

/** What has to be known of a tenant before a request in it can be decided. */
export interface NeededFacts {
  readonly tags: boolean;
  /** Domains in `except`. A tenant that has one of them could otherwise be requested by its id. */
  readonly domains: readonly DomainName[];
}

/** The facts that the rules for this caller and request need. Pure. */
export function neededFacts(policy: AccessPolicy, caller: PolicyCaller, request: TenantlessRequest): NeededFacts {
  const rules = rulesInSomeTenant(policy, caller, request);
  return {
    tags: rules.some(({ tenants }) => tenants.usesTags),
    domains: domainsIn(rules.map(({ tenants }) => tenants.except)),
  };
}

/** The rules that allow the request, in the order of the policy. Pure. */
export const allowingRules = (policy: AccessPolicy, caller: PolicyCaller, request: PolicyRequest): readonly Rule[] =>
  policy.rules.filter((rule) => failedStage(rule, caller, request) === undefined);

/** The rules that allow the request in some tenant, in the order of the policy. Pure. */
export const rulesInSomeTenant = (
  policy: AccessPolicy,
  caller: PolicyCaller,
  request: TenantlessRequest,
): readonly Rule[] => policy.rules.filter((rule) => failedBeforeTenant(rule, caller, request) === undefined);

/** The rules that let the caller apply plans of a change job in some tenant, those without a condition first. Pure. */
export const rulesForChanges = (policy: AccessPolicy, caller: PolicyCaller, job: string): readonly Rule[] =>
  inOrder(
    policy.rules.filter(
      (rule) =>
        rule.changes !== undefined && allows(rule.changes, job) && failedCallerStage(rule, caller) === undefined,
    ),
  );

/** The part of a request that does not depend on the tenant. */
type TenantlessRequest = Pick<PolicyRequest, 'grant' | 'resource' | 'via'>;

/**
 * Returns the denial if the request is denied in every tenant; undefined if the decision depends on the tenant. Such a
 * denial needs no request to Entra to find the tenant. Pure.
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

/** Names the furthest failed stage. The other requirements of the rule are not disclosed to the caller. */
function denial(failed: readonly Stage[], caller: PolicyCaller, request: PolicyRequest): Denial {
  const missing = stages.findLast((stage) => failed.includes(stage)) ?? 'caller';
  return { allow: false, missing, reason: reasons[missing](caller, request) };
}

/** Returns the first stage of the rule that the request fails, or undefined if the rule allows the request. Pure. */
export function failedStage(rule: Rule, caller: PolicyCaller, request: PolicyRequest): Stage | undefined {
  const early = failedBeforeTenant(rule, caller, request);
  if (early !== undefined) return early;
  if (!selects(rule.tenants, request)) return 'tenant';
  if (!request.scopes.every((scope) => rule.scopes === undefined || rule.scopes.includes(scope))) return 'scope';
  return undefined;
}

/** Returns the first stage of the rule that the caller fails, whatever it requests. Pure. */
export function failedCallerStage(rule: Rule, caller: PolicyCaller): CallerStage | undefined {
  if (!allows(rule.callers, caller.applicationId)) return 'caller';
  // An agent whose token does not name its blueprint may be one of these, so a limit of reading holds for it.
  const isUnknown = caller.kind === 'agent' && caller.blueprint === undefined;
  if (!isUnknown && !allows(rule.blueprints, caller.blueprint)) return 'caller';
  if (!allows(rule.kinds, caller.kind)) return 'kind';
  if (!allows(rule.objects, caller.objectId)) return 'object';
  if (caller.kind === 'agent' && !namesAgent(rule, caller)) return 'agent';
  if (!rule.roles.every((role) => caller.roles.includes(role))) return 'role';
  return undefined;
}

/**
 * Whether a rule for an agent's application and kind names it: by one of them, or by its blueprint if it lists blueprints. A rule
 * that was written for every person and application does not become one for agents.
 */
const namesAgent = ({ kinds, blueprints, callers }: Rule, { blueprint }: PolicyCaller): boolean =>
  (kinds !== '*' || callers !== '*') && allows(blueprints, blueprint);

function failedBeforeTenant(rule: Rule, caller: PolicyCaller, request: TenantlessRequest): Stage | undefined {
  // As if it were a rule for other callers, because it must not be the furthest failed one.
  if (!(request.via === 'gateway' ? rule.gateway : rule.tokens)) return 'caller';
  const stage = failedCallerStage(rule, caller);
  if (stage !== undefined) return stage;
  // Only a person knows whether there is an emergency.
  if (rule.breakGlass && caller.kind === 'agent') return 'agent';
  if (request.grant !== undefined && !rule.grants.has(request.grant)) return 'grant';
  if (!allows(rule.resources, request.resource)) return 'resource';
  return undefined;
}

const reasons: Readonly<Record<Stage, (caller: PolicyCaller, request: PolicyRequest) => string>> = {
  caller: ({ applicationId }, { via }) =>
    `No rule${via === 'gateway' ? ' for the gateway' : ''} applies to the application ${applicationId}.`,
  kind: (caller) => `No rule for this application accepts callers of the kind ${caller.kind ?? 'unknown'}.`,
  object: (caller) => `No rule for this application names the object id ${caller.objectId ?? '(unknown)'}.`,
  agent: () =>
    'No rule for this caller is open to agents. A rule names an agent by its application, its blueprint or the kind agent, and none for emergencies does.',
  role: (caller) => `No rule accepts the roles of this caller (${caller.roles.join(', ') || 'none'}).`,
  grant: (_, request) => `No rule for this caller allows the grant ${request.grant}.`,
  resource: (_, { resource, grant }) =>
    `No rule for this caller allows the resource ${resource}${grant === undefined ? '' : ` with the grant ${grant}`}.`,
  tenant: (_, request) =>
    `No rule for this caller allows the resource ${request.resource} in the tenant ${request.tenantId ?? request.domains.join(', ')}.`,
  scope: (_, request) =>
    `No rule for this caller allows the scopes ${request.scopes.join(', ')} together in this tenant.`,
};

/** A rule that limits reading. */
type ReadingRule = Rule & { readonly reads: TenantSelection };

/** What a caller may read: `"*"` without a limit, else the tenants of all these choices together. */
export type Reads = '*' | readonly TenantSelection[];

/**
 * Whether a rule limits what the caller may read. Its roles do not matter here, and neither does its kind for an agent: a caller
 * must not escape a limit because it lacks a role of the rule, or because an agent acts for it.
 */
export function limitsReading(rule: Rule, caller: PolicyCaller): rule is ReadingRule {
  const stage = failedCallerStage(caller.kind === 'agent' ? { ...rule, kinds: '*' } : rule, caller);
  return rule.reads !== undefined && (stage === undefined || stage === 'agent' || stage === 'role');
}

/**
 * Returns the tenants whose data the caller may read: what the rules for it list together. A caller that no rule limits
 * may read everything that its app roles open. Pure.
 */
export function readsOf(policy: AccessPolicy, caller: PolicyCaller): Reads {
  const limits = policy.rules.filter((rule) => limitsReading(rule, caller));
  if (limits.length === 0) return '*';
  const open = limits.filter((rule) => failedCallerStage(rule, caller) === undefined).map(({ reads }) => reads);
  return open.some(isUnlimited) ? '*' : open;
}

/** Whether a selection is `"*"` without any `except`: data of no tenant and of the partner's own is included. */
const isUnlimited = ({ tenants, except }: TenantSelection): boolean =>
  tenants.all && except.names.size === 0 && except.tags.length === 0;
