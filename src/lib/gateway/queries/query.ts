import { conditionRank, denyInAnyTenant, rulesInSomeTenant } from '../../access/policy/decide.ts';
import { grantOf } from '../../access/policy/policy.ts';
import { denialError } from '../../access/tenants/requested-tenant.ts';
import type { TenantSelection } from '../../access/tenants/tenant-set.ts';
import type { Caller } from '../../core/caller.ts';
import { BrokerError } from '../../core/errors.ts';
import type { TenantId } from '../../core/identifiers.ts';
import { scrub } from '../../core/log.ts';
import type { JsonObject } from '../../core/objects.ts';
import { graphPath } from '../../core/resources.ts';
import { requiredPermissions } from '../../judge/judge.ts';
import { consistencyHeader } from '../../microsoft/graph.ts';
import { selectOf } from '../../runs/job/row.ts';
import type { GatewayDeps } from '../gateway.ts';
import { chooseRule, refusalError, ruleJudge, withoutLinks } from '../send/authorize.ts';
import type { NonGraphTarget } from '../send/judge-non-graph.ts';
import { carriesMac } from '../send/links.ts';
import { conditionRefusal } from '../send/serve-request.ts';

/** One GET to Microsoft Graph, for many tenants. */
export interface Query {
  /** Path and query from the version on, percent-encoded: `/v1.0/users?$select=id`. */
  readonly path: string;
  /** Whether the further pages of the answer are read too. */
  readonly allPages: boolean;
}

/** What a caller sends. */
export interface QueryText {
  readonly path: string;
  /** Names for `$select`. */
  readonly select?: readonly string[] | undefined;
  readonly allPages?: boolean | undefined;
}

/** Longest path with its query, in characters. It is stored with the run and shown in lists. */
const maxPathLength = 4_000;

/** A property, or a path to one: `displayName`, `signInActivity/lastSignInDateTime`, `extension_4711_level`. */
const propertyName = /^[A-Za-z_][\w.]*(?:\/[A-Za-z_][\w.]*)*$/;

/**
 * Reads a query. A path without a version is one of `v1.0`. Whether a rule opens it, and whether Microsoft Graph could read it
 * in another way, the judge decides (`openQuery`).
 * @throws BrokerError request_invalid
 */
export function readQuery({ path: given, select = [], allPages = false }: QueryText): Query {
  const text = given.trim().replaceAll(' ', '%20');
  if (/^[a-z][a-z\d+.-]*:/i.test(text)) throw invalid('path: is an address. Send the path alone, such as /v1.0/users.');
  const path = withSelect(graphPath(text), select);
  if (path.length > maxPathLength) throw invalid(`path: has more than ${maxPathLength} characters.`);
  if (scrub(path) !== path)
    throw invalid('path: contains something that looks like a secret, and the run would keep it. Leave it out.');
  return { path, allPages };
}

function withSelect(path: string, select: readonly string[]): string {
  if (select.length === 0) return path;
  const wrong = select.find((name) => !propertyName.test(name));
  if (wrong !== undefined) throw invalid(`select: "${scrub(wrong).slice(0, 60)}" is no name of a property.`);
  if (selectOf(path).length > 0)
    throw invalid('select: the path has $select already. Name the properties in one place.');
  return `${path}${path.includes('?') ? '&' : '?'}$select=${select.join(',')}`;
}

/** The headers of the request. */
export const queryHeaders = ({ path }: Query): Readonly<Record<string, string>> => ({
  accept: 'application/json',
  ...consistencyHeader(path),
});

const invalid = (detail: string): BrokerError => new BrokerError('request_invalid', detail);

/** The query that `startQuery` has stored with its run. An earlier version may have written other parameters. */
export const storedQuery = ({ path, allPages }: JsonObject): QueryText => ({
  path: typeof path === 'string' ? path : '',
  allPages: allPages === true,
});

/** A rule that opens a query. */
interface OpeningRule {
  readonly name: string;
  /** Permissions of the rule that open the request. */
  readonly permissions: readonly string[];
  readonly tenants: TenantSelection;
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
  readonly covered: readonly TenantSelection[];
}

/**
 * Judges a query before any tenant is asked, by the policy in force. Each tenant is judged again when its turn comes.
 * @throws BrokerError request_invalid for a path that cannot be read with certainty; caller_forbidden if no rule opens the
 * request in any tenant, or only on a condition.
 */
export async function openQuery(deps: GatewayDeps, caller: Caller, query: Query): Promise<OpenedQuery> {
  if (carriesMac(query.path)) throw invalid('path: is a link of an answer. A query follows links itself: all pages.');
  const { policy } = await deps.policy.current();
  const requested = { resource: 'graph', via: 'gateway' } as const;
  const denial = denyInAnyTenant(policy, caller, requested);
  if (denial !== undefined) throw denialError(denial);
  const rules = rulesInSomeTenant(policy, caller, requested);
  const map = await deps.permissionMap();
  const request = {
    tenant: '',
    resource: 'graph',
    method: 'GET',
    url: query.path,
    headers: queryHeaders(query),
    body: undefined,
    gatewayUrl: '',
    justification: {},
  };
  const host = deps.graphHost;
  const judge = ruleJudge({ map, graphHost: host, readLink: withoutLinks }, request, noTarget);
  const choice = await chooseRule(judge, rules);
  if (!('rule' in choice)) throw refusalError(choice);
  const refusal = conditionRefusal(choice.rule);
  if (refusal !== undefined) throw refusal;
  const opening: OpeningRule[] = [];
  for (const rule of rules.filter((each) => conditionRank(each) === 0)) {
    const judged = await judge(rule);
    if ('allowed' in judged || judged.batch) continue;
    opening.push({ name: rule.name, permissions: judged.verdict.permissions, tenants: rule.tenants });
  }
  const { judged, rule: chosen } = choice;
  const required = requiredPermissions(map, request, { scheme: grantOf(chosen), host });
  return {
    // A batch is no GET.
    request: judged.batch ? '' : `GET ${judged.verdict.request.path}`,
    anyOf: required.opened ? required.anyOf : [],
    rules: opening,
    covered: rules.map(({ tenants }) => tenants),
  };
}

/** A request to Graph is judged without its tenant. */
const noTarget: NonGraphTarget = { alias: 'graph', baseUrl: '', tenantId: '' as TenantId };
