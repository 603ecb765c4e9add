import { conditionRank, denyInAnyTenant, rulesInSomeTenant } from '../../access/policy/decide.ts';
import type { Rule } from '../../access/policy/policy.ts';
import { denialError } from '../../access/tenants/requested-tenant.ts';
import { refusalError } from '../send/authorize.ts';
import { chooseRule, ruleJudge } from '../send/choose-rule.ts';
import { conditionRefusal } from '../send/condition-refusal.ts';
import type { GatewayDeps } from '../gateway.ts';
import type { GatewayOrder } from '../send/gateway-request.ts';
import type { PlainTarget } from '../send/judge-plain.ts';
import { carriesMac } from '../send/links.ts';
import { grantOf } from '../send/rule-grant.ts';
import type { TenantChoice } from '../../access/tenants/tenant-set.ts';
import { requiredPermissions } from '../../judge/required-permissions.ts';
import type { Caller } from '../../core/caller.ts';
import { BrokerError } from '../../core/errors.ts';
import type { TenantId } from '../../core/identifiers.ts';
import { type Query, queryHeaders } from './query.ts';

/** A rule that opens a query. */
export interface OpeningRule {
  readonly name: string;
  /** Permissions of the rule that open the request. */
  readonly permissions: readonly string[];
  readonly tenants: TenantChoice;
}

/** A query that some rule opens in some tenant. */
export interface OpenedQuery {
  /** As it is sent, without query: `GET /v1.0/users`. */
  readonly request: string;
  /** Each of these permissions opens the request alone. Empty: it needs several together. */
  readonly anyOf: readonly string[];
  /** In the order of the policy. */
  readonly rules: readonly OpeningRule[];
  /** Tenants of every rule for this caller, whether it opens the request or not. */
  readonly covered: readonly TenantChoice[];
}

/**
 * Judges a query before any tenant is asked, by the policy in force. Each tenant is judged again when its turn comes.
 * @throws BrokerError request_invalid for a path that cannot be read with certainty; caller_forbidden if no rule opens the
 * request in any tenant, or only on a condition.
 */
export async function openQuery(deps: GatewayDeps, caller: Caller, query: Query): Promise<OpenedQuery> {
  if (carriesMac(query.path)) {
    throw new BrokerError('request_invalid', 'path: is a link of an answer. A query follows links itself: all pages.');
  }
  const { policy } = await deps.policy.current();
  const asked = { resource: 'graph', via: 'gateway' } as const;
  const denial = denyInAnyTenant(policy, caller, asked);
  if (denial !== undefined) throw denialError(denial);
  const rules = rulesInSomeTenant(policy, caller, asked);
  const map = await deps.permissionMap();
  const order = orderOf(query);
  const readLink = async (_: string, url: string) => ({ ok: true, url, link: undefined }) as const;
  const judging = { map, graphHost: deps.graphHost, readLink };
  const choice = await chooseRule(judging, rules, order, noTarget);
  if (!('rule' in choice)) throw refusalError(choice);
  const refusal = conditionRefusal(choice.rule);
  if (refusal !== undefined) throw refusal;
  const judge = ruleJudge(judging, order, noTarget);
  const opening: OpeningRule[] = [];
  for (const rule of rules.filter((each) => conditionRank(each) === 0)) {
    const judged = await judge(rule);
    if ('allowed' in judged || judged.batch) continue;
    opening.push({ name: rule.name, permissions: judged.verdict.permissions, tenants: rule.tenants });
  }
  return {
    request: requestOf(choice),
    anyOf: permissionsFor(map, query, choice.rule, deps.graphHost),
    rules: opening,
    covered: rules.map(({ tenants }) => tenants),
  };
}

const orderOf = (query: Query): GatewayOrder => ({
  tenant: '',
  resource: 'graph',
  method: 'GET',
  url: query.path,
  headers: queryHeaders(query),
  body: undefined,
  gatewayUrl: '',
  justification: {},
});

/** A request to Graph is judged without its tenant. */
const noTarget: PlainTarget = { alias: 'graph', baseUrl: '', tenantId: '' as TenantId };

function requestOf({ judged }: Extract<Awaited<ReturnType<typeof chooseRule>>, { readonly rule: Rule }>): string {
  // A batch is no GET.
  return judged.batch ? '' : `GET ${judged.verdict.request.path}`;
}

function permissionsFor(
  map: Awaited<ReturnType<GatewayDeps['permissionMap']>>,
  query: Query,
  rule: Rule,
  host: string,
): readonly string[] {
  const request = { method: 'GET', url: query.path, headers: queryHeaders(query) };
  const required = requiredPermissions(map, request, { scheme: grantOf(rule), host });
  return required.opened ? required.anyOf : [];
}
