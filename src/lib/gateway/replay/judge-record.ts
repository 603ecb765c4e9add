import { hash } from 'node:crypto';
import type { PermissionMap } from 'graph-permissions/permission-map';
import { LRUCache } from 'lru-cache';
import {
  allowingRules,
  conditionRank,
  decide,
  failedCallerStage,
  inOrder,
  type PolicyCaller,
  rulesForChanges,
} from '../../access/policy/decide.ts';
import { type AccessPolicy, judgeScopes, type Rule, shortName } from '../../access/policy/policy.ts';
import { domainsIn, missingFact, selects, type TenantFacts } from '../../access/tenants/tenant-set.ts';
import type { AuditEntry } from '../../audit/audit-log.ts';
import { type CallerRole, callerRoles } from '../../core/caller.ts';
import { policyRefusals } from '../../core/error-table.ts';
import { type DomainName, nilUuid, parseDomainName, type TenantId } from '../../core/identifiers.ts';
import { defined } from '../../core/objects.ts';
import { judgedBy, publicGraphHost } from '../../core/resources.ts';
import { namesOf, readNames } from '../../judge/request-names.ts';
import { once } from '../../judge/request-reading.ts';
import { refusedBy, unreadable, type Verdict } from '../../judge/verdict.ts';
import { parseRunId } from '../../runs/store/run.ts';
import { judgeByRules } from '../send/authorize.ts';
import { judgeNonGraph } from '../send/judge-non-graph.ts';

/*
 * Decides on a recorded token, request or change of a plan as the broker does, by another policy: the same `decide`, the same judge,
 * from the names in the record instead of the text of the request. What waits for an approval is judged as what it asks for.
 */

/** Why a record is not judged. */
export const skipReasons = {
  outcome: 'records of the outcome of a request, which is judged by its first record',
  step: 'decisions on approvals, changes of tags and calls of tools, whose tokens and requests have records of their own',
  plans: 'approvals of plans, whose changes have records of their own',
  lookup: 'requests by which the broker learned whom another one changes',
  job: 'tokens of jobs and of the broker, which need no rule',
  form: 'refusals before anything was decided by a rule',
  failure: 'refusals for another reason than the policy',
} as const;
export type SkipReason = keyof typeof skipReasons;

/** What a caller wanted of the broker. */
export type Wanted = 'token' | 'request' | 'change';

/** A record of a decision: a token, request or change, whether it was served, refused or had to wait for an approval. */
export type Decided = AuditEntry & { readonly tenantId: TenantId; readonly resource: string };

/** Returns the record if the policy has decided on it, or why it is not judged. Pure. */
export function decidedIn(entry: AuditEntry): Decided | SkipReason {
  const { kind, outcome, caller, tenantId, resource, method, path } = entry;
  if (kind !== undefined && kind !== 'request' && outcome !== 'asked') return 'step';
  if (outcome === 'answered' || outcome === 'failed') return 'outcome';
  if (caller.applicationId === nilUuid) return 'job';
  if (outcome === 'denied' && !policyRefusals.has(entry.code))
    return entry.code === 'request_invalid' ? 'form' : 'failure';
  if (outcome === 'asked' && resource === undefined) return 'plans';
  if (tenantId === undefined || resource === undefined || entry.route !== undefined) return 'form';
  if (kind === 'request' && (method === undefined || path === undefined)) return 'form';
  return isLookUp(entry) ? 'lookup' : (entry as Decided);
}

/** What the record is about. Who asks for an approval wants what it is for. */
export function wantedOf(entry: AuditEntry): Wanted {
  if (jobOf(entry) !== undefined) return 'change';
  return entry.kind === 'request' || entry.method !== undefined ? 'request' : 'token';
}

/** The change job whose plan a request was part of. */
export const jobOf = ({ plan, run }: AuditEntry): string | undefined =>
  plan === undefined || run === undefined ? undefined : parseRunId(run)?.job;

/** Only its own look-ups does the broker send without a record of what they name. Earlier versions recorded no names and no roles. */
const isLookUp = ({ outcome, kind, method, roles, resource, template }: AuditEntry): boolean =>
  kind === 'request' &&
  outcome === 'sent' &&
  method === 'GET' &&
  roles !== undefined &&
  template === undefined &&
  judgedBy(resource ?? '') === 'permissions';

const writes: ReadonlySet<string | undefined> = new Set(['POST', 'PATCH', 'PUT']);

/** Whether a record says less than its request: one of an earlier version, or of a refused write, whose body was not recorded. */
export const isPartial = ({ roles, kind, outcome, method }: AuditEntry): boolean =>
  roles === undefined || (kind === 'request' && outcome === 'denied' && writes.has(method));

/** The role that every caller holds who got so far. */
export const leastRole: Readonly<Record<Wanted, CallerRole>> = {
  token: 'Tokens.Request',
  request: 'Requests.Send',
  change: 'Changes.Apply',
};

/** What a policy cannot be asked, because neither the record nor the directory has it. */
export const unknowns = {
  roles: 'the roles of the caller are not recorded, and the rules ask for some',
  tenant: 'the rules ask for domains or tags of the tenant that the list does not have',
  names: 'the record does not have all names of the request',
  target: 'it depends on who was changed',
} as const;
export type Unknown = keyof typeof unknowns;

export type RecordDecision =
  | {
      readonly outcome: 'served';
      readonly rule: Rule;
      /** The permissions of the rule that open the request. */
      readonly permissions: readonly string[];
      /** What the broker would look up in the tenant first. */
      readonly asksFirst: string;
    }
  | { readonly outcome: 'refused'; readonly reason: string }
  | { readonly outcome: 'unknown'; readonly why: Unknown };

export interface RecordJudgeDeps {
  readonly map: PermissionMap;
  /** All customers that are listed now, with their tags and default domains. */
  readonly tenants: readonly TenantFacts[];
  /** The partner's own tenant, which `"*"` does not contain. Undefined: not known, so its records count as those of a customer. */
  readonly partnerTenantId: TenantId | undefined;
}

/** Most verdicts of rules that are kept, and most decisions. Each has some hundred bytes. */
const kept = 20_000;

/** Records have so many characters of a path. */
const longestPath = 512;

type Asked = readonly [Decided, PolicyCaller, TenantFacts & { readonly breakGlass: boolean }];

/** The part of a verdict that matters afterwards. */
type Opinion =
  | Pick<Extract<RecordDecision, { outcome: 'served' }>, 'permissions' | 'asksFirst'>
  | { readonly reason: string; readonly isUnreadable: boolean };

/** Decides on records by one policy. Keeps what it has judged, within bounds. */
export class RecordJudge {
  readonly policy: AccessPolicy;
  readonly map: PermissionMap;
  readonly #opinions = new LRUCache<string, Opinion>({ max: kept });
  readonly #decisions = new LRUCache<string, RecordDecision>({ max: kept });
  readonly #tenants: ReadonlyMap<TenantFacts['tenantId'], TenantFacts>;
  readonly #partnerTenantId: TenantId | undefined;
  /** Domains of the rules that are no default domain of a customer, so that their owners are not known. */
  readonly #unresolved: ReadonlySet<DomainName>;
  readonly #patterns: readonly (readonly string[])[];
  readonly #namesKeys = new LRUCache<string, boolean>({ max: kept });

  constructor(policy: AccessPolicy, { map, tenants: listed, partnerTenantId }: RecordJudgeDeps) {
    this.policy = policy;
    this.map = map;
    this.#partnerTenantId = partnerTenantId;
    this.#tenants = new Map(listed.map((facts) => [facts.tenantId, facts]));
    const owned = new Set(listed.flatMap(({ domains }) => domains));
    const named = domainsIn(policy.rules.flatMap(({ tenants: { tenants, except } }) => [tenants, except]));
    this.#unresolved = new Set(named.filter((domain) => !owned.has(domain)));
    this.#patterns = policy.rules.flatMap(({ requests }) => requests?.paths ?? []);
  }

  /** Whether a rule tells objects apart that have this template, because it names one. */
  namesKey(template: string): boolean {
    const known = this.#namesKeys.get(template);
    if (known !== undefined) return known;
    const segments = template.toLowerCase().slice(1).split('/');
    // Names of types are no segments of a pattern.
    const hasType = segments.some((segment) => segment.startsWith('microsoft.graph.'));
    const found = this.#patterns.some((pattern) => hasType || hasKeyOf(pattern, segments));
    this.#namesKeys.set(template, found);
    return found;
  }

  /** What the policy makes of a record. */
  decide(entry: Decided): RecordDecision {
    const key = keyOf(entry, [this]);
    const known = this.#decisions.get(key) ?? this.#decide(entry);
    this.#decisions.set(key, known);
    return known;
  }

  /** Does the work of `decide` that grows with the number of rules, in steps between which others may have a turn. */
  *prepare(entry: AuditEntry): Generator<undefined> {
    const decided = decidedIn(entry);
    if (typeof decided === 'string' || wantedOf(decided) !== 'request') return;
    if (this.#decisions.has(keyOf(decided, [this]))) return;
    const shape = shapeOf(decided, [this]);
    const judge = once(() => this.verdictsOf(decided));
    for (const rule of this.policy.rules) {
      if (!rule.gateway || failedCallerStage(rule, { ...decided.caller, roles: callerRoles }) !== undefined) continue;
      this.#opinionOf(rule, shape, judge);
      yield;
    }
  }

  #decide(entry: Decided): RecordDecision {
    if (entry.roles !== undefined) return this.#decideAs(entry, entry.roles);
    const least = this.#decideAs(entry, [leastRole[wantedOf(entry)]]);
    const most = this.#decideAs(entry, callerRoles);
    return isSame(least, most) ? most : { outcome: 'unknown', why: 'roles' };
  }

  /** What is known of the tenant of a record. */
  factsFor({ tenantId, tenantAsked = '' }: Decided): TenantFacts {
    const asked = parseDomainName(tenantAsked);
    const { domains, tags } = this.#tenants.get(tenantId) ?? { domains: [], tags: undefined };
    const isPartnerTenant = tenantId === this.#partnerTenantId;
    if (asked === undefined) return { tenantId, domains, tags, isPartnerTenant, unresolved: this.#unresolved };
    // The broker had found out that the domain belongs to the tenant.
    const unresolved = this.#unresolved.has(asked)
      ? new Set([...this.#unresolved].filter((domain) => domain !== asked))
      : this.#unresolved;
    return { tenantId, domains: [...domains, asked], tags, isPartnerTenant, unresolved };
  }

  #decideAs(entry: Decided, roles: PolicyCaller['roles']): RecordDecision {
    const { breakGlass = false } = entry;
    const decideIn = (facts: TenantFacts): RecordDecision =>
      this.#decideBy[wantedOf(entry)](entry, { ...entry.caller, roles }, { ...facts, breakGlass });
    const facts = this.factsFor(entry);
    const decision = decideIn(facts);
    const { domains, unresolved = new Set() } = facts;
    if (decision.outcome !== 'refused' || unresolved.size === 0) return decision;
    // If the tenant had all of these domains, or none.
    const others = [
      { ...facts, domains: [...domains, ...unresolved] },
      { ...facts, unresolved: undefined },
    ];
    const isSure = others.every((other) => decideIn(other).outcome === 'refused');
    return isSure ? decision : { outcome: 'unknown', why: 'tenant' };
  }

  readonly #decideBy: Readonly<Record<Wanted, (...asked: Asked) => RecordDecision>> = {
    token: (...asked) => this.#decideToken(...asked),
    request: (...asked) => this.#decideRequest(...asked),
    change: (...asked) => this.#decideChange(...asked),
  };

  #decideChange(...[entry, caller, facts]: Asked): RecordDecision {
    const job = jobOf(entry) ?? '';
    const rules = rulesForChanges(this.policy, caller, job);
    const rule = rules.find(({ tenants }) => selects(tenants, facts));
    if (rule !== undefined) {
      const { protect } = rule;
      const asksFirst = protect === undefined || entry.method === 'GET' ? '' : protectionText(protect);
      return { outcome: 'served', rule, permissions: entry.scopes, asksFirst };
    }
    if (rules.some(({ tenants }) => missingFact(tenants, facts) !== undefined))
      return { outcome: 'unknown', why: 'tenant' };
    return { outcome: 'refused', reason: `No rule lets this caller apply plans of ${job} in this tenant.` };
  }

  #decideToken(...[entry, caller, facts]: Asked): RecordDecision {
    const { resource, outcome, scopes } = entry;
    const issued = outcome === 'issued';
    const asked = issued ? (entry.requestedScopes ?? []) : scopes;
    const carried = issued ? scopes : entry.code === 'scope_not_allowed' ? (entry.excessScopes ?? []) : undefined;
    const request = { ...facts, resource, via: 'token' as const, ...defined({ grant: entry.grant }) };
    const attempt = (wanted: readonly string[]): RecordDecision => {
      const decision = decide(this.policy, caller, { ...request, scopes: wanted });
      if (!decision.allow) return refusedOr(decision);
      const judgement = carried === undefined ? undefined : judgeScopes(decision, carried);
      if (judgement?.allow === false) return { outcome: 'refused', reason: judgement.reason };
      const rule = this.policy.rules.find(({ name }) => name === decision.rule);
      return rule === undefined
        ? { outcome: 'refused', reason: 'No rule.' }
        : { outcome: 'served', rule, permissions: scopes, asksFirst: '' };
    };
    const first = attempt(asked);
    // Records of earlier versions do not say what was requested. At most it was what the token carries.
    return first.outcome === 'refused' && issued && entry.roles === undefined ? attempt(scopes.map(shortName)) : first;
  }

  #decideRequest(...[entry, caller, facts]: Asked): RecordDecision {
    const { resource, run } = entry;
    const request = { ...facts, resource, scopes: [], via: 'gateway' as const };
    const rules = allowingRules(this.policy, caller, request);
    if (rules.length === 0) {
      const decision = decide(this.policy, caller, request);
      return decision.allow ? { outcome: 'refused', reason: 'No rule.' } : refusedOr(decision);
    }
    const shape = shapeOf(entry, [this]);
    const judge = once(() => this.verdictsOf(entry));
    const refusals: Extract<Opinion, { reason: string }>[] = [];
    for (const rule of inOrder(rules, facts.breakGlass)) {
      const opinion = this.#opinionOf(rule, shape, judge);
      if ('reason' in opinion) refusals.push(opinion);
      else if (run !== undefined && conditionRank(rule) > 0)
        return {
          outcome: 'refused',
          reason: `Only the rule "${rule.name}" opens it, on a condition that a run cannot meet.`,
        };
      else return { outcome: 'served', rule, ...opinion };
    }
    if (refusals.some(({ isUnreadable }) => isUnreadable) && entry.outcome !== 'denied')
      return { outcome: 'unknown', why: 'names' };
    return {
      outcome: 'refused',
      reason: (refusals.find(({ isUnreadable }) => !isUnreadable) ?? refusals[0])?.reason ?? '',
    };
  }

  #opinionOf(rule: Rule, shape: string, judge: () => (rule: Rule) => Verdict): Opinion {
    const key = `${rule.name}\n${shape}`;
    const known = this.#opinions.get(key);
    if (known !== undefined) return known;
    const verdict = judge()(rule);
    const opinion: Opinion = verdict.allowed
      ? {
          permissions: verdict.permissions,
          asksFirst: [
            ...verdict.lookUps.map(({ condition }) => condition),
            ...(rule.protect !== undefined && typeof verdict.changed === 'object'
              ? [protectionText(rule.protect)]
              : []),
          ].join(' '),
        }
      : { reason: verdict.reason, isUnreadable: verdict.kind === 'unreadable' };
    this.#opinions.set(key, opinion);
    return opinion;
  }

  /** What rules make of a request, whatever their callers and tenants. It is read once. */
  verdictsOf(entry: Decided): (rule: Rule) => Verdict {
    const { resource, method = '', path = '', template, query, bodyNames, cmdlet, tenantId } = entry;
    const isGraph = judgedBy(resource) === 'permissions';
    // What was cut off or removed may be a key that a rule names, or a whole segment.
    const isWhole = path.length < longestPath && !path.includes('[');
    if (!isWhole && (!isGraph || template === undefined || this.namesKey(template)))
      return () => refusedBy(unreadable('The record does not have the whole path.'));
    if (isGraph) {
      const reading = readNames({ method, path, ...defined({ template, query, bodyNames }) }, publicGraphHost);
      return judgeByRules(this.map, reading, publicGraphHost);
    }
    const call = cmdlet === undefined ? undefined : { name: cmdlet, parameters: bodyNames ?? ['*'] };
    const body = { isEmpty: call === undefined, cmdlet: () => call ?? { name: '', parameters: [] } };
    const request = { tenant: tenantId, method, url: path, headers: {} };
    // Only an address of Exchange runs a cmdlet.
    const target = { alias: resource, baseUrl: call === undefined ? '' : 'https://outlook.office365.com', tenantId };
    return ({ requests = { methods: undefined, paths: [], cmdlets: undefined } }) => {
      try {
        return judgeNonGraph(requests, request, target, body).verdict;
      } catch (error) {
        return refusedBy(error);
      }
    };
  }

  /** The path of a request with `*` for each key, also for a record of an earlier version. */
  templateOf({ resource, method = '', path = '', template }: Decided): string {
    if (template !== undefined || judgedBy(resource) !== 'permissions') return template ?? path;
    return namesOf(readNames({ method, path }, publicGraphHost), this.map).template ?? path;
  }
}

const protectionText = ({ administrators, groups }: NonNullable<Rule['protect']>): string =>
  [`protect:${administrators}`, ...[...groups].toSorted()].join(',');

const refusedOr = ({ reason, unknown }: { readonly reason: string; readonly unknown?: unknown }): RecordDecision =>
  unknown === undefined ? { outcome: 'refused', reason } : { outcome: 'unknown', why: 'tenant' };

/** Whether a pattern may match a template, with a text where the template has `*`. */
function hasKeyOf(pattern: readonly string[], segments: readonly string[]): boolean {
  let found = false;
  for (const [index, expected] of pattern.entries()) {
    const segment = segments[index];
    if (expected === '**' || segment === undefined) return found;
    if (segment === '*') found ||= expected !== '*';
    else if (expected !== '*' && expected.toLowerCase() !== segment) return false;
  }
  return found;
}

/** Stands for texts of up to some kilobytes as a key. */
const digestOf = (parts: readonly (string | boolean | undefined)[]): string =>
  hash('sha256', parts.join('\n'), 'base64');

/**
 * Digest of everything of a request that a rule judges. Keys that no policy of the judges names are left out, so that requests about different
 * objects share a verdict.
 */
export function shapeOf(
  { resource, method, path, template, query, bodyNames, cmdlet, grant }: Decided,
  judges: readonly RecordJudge[],
): string {
  const isShared =
    template !== undefined &&
    !template.includes('(') &&
    judgedBy(resource) === 'permissions' &&
    !judges.some((judge) => judge.namesKey(template));
  return digestOf([resource, grant, method, template, isShared ? '' : path, query, bodyNames?.join(' '), cmdlet]);
}

/** Digest of everything of a record that the decisions of the judges depend on. */
export const keyOf = (entry: Decided, judges: readonly RecordJudge[]): string => {
  const { caller, roles, tenantId, outcome, code, scopes, requestedScopes, excessScopes, breakGlass, run, method } =
    entry;
  const wanted = wantedOf(entry);
  const { applicationId, objectId, blueprint } = caller;
  return digestOf([
    applicationId,
    objectId,
    caller.kind,
    blueprint,
    roles?.join(),
    tenantId,
    parseDomainName(entry.tenantAsked ?? ''),
    outcome,
    breakGlass,
    ...(wanted === 'change' ? [jobOf(entry), method] : []),
    ...(wanted === 'request'
      ? [shapeOf(entry, judges), run === undefined]
      : [entry.resource, entry.grant, code, scopes.join(), requestedScopes?.join(), excessScopes?.join()]),
  ]);
};

/** Whether two decisions are the same for the caller. */
function isSame(one: RecordDecision, other: RecordDecision): boolean {
  if (one.outcome === 'served') return other.outcome === 'served' && one.rule.name === other.rule.name;
  return one.outcome === other.outcome;
}
