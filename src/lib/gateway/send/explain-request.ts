import type { PermissionMap } from 'graph-permissions/permission-map';
import {
  conditionRank,
  failedStage,
  type PolicyCaller,
  type PolicyRequest,
  type Stage,
} from '../../access/policy/decide.ts';
import type { AccessPolicy, ApprovalTerms, Rule } from '../../access/policy/policy.ts';
import { whyTenant } from '../../access/policy/explain.ts';
import type { TenantFacts } from '../../access/tenants/tenant-set.ts';
import type { TenantId } from '../../core/identifiers.ts';
import { publicGraphHost } from '../../core/resources.ts';
import { chooseRule, isAllowed, type RuleJudge, ruleJudge, withoutLinks } from './authorize.ts';
import type { CallerRequest } from './gateway-request.ts';
import type { NonGraphTarget } from './judge-non-graph.ts';

/** What a rule makes of a request. */
export interface RequestFinding {
  readonly rule: string;
  /**
   * `allows`: this rule decides. `lacks`: the caller, resource or tenant fails at `missing`. `refuses`: it applies and does
   * not open the request, for `reason`. `not reached`: an earlier rule allows. `not needed`: it opens the request on a
   * condition, and another rule comes before it. `no requests`: it is not for the gateway.
   */
  readonly outcome: 'allows' | 'lacks' | 'refuses' | 'not reached' | 'not needed' | 'no requests';
  readonly missing?: Stage;
  readonly reason?: string;
  /** Why the rule covers the tenant, or why it does not. Only if the rule came as far as the tenant. */
  readonly because?: string;
}

/** The decision about a request, with the outcome of each rule. */
export interface RequestExplanation {
  readonly allowed: boolean;
  /** The rule that decides, or why none allows the request. */
  readonly rule?: string;
  readonly reason?: string;
  /** The approval that the request needs first. Undefined: none. */
  readonly approval?: ApprovalTerms | undefined;
  /** The rule is for emergencies only. */
  readonly breakGlass?: boolean;
  /** The broker's application whose token goes with the request. */
  readonly application?: string;
  /** The request as it would be sent. */
  readonly sends?: string;
  /** The permissions of the rule that open it. */
  readonly permissions?: readonly string[];
  /** The rule protects targets, and the broker looks that of the request up first. Absent: it does not. */
  readonly looksUp?: true;
  /** In the order of the policy. */
  readonly rules: readonly RequestFinding[];
}

/** A request to explain. */
export interface ExplainedRequest extends TenantFacts {
  readonly caller: PolicyCaller;
  readonly callerRequest: Pick<CallerRequest, 'resource' | 'method' | 'url' | 'body'>;
  /** Undefined for resources other than Graph. */
  readonly map: PermissionMap | undefined;
  /** The address of a resource that the settings add. Absent: it is not known, or the alias is built in. */
  readonly baseUrl?: string | undefined;
}

/** Returns the decision and the outcome of each rule, without sending anything. */
export async function explainRequest(policy: AccessPolicy, explained: ExplainedRequest): Promise<RequestExplanation> {
  const { caller, map, callerRequest: sent, baseUrl = '', ...facts } = explained;
  const { domains, tenantId } = facts;
  const { resource } = sent;
  const request: PolicyRequest = { ...facts, resource, scopes: [], via: 'gateway' };
  const tenant = tenantId ?? domains[0] ?? '';
  const headers: CallerRequest['headers'] = sent.body === undefined ? {} : { 'content-type': 'application/json' };
  const callerRequest: CallerRequest = { ...sent, tenant, headers, gatewayUrl: '', justification: {} };
  const target: NonGraphTarget = { alias: resource, baseUrl, tenantId: tenant as TenantId };
  const deps = { map, graphHost: publicGraphHost, readLink: withoutLinks };
  const stages = policy.rules.map((rule) => ({ rule, missing: failedStage(rule, caller, request) }));
  const applying = stages.filter(({ missing }) => missing === undefined).map(({ rule }) => rule);
  const judge = ruleJudge(deps, callerRequest, target);
  const choice = await chooseRule(judge, applying);
  const chosen = 'rule' in choice ? choice.rule : undefined;
  const rules: RequestFinding[] = [];
  for (const { rule, missing } of stages) {
    const isLater = chosen !== undefined && stages.findIndex((stage) => stage.rule === chosen) < rules.length;
    const because = { because: whyTenant(policy, rule, 'tenants', facts) };
    const { name } = rule;
    if (rule === chosen) rules.push({ rule: name, outcome: 'allows', ...because });
    else if (!rule.gateway) rules.push({ rule: name, outcome: 'no requests' });
    else if (missing !== undefined)
      rules.push({ rule: name, outcome: 'lacks', missing, ...(missing === 'tenant' ? because : {}) });
    else if (isLater) rules.push({ rule: name, outcome: 'not reached' });
    else rules.push(refusalOf(rule, await judge(rule), chosen));
  }
  if ('rule' in choice)
    return {
      allowed: true,
      rule: choice.rule.name,
      approval: choice.rule.approval,
      breakGlass: choice.rule.breakGlass,
      application: choice.rule.application,
      ...sentBy(choice.judged),
      ...(choice.rule.protect !== undefined && changesTarget(choice.judged) ? { looksUp: true } : {}),
      rules,
    };
  return { allowed: false, reason: applying.length === 0 ? 'No rule for the gateway applies.' : choice.reason, rules };
}

function refusalOf(rule: Rule, judged: Awaited<ReturnType<RuleJudge>>, chosen: Rule | undefined): RequestFinding {
  const { name } = rule;
  if (!('allowed' in judged) && chosen !== undefined && conditionRank(chosen) < conditionRank(rule))
    return { rule: name, outcome: 'not needed' };
  const reason = 'allowed' in judged ? judged.reason : 'It opens fewer parts of the batch.';
  return { rule: name, outcome: 'refuses', reason };
}

type Judged = Extract<Awaited<ReturnType<typeof chooseRule>>, { rule: Rule }>['judged'];

const changesTarget = (judged: Judged): boolean =>
  (judged.batch ? judged.parts.filter(isAllowed) : [judged]).some(({ verdict }) => typeof verdict.changed === 'object');

function sentBy(judged: Judged) {
  if (!judged.batch) {
    const { request, permissions } = judged.verdict;
    return { sends: `${request.method} ${request.path}`, permissions };
  }
  const parts = judged.parts.filter(isAllowed);
  const permissions = [...new Set(parts.flatMap(({ verdict }) => verdict.permissions))].toSorted();
  return { sends: `${parts.length} of ${judged.parts.length} parts of the batch`, permissions };
}
