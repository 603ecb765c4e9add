import { setImmediate } from 'node:timers/promises';
import type { PermissionMap } from 'graph-permissions/permission-map';
import {
  allowingRules,
  conditionRank,
  decide,
  type Denial,
  denyInAnyTenant,
  neededFacts,
  type PolicyCaller,
} from '../../access/policy/decide.ts';
import { type AccessPolicy, graphPaths, grantOf, namesSegment, type Rule } from '../../access/policy/policy.ts';
import { byProvenDomains, denialError, findTenant, parseReference } from '../../access/tenants/requested-tenant.ts';
import type { TenantFacts } from '../../access/tenants/tenant-set.ts';
import { type Caller, callerIdOf } from '../../core/caller.ts';
import { BrokerError } from '../../core/errors.ts';
import type { TenantId } from '../../core/identifiers.ts';
import { scrub } from '../../core/log.ts';
import { defined } from '../../core/objects.ts';
import { judgedBy } from '../../core/resources.ts';
import type { Resource } from '../../core/secrets.ts';
import { longWork, pieceLength } from '../../core/turns.ts';
import { type BatchReading, isBatch, judgeBatch, type JudgedPart, readBatch } from '../../judge/batch.ts';
import { judgeReading } from '../../judge/judge.ts';
import { pathOf, readNonGraphUrl } from '../../judge/reading/non-graph-url.ts';
import { readPath } from '../../judge/reading/path.ts';
import { isJson, readTarget } from '../../judge/reading/target.ts';
import { namesOf, type RequestNames } from '../../judge/request-names.ts';
import { once, readRequest, type RequestReading } from '../../judge/request-reading.ts';
import {
  type Allowed,
  type GatewayRequest,
  type Grant,
  orRefused,
  type Refused,
  refusedBy,
  unreadable,
  type Verdict,
} from '../../judge/verdict.ts';
import type { GatewayDeps } from '../gateway.ts';
import type { CallerRequest } from './gateway-request.ts';
import {
  judgeNonGraph,
  leadsToExchange,
  nonGraphBody,
  nonGraphNames,
  type NonGraphTarget,
  refuseUnlisted,
} from './judge-non-graph.ts';
import type { LinkReading } from './links.ts';
import type { RequestFacts } from './request-records.ts';

/** What a rule makes of a request to Graph: one verdict, or one for each part of a batch. */
type GraphVerdict =
  | { readonly batch: false; readonly verdict: Verdict }
  | { readonly batch: true; readonly parts: readonly JudgedPart[] };

/** A request to Graph, which each rule of the caller judges. */
type GraphReading =
  | { readonly batch: false; readonly host: string; readonly reading: RequestReading }
  | { readonly batch: true; readonly host: string; readonly reading: BatchReading };

/** Prepares a request for the judge. Nothing is read yet. */
const readGraph = (request: GatewayRequest, host: string): GraphReading =>
  isBatch(request, host)
    ? { batch: true, host, reading: readBatch(request, host) }
    : { batch: false, host, reading: readRequest(request, host) };

/** What a rule allows the judge. */
const judgedGrant = (rule: Rule, host: string): Grant => ({
  scheme: grantOf(rule),
  permissions: new Set(rule.scopes),
  beta: namesSegment(rule.requests, 0, 'beta'),
  me: namesSegment(rule.requests, 1, 'me'),
  host,
});

/** Judges one request to Graph by the scopes of a rule, once for all rules with the same, and then by its `requests`. Pure. */
export function judgeByRules(map: PermissionMap, reading: RequestReading, host: string): (rule: Rule) => Verdict {
  const verdicts = new Map<string, Verdict>();
  return (rule) => {
    const grant = judgedGrant(rule, host);
    const key = [grant.scheme, grant.beta, grant.me, ...grant.permissions].join(' ');
    const verdict = verdicts.get(key) ?? judgeReading(map, grant, reading);
    verdicts.set(key, verdict);
    return narrowed(verdict, rule);
  };
}

async function judgeGraph(map: PermissionMap, rule: Rule, requested: GraphReading): Promise<GraphVerdict> {
  if (!requested.batch) {
    const { reading } = requested;
    const verdict = judgeByRules(map, reading, requested.host)(rule);
    return { batch: false, verdict: followable(verdict, reading.request.link !== undefined) };
  }
  const judged = await judgeBatch(map, judgedGrant(rule, requested.host), requested.reading, setImmediate);
  if (!judged.readable) return { batch: false, verdict: judged };
  // A part that depends on a refused one is not sent either: `sendBatch` sees that that one failed.
  const parts = judged.parts.map((part) => ({
    ...part,
    verdict: followable(narrowed(part.verdict, rule), false),
  }));
  return { batch: true, parts };
}

function narrowed(verdict: Verdict, { requests: limit, protect }: Rule): Verdict {
  if (!verdict.allowed) return verdict;
  const { request, changed } = verdict;
  if (protect !== undefined && changed === 'unknown') {
    const reason = `The rule protects users, and this path does not show whom a ${request.method} changes; address the user as /users/{id}, or ask for a rule that protects nobody.`;
    return { allowed: false, kind: 'not-permitted', reason };
  }
  return (limit && orRefused(() => refuseUnlisted(limit, request, graphPaths))) ?? verdict;
}

/**
 * Longest URL that is sent, in characters, unless it follows a link. Links of the answer repeat it, and have room for the address
 * of the gateway, the resource's token and the MAC before the host refuses them (see `maximumUrlLength`).
 */
const longestFirstUrl = 5_000;

function followable<V extends Verdict>(verdict: V, followsLink: boolean): V | Refused {
  if (!verdict.allowed || followsLink || verdict.request.url.length <= longestFirstUrl) return verdict;
  const reason = `The URL as it is sent is longer than ${longestFirstUrl} characters, so links of the answer would be too long; send a shorter query.`;
  return { allowed: false, kind: 'unreadable', reason };
}

/** A part of a batch that may be sent. */
export type AllowedPart = JudgedPart & { readonly verdict: Allowed };

export const isAllowed = (part: JudgedPart): part is AllowedPart => part.verdict.allowed;

/** What a rule lets out: one request, or the allowed parts of a batch. */
type Judged =
  | {
      readonly batch: false;
      readonly verdict: Allowed;
      readonly cmdlet: string | undefined;
      readonly names: RequestNames;
    }
  | { readonly batch: true; readonly parts: readonly JudgedPart[] };

/** The rule that serves a request. */
interface Choice {
  readonly rule: Rule;
  readonly judged: Judged;
}

/** What judging a request needs. */
interface JudgeDeps {
  /** Undefined for resources other than Graph. */
  readonly map: PermissionMap | undefined;
  /** Host of Graph in the cloud. */
  readonly graphHost: string;
  /** Reads the links of the gateway, which belong to one rule. @throws BrokerError key_vault_unavailable */
  readonly readLink: (rule: string, url: string) => Promise<LinkReading>;
}

/**
 * Leaves a URL as it is. A link of the gateway needs its key, so a request that follows one is judged as if it were none.
 */
export const withoutLinks: JudgeDeps['readLink'] = async (_, url) => ({ ok: true, url, link: undefined });

/**
 * Chooses the first rule that lets the request out. Of a batch, the first rule that lets every part out, or else the one
 * that lets out most. A rule with a condition is asked only if none without one lets anything out (`conditionRank`).
 * @param rules Rules of the caller for the resource in the tenant, in the order of the policy; at least one.
 * @param emergency Whether the caller declares one.
 * @returns the rule, or the refusal of the rule that came furthest.
 */
export async function chooseRule(
  judge: RuleJudge,
  rules: readonly Rule[],
  emergency = false,
): Promise<Choice | Refused> {
  const refusals: Refused[] = [];
  for (const rank of [0, 1, 2]) {
    const equals = rules.filter((rule) => conditionRank(rule, emergency) === rank);
    const choice = await chooseAmong(judge, equals, refusals);
    if (choice !== undefined) return choice;
  }
  // A rule that could read the request came further than one that could not.
  return refusals.find(({ kind }) => kind !== 'unreadable') ?? refusals[0] ?? nothing;
}

/** @param refusals takes those of these rules. */
async function chooseAmong(judge: RuleJudge, rules: readonly Rule[], refusals: Refused[]): Promise<Choice | undefined> {
  let best: { readonly choice: Choice; readonly allowed: number } | undefined;
  for (const rule of rules) {
    // Yields to other requests and the deadline between two rules.
    if (rule !== rules[0] || refusals.length > 0) await setImmediate();
    const judged = await judge(rule);
    if ('allowed' in judged) {
      refusals.push(judged);
      continue;
    }
    if (!judged.batch) return { rule, judged };
    const allowed = judged.parts.filter(isAllowed).length;
    if (allowed === judged.parts.length) return { rule, judged };
    if (best === undefined || allowed > best.allowed) best = { choice: { rule, judged }, allowed };
  }
  return best?.choice;
}

const nothing: Refused = { allowed: false, kind: 'not-permitted', reason: 'No rule opens the request; ask for one.' };

/** What one rule makes of a request. */
export interface RuleJudge {
  (rule: Rule): Promise<Judged | Refused>;
  /** What a refused request names, as far as it was read: of a request to Graph without its body. */
  readonly refusedNames: () => RequestNames & { readonly cmdlet?: string };
}

/**
 * Returns what one rule makes of a request. The request is read once, whatever the number of rules.
 * @throws BrokerError of `readLink`.
 */
export function ruleJudge(deps: JudgeDeps, request: CallerRequest, target: NonGraphTarget): RuleJudge {
  const body = once(() => bodyText(request));
  const plain = once(() => nonGraphBody(body()));
  const readings = new Map<string, GraphReading>();
  /** A link belongs to one rule, so for all others its URL stays the caller's. */
  const graphReading = ({ url, link }: Extract<LinkReading, { ok: true }>): GraphReading => {
    const known = readings.get(url);
    if (known !== undefined && link === undefined) return known;
    const reading = readGraph({ ...request, url, body: body(), link }, deps.graphHost);
    if (link === undefined) readings.set(url, reading);
    return reading;
  };
  const judge = async (rule: Rule): Promise<Judged | Refused> => {
    const reading = await deps.readLink(rule.name, request.url);
    if (!reading.ok) return { allowed: false, kind: 'not-permitted', reason: reading.reason };
    // Otherwise the large bodies of several callers are read in one pass of the event loop.
    const isLarge = (request.body?.length ?? 0) > pieceLength;
    if (isLarge && longWork.isOver('caller')) await longWork.take('caller');
    try {
      if (deps.map === undefined) {
        const { requests = noRequests } = rule;
        const read = { ...request, url: reading.url };
        const judged = judgeNonGraph(requests, read, target, plain());
        const verdict = followable(judged.verdict, reading.link !== undefined);
        if (!verdict.allowed) return verdict;
        const { cmdlet, ...names } = nonGraphNames(read, plain(), leadsToExchange(target));
        return { batch: false, verdict, cmdlet, names };
      }
      const asked = graphReading(reading);
      const judged = await judgeGraph(deps.map, rule, asked);
      if (judged.batch) return judged;
      const { verdict } = judged;
      if (!verdict.allowed) return verdict;
      const names = asked.batch ? {} : namesOf(asked.reading, deps.map);
      return { batch: false, verdict, cmdlet: undefined, names };
    } catch (error) {
      return refusedBy(error);
    }
  };
  const refusedNames = (): ReturnType<RuleJudge['refusedNames']> => {
    try {
      if (deps.map === undefined) return nonGraphNames(request, plain(), leadsToExchange(target));
      const { batch, reading } = graphReading({ ok: true, url: request.url, link: undefined });
      return batch ? {} : namesOf({ ...reading, request: { ...reading.request, body: undefined } }, deps.map);
    } catch {
      return {};
    }
  };
  return Object.assign(judge, { refusedNames });
}

/** `parsePolicy` demands `requests` of such a rule. */
const noRequests = { methods: undefined, paths: [], cmdlets: undefined };

/** Rejects invalid UTF-8 in JSON. Of other bodies the judge reads only whether there is one. */
function bodyText({ body, headers }: CallerRequest): string {
  if (body === undefined) return '';
  if (!isJson(headers['content-type'])) return Buffer.from(body).toString('latin1');
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    throw unreadable('The body is not UTF-8; send JSON in UTF-8.');
  }
}

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
export const factsOf = (request: CallerRequest): KnownFacts =>
  defined({
    // The text of the caller may contain anything, even a secret pasted by mistake.
    tenantAsked: scrub(request.tenant),
    resource: request.resource,
    method: request.method,
    scopes: [],
    path: readablePath(request),
  });

/** Canonical as the judge reads it, without query; undefined for a path that cannot be read. */
export function readablePath({ resource, url }: Pick<CallerRequest, 'resource' | 'url'>): string | undefined {
  try {
    if (judgedBy(resource) !== 'permissions') return pathOf(readNonGraphUrl(url).segments);
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
  request: CallerRequest,
  caller: Caller,
  facts: KnownFacts,
): Promise<Authorization> {
  const resource = deps.resources.get(request.resource);
  const reference = parseReference(request.tenant);
  if (reference.kind === 'id') facts.tenantId = reference.tenantId;
  const { policy } = await deps.policy.current();
  const access = { resource: resource.alias, via: 'gateway' } as const;
  // Before the tenant of a domain is looked up, so that a caller without any rule causes no request to Entra.
  const early = denyInAnyTenant(policy, caller, access);
  if (early !== undefined) throw denialError(early);

  const tenant = await findTenant(deps, reference, callerIdOf(caller));
  if (tenant.tenantId !== undefined) facts.tenantId = tenant.tenantId;
  const rules = await byProvenDomains(deps, callerIdOf(caller), tenant, {
    decideBy: (proven) => rulesFor(policy, caller, { ...access, ...proven }),
    isSame: sameRules,
    needed: neededFacts(policy, caller, access),
  });
  if ('missing' in rules) throw denialError(rules);
  // After the decision, so that a caller without a rule learns nothing about tenants.
  if (tenant.tenantId === undefined) throw new BrokerError('tenant_unknown', 'No tenant owns this domain.');

  const baseUrl = deps.addressOf(resource);
  if (baseUrl === undefined) {
    throw new BrokerError('resource_not_allowed', `The resource ${resource.alias} has no address to send requests to.`);
  }
  const { tenantId } = tenant;
  const { alias } = resource;
  const owner = { caller: callerIdOf(caller), tenantId, resource: alias };
  const judging = {
    map: judgedBy(alias) === 'permissions' ? await deps.permissionMap() : undefined,
    graphHost: deps.graphHost,
    readLink: (rule: string, url: string) => deps.links.read({ ...owner, rule }, url),
  };
  const judge = ruleJudge(judging, request, { alias, baseUrl, tenantId });
  const choice = await chooseRule(judge, rules, request.justification.breakGlass);
  if (!('rule' in choice)) {
    Object.assign(facts, judge.refusedNames());
    throw refusalError(choice);
  }
  const { rule } = choice;
  Object.assign(facts, { rule: rule.name, application: rule.application, grant: grantOf(rule) });
  return { ...choice, tenantId, tenantName: tenant.listed?.name, resource, baseUrl };
}

type Request = TenantFacts & { readonly resource: string; readonly via: 'gateway' };

function rulesFor(policy: AccessPolicy, caller: PolicyCaller, request: Request): readonly Rule[] | Denial {
  const requested = { ...request, scopes: [] };
  const decision = decide(policy, caller, requested);
  return decision.allow ? allowingRules(policy, caller, requested) : decision;
}

function sameRules(one: readonly Rule[] | Denial, other: readonly Rule[] | Denial): boolean {
  if ('missing' in one) return 'missing' in other && one.missing === other.missing;
  return !('missing' in other) && one.length === other.length && one.every((rule, index) => rule === other[index]);
}

/** A refusal of the judge as an error. */
export const refusalError = ({ kind, reason }: Refused): BrokerError =>
  new BrokerError(kind === 'unreadable' ? 'request_invalid' : 'caller_forbidden', reason, {
    ...(kind === 'not-permitted' ? { lacks: 'request' } : {}),
    logFields: { refusal: kind },
  });
