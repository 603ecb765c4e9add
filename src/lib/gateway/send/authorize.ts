import {
  allowingRules,
  type Denial,
  decide,
  denyInAnyTenant,
  neededFacts,
  type PolicyCaller,
} from '../../access/policy/decide.ts';
import type { AccessPolicy, Rule } from '../../access/policy/policy.ts';
import { byProvenDomains, denialError, findTenant, parseReference } from '../../access/tenants/requested-tenant.ts';
import type { TenantFacts } from '../../access/tenants/tenant-set.ts';
import { readPath } from '../../judge/reading/path.ts';
import { readTarget } from '../../judge/reading/target.ts';
import type { Refused } from '../../judge/verdict.ts';
import { type Caller, callerIdOf } from '../../core/caller.ts';
import { BrokerError } from '../../core/errors.ts';
import type { TenantId } from '../../core/identifiers.ts';
import type { Resource } from '../../core/token.ts';
import { scrub } from '../../core/log.ts';
import { type Choice, chooseRule } from './choose-rule.ts';
import type { GatewayDeps } from '../gateway.ts';
import type { GatewayOrder } from './gateway-request.ts';
import { pathOf, readPlainUrl } from './plain-url.ts';
import type { RequestFacts } from './request-records.ts';
import { grantOf } from './rule-grant.ts';

/** A request that a rule lets out. */
export interface Authorization extends Choice {
  readonly tenantId: TenantId;
  /** Undefined if the directory does not list the tenant. */
  readonly tenantName: string | undefined;
  readonly resource: Resource;
  /** The address of the resource, without a trailing slash. */
  readonly baseUrl: string;
}

/** Facts that become known while a request is authorized. */
export type KnownFacts = { -readonly [K in keyof RequestFacts]: RequestFacts[K] };

/** The facts that a request itself shows. */
export const factsOf = (order: GatewayOrder): KnownFacts => {
  const path = readablePath(order);
  return {
    // The text of the caller may contain anything, even a secret pasted by mistake.
    tenantAsked: scrub(order.tenant),
    resource: order.resource,
    method: order.method,
    scopes: [],
    ...(path === undefined ? {} : { path }),
  };
};

/** Canonical as the judge reads it, without query; undefined for a path that cannot be read. */
export function readablePath({ resource, url }: Pick<GatewayOrder, 'resource' | 'url'>): string | undefined {
  try {
    if (resource !== 'graph') return pathOf(readPlainUrl(url).segments);
    const { version, path } = readTarget(url, 'graph');
    return `/${version}${readPath(path).slashed}`;
  } catch {
    return undefined;
  }
}

/**
 * Finds the tenant, applies the policy and judges the request. Fills `facts` for the audit record.
 * @throws BrokerError caller_forbidden, request_invalid, resource_not_allowed, tenant_unknown, or a failure to find the
 * tenant.
 */
export async function authorize(
  deps: GatewayDeps,
  order: GatewayOrder,
  caller: Caller,
  facts: KnownFacts,
): Promise<Authorization> {
  const resource = deps.resources.get(order.resource);
  const reference = parseReference(order.tenant);
  if (reference.kind === 'id') facts.tenantId = reference.tenantId;
  const { policy } = await deps.policy.current();
  const request = { resource: resource.alias, via: 'gateway' } as const;
  // Before the tenant of a domain is looked up, so that a caller without any rule causes no request to Entra.
  const early = denyInAnyTenant(policy, caller, request);
  if (early !== undefined) throw denialError(early);

  const tenant = await findTenant(deps, reference, callerIdOf(caller));
  if (tenant.tenantId !== undefined) facts.tenantId = tenant.tenantId;
  const rules = await byProvenDomains(deps, callerIdOf(caller), tenant, {
    decideBy: (proven) => rulesFor(policy, caller, { ...request, ...proven }),
    isSame: sameRules,
    needed: neededFacts(policy, caller, request),
  });
  if ('missing' in rules) throw denialError(rules);
  // After the decision, so that a caller without a rule learns nothing about tenants.
  if (tenant.tenantId === undefined) throw new BrokerError('tenant_unknown', 'No tenant owns this domain.');

  const baseUrl = deps.addressOf(resource);
  if (baseUrl === undefined) {
    throw new BrokerError('resource_not_allowed', `The resource ${resource.alias} has no address to send requests to.`);
  }
  const { tenantId } = tenant;
  const choice = await choose(deps, rules, order, { caller, resource, baseUrl, tenantId });
  const { rule } = choice;
  facts.rule = rule.name;
  facts.application = rule.application;
  facts.grant = grantOf(rule);
  return { ...choice, tenantId, tenantName: tenant.listed?.name, resource, baseUrl };
}

type Request = TenantFacts & { readonly resource: string; readonly via: 'gateway' };

function rulesFor(policy: AccessPolicy, caller: PolicyCaller, request: Request): readonly Rule[] | Denial {
  const asked = { ...request, scopes: [] };
  const decision = decide(policy, caller, asked);
  return decision.allow ? allowingRules(policy, caller, asked) : decision;
}

function sameRules(one: readonly Rule[] | Denial, other: readonly Rule[] | Denial): boolean {
  if ('missing' in one) return 'missing' in other && one.missing === other.missing;
  return !('missing' in other) && one.length === other.length && one.every((rule, index) => rule === other[index]);
}

interface Asked extends Pick<Authorization, 'resource' | 'baseUrl' | 'tenantId'> {
  readonly caller: Caller;
}

async function choose(
  deps: GatewayDeps,
  rules: readonly Rule[],
  order: GatewayOrder,
  { caller, resource, baseUrl, tenantId }: Asked,
): Promise<Choice> {
  const owner = { caller: callerIdOf(caller), tenantId, resource: resource.alias };
  const choice = await chooseRule(
    {
      map: resource.alias === 'graph' ? await deps.permissionMap() : undefined,
      graphHost: deps.graphHost,
      readLink: (rule, url) => deps.links.read({ ...owner, rule }, url),
    },
    rules,
    order,
    { alias: resource.alias, baseUrl, tenantId },
  );
  if ('rule' in choice) return choice;
  throw refusalError(choice);
}

/** A refusal of the judge as an error. */
export const refusalError = ({ kind, reason }: Refused): BrokerError =>
  new BrokerError(kind === 'unreadable' ? 'request_invalid' : 'caller_forbidden', reason, {
    logFields: { refusal: kind },
  });
