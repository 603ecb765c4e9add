import { LRUCache } from 'lru-cache';
import { leastPermissions, narrowFirst } from '../../judge/judge.ts';
import { readNames } from '../../judge/request-names.ts';
import {
  type AccessPolicy,
  grantOf,
  graphPaths,
  openingPattern,
  otherPaths,
  type Rule,
  shortName,
} from '../../access/policy/policy.ts';
import type { PolicyDocument, RuleDocument } from '../../access/policy/policy-document.ts';
import {
  createSetCompiler,
  selectionOf,
  selects,
  type TenantEntry,
  type TenantFacts,
  textOfEntry,
} from '../../access/tenants/tenant-set.ts';
import type { AuditEntry } from '../../audit/audit-log.ts';
import { isoTime } from '../../core/clock.ts';
import { parseGuid } from '../../core/identifiers.ts';
import { defined, entryOf } from '../../core/objects.ts';
import { judgedBy, publicGraphHost } from '../../core/resources.ts';
import {
  type Decided,
  decidedIn,
  jobOf,
  keyOf,
  type RecordJudge,
  shapeOf,
  type Wanted,
  wantedOf,
} from './judge-record.ts';

/*
 * Narrows each rule in force to what was used of it. A suggested rule keeps the conditions of the rule that it comes from, and its
 * callers, tenants, scopes, methods and paths are a part of those. So it opens nothing that was closed.
 */

/** What one application did under one rule: with one method at one path, by cmdlets, with tokens, or by plans of one job. */
interface Use {
  readonly rule: Rule;
  readonly applicationId: string;
  readonly kind: NonNullable<RuleDocument['callers']['kinds']>[number];
  readonly wanted: Wanted;
  /** The change job. */
  readonly job: string | undefined;
  readonly resource: string;
  readonly method: string | undefined;
  /** A pattern of paths. Undefined: a token, a cmdlet, a path that no pattern can have, or one of too many. */
  readonly path: string | undefined;
  /** The pattern of the rule that opened it. Undefined: it has none. */
  readonly before: string | undefined;
  readonly cmdlets: Map<string, Set<string>>;
  readonly tenants: Map<string, TenantFacts>;
  readonly scopes: Set<string>;
  readonly grants: Set<NonNullable<AuditEntry['grant']>>;
  /** One record of each kind of request. */
  readonly shapes: Map<string, Decided>;
  /** The token was not limited, and what it carried is not known. */
  isOpen: boolean;
  records: number;
  lastMs: number;
}

type Pattern = Pick<Use, 'path' | 'before'>;

export interface Suggestion {
  readonly document: PolicyDocument;
  /** What became of each rule in force. */
  readonly rules: readonly { readonly from: RuleDocument; readonly to: readonly RuleDocument[] }[];
  /**
   * Names of rules in force that nobody used in the period, as far as records say. They are not in the suggestion, and neither are
   * rules that only records name which were left out.
   */
  readonly unused: readonly string[];
  /** Records that the policy in force does not allow, or that cannot be judged. No rule is suggested for them. */
  readonly leftOut: number;
}

/** A pattern of a policy can have these segments. */
const segmentOfPattern = /^(?:\*|[A-Za-z0-9._~!$&'()+,=:@-]+)$/;
/** Kinds of requests of one use that are kept. More of them decide nothing new but rarely, and their rule keeps its scopes. */
const maxShapes = 500;
/** Most paths with keys or values that one caller used under one pattern. With more, their rule keeps the pattern. */
const maxSiblings = 50;
/** Share of the tenants of a group or tag that must have been used for the rule to name it. */
const namedFrom = 0.8;
/** A policy has at most 1,000 rules. */
const maxRules = 900;

/** Collects what was used, and suggests the narrowest rules for it. */
export class Suggester {
  readonly #judge: RecordJudge;
  readonly #uses = new Map<string, Use>();
  readonly #patterns = new LRUCache<string, Pattern>({ max: 10_000 });
  readonly #siblings = new Map<string, Set<string>>();
  readonly #carried = new Map<string, Carried>();
  readonly #namedByLeftOut = new Set<string | undefined>();
  #leftOut = 0;

  /** @param judge By the policy in force. */
  constructor(judge: RecordJudge) {
    this.#judge = judge;
  }

  /** @param entry Undefined: a row that cannot be read. */
  add(entry: AuditEntry | undefined): void {
    if (entry !== undefined) this.#noteCarried(entry);
    const decided = entry === undefined ? 'unreadable' : decidedIn(entry);
    if (typeof decided === 'string' || decided.outcome === 'denied') return;
    const decision = this.#judge.decide(decided);
    if (decision.outcome !== 'served') {
      this.#leftOut += 1;
      this.#namedByLeftOut.add(decided.rule);
      return;
    }
    const use = this.#useOf(decision.rule, decided);
    note(use, decided, this.#judge.factsFor(decided));
  }

  /** Entra puts every permission that was consented into a delegated token, so tokens tell what an application has. */
  #noteCarried({ kind, outcome, resource, grant, application = '', tenantId, scopes }: AuditEntry): void {
    if (kind !== undefined || outcome !== 'issued' || resource !== 'graph' || grant !== 'delegated') return;
    if (tenantId === undefined) return;
    const names = new Set(scopes.map(shortName));
    const known = entryOf(this.#carried, application, () => ({ scopes: names, tenants: new Set() }));
    for (const scope of known.scopes) if (!names.has(scope)) known.scopes.delete(scope);
    known.tenants.add(tenantId);
  }

  #useOf(rule: Rule, entry: Decided): Use {
    const { caller, resource, cmdlet } = entry;
    const wanted = wantedOf(entry);
    const job = jobOf(entry);
    const isPath = wanted === 'request' && cmdlet === undefined;
    const method = isPath ? entry.method : undefined;
    const by = [rule.name, caller.applicationId, caller.kind, wanted];
    const { path, before } = isPath ? this.#pathOf(rule, entry, by) : {};
    const compared = judgedBy(resource) === 'permissions' ? path?.toLowerCase() : path;
    const about = job === undefined ? [resource, method, isPath, compared] : [job];
    const key = [...by, ...about].join('\n');
    return entryOf(this.#uses, key, () => ({
      rule,
      applicationId: caller.applicationId,
      kind: caller.kind,
      wanted,
      job,
      resource,
      method,
      path,
      before,
      cmdlets: new Map(),
      tenants: new Map(),
      scopes: new Set(),
      grants: new Set(),
      shapes: new Map(),
      isOpen: false,
      records: 0,
      lastMs: entry.atMs,
    }));
  }

  #pathOf(rule: Rule, entry: Decided, by: readonly string[]): Pattern {
    const { path, before } = this.#patternOf(rule, entry);
    // In paths of Graph, only parameters of functions are not replaced.
    if (path === undefined || (judgedBy(entry.resource) === 'permissions' && !path.includes('(')))
      return { path, before };
    const siblings = entryOf(this.#siblings, [...by, entry.method, before].join('\n'), () => new Set());
    if (siblings.size <= maxSiblings) siblings.add(path);
    return { path: siblings.size > maxSiblings ? before : path, before };
  }

  /** The pattern that a request matches. */
  #patternOf(rule: Rule, entry: Decided): Pattern {
    const key = `${rule.name}\n${shapeOf(entry, [this.#judge])}`;
    const known = this.#patterns.get(key) ?? this.#newPattern(rule, entry);
    this.#patterns.set(key, known);
    return known;
  }

  /** With `*` for each key, unless the rule names it. */
  #newPattern(rule: Rule, entry: Decided): Pattern {
    const verdict = this.#judge.verdictsOf(entry)(rule);
    if (!verdict.allowed) return { path: undefined, before: undefined };
    const { segments } = verdict.request;
    const isGraph = judgedBy(entry.resource) === 'permissions';
    const names = new Set(entry.template?.split('/'));
    const before = rule.requests && openingPattern(rule.requests, segments, isGraph ? graphPaths : otherPaths);
    const texts = segments.map(({ text, isKey }, index) => {
      const isObject = isGraph ? isKey && index > 0 && !names.has(text) : parseGuid(text) !== undefined;
      return isObject && ['*', '**'].includes(before?.[index] ?? '*') ? '*' : text;
    });
    return {
      path: texts.every((text) => segmentOfPattern.test(text)) ? `/${texts.join('/')}` : undefined,
      before: before && `/${before.join('/')}`,
    };
  }

  /**
   * The rules that would have allowed what was used.
   * @param inForce The document that the judge decides by.
   * @param tenants All customers, to see which groups and tags cover those that were used.
   */
  suggest(inForce: PolicyDocument, tenants: readonly TenantFacts[]): Suggestion {
    const scoped = [...this.#uses.values()].map((use) => ({ use, scopes: this.#scopesOf(use) }));
    let rules = this.#rules(inForce, scoped, tenants, false);
    if (rules.flatMap(({ to }) => to).length > maxRules) rules = this.#rules(inForce, scoped, tenants, true);
    const used = new Set([...this.#namedByLeftOut, ...[...this.#uses.values()].map(({ rule }) => rule.name)]);
    return {
      document: { ...inForce, rules: rules.flatMap(({ to }) => to) },
      rules,
      unused: inForce.rules.filter((rule) => isNarrowed(rule) && !used.has(rule.name)).map(({ name }) => name),
      leftOut: this.#leftOut,
    };
  }

  /** @param isMerged Whether paths that were used in different tenants share a rule. */
  #rules(
    inForce: PolicyDocument,
    scoped: readonly { readonly use: Use; readonly scopes: Scopes }[],
    tenants: readonly TenantFacts[],
    isMerged: boolean,
  ): Suggestion['rules'] {
    const taken = new Set(inForce.rules.map(({ name }) => name));
    return inForce.rules.map((document) => {
      if (!isNarrowed(document)) return { from: document, to: [document] };
      const rule = this.#judge.policy.rules.find(({ name }) => name === document.name);
      const groups = new Map<
        string,
        { readonly tenants: readonly string[]; readonly parts: (typeof scoped)[number][] }
      >();
      for (const each of scoped.filter(({ use }) => use.rule === rule)) {
        const { use } = each;
        const listed = isMerged ? [] : tenantList(this.#judge.policy, use, tenants);
        const { applicationId, kind, wanted, resource, method } = use;
        const about = wanted === 'change' ? [] : [resource, method, use.path === undefined, each.scopes.application];
        const key = [applicationId, kind, wanted, ...about, ...listed].join('\n');
        entryOf(groups, key, () => ({ tenants: listed, parts: [] })).parts.push(each);
      }
      const narrowed = [...groups.values()].map(({ tenants: listed, parts }, index) =>
        narrow(
          document,
          parts,
          isMerged ? mergedTenants(this.#judge.policy, parts, tenants) : listed,
          freeName(taken, document.name, index + 1),
        ),
      );
      const { callers, reads, except } = document;
      if (reads === undefined) return { from: document, to: narrowed };
      const description = 'Kept: reading leaves no record.';
      const name = freeName(taken, document.name, 'reads');
      return { from: document, to: [...narrowed, { name, description, callers, reads, ...defined({ except }) }] };
    });
  }

  /** The broker's application that has the fewest permissions and some of the rule's scopes for every kind of request. */
  #applicationOf({ rule, grants, tenants, shapes }: Use): { readonly name: string; readonly scopes: string[] } {
    const own = { name: rule.application, scopes: [...(rule.scopes ?? [])] };
    const carried = this.#carried.get(rule.application);
    if (carried === undefined || grants.has('application')) return own;
    const others = [...this.#carried]
      .filter(([, { scopes }]) => scopes.size < carried.scopes.size)
      .toSorted(([, one], [, other]) => one.scopes.size - other.scopes.size);
    for (const [name, other] of others) {
      const scopes = own.scopes.filter((scope) => other.scopes.has(scope));
      const isConsented = [...tenants.keys()].every((tenantId) => other.tenants.has(tenantId));
      const opens = (entry: Decided): boolean => this.#judge.verdictsOf(entry)({ ...rule, scopes }).allowed;
      if (isConsented && [...shapes.values()].every(opens)) return { name, scopes };
    }
    return own;
  }

  /** The fewest of the rule's scopes that open every kind of request, the narrowest first, and what would do with less. */
  #scopesOf(use: Use): Scopes {
    const { rule, wanted, resource } = use;
    const { application } = rule;
    if (wanted === 'token') return { needed: use.isOpen ? rule.scopes : tokenScopes(use), least: [], application };
    if (wanted === 'change' || judgedBy(resource) !== 'permissions')
      return { needed: undefined, least: [], application };
    if (use.shapes.size >= maxShapes) return { needed: rule.scopes ?? [], least: [], application };
    const { name, scopes: held } = this.#applicationOf(use);
    const opens = (scopes: readonly string[], entry: Decided): boolean =>
      this.#judge.verdictsOf(entry)({ ...rule, scopes }).allowed;
    const ordered = held.toSorted(narrowFirst);
    const chosen = new Set<string>();
    const least = new Set<string>();
    for (const entry of use.shapes.values()) {
      for (const permission of this.#leastOf(rule, entry)) least.add(permission);
      if (opens([...chosen], entry)) continue;
      const alone = ordered.find((scope) => opens([...chosen, scope], entry));
      if (alone === undefined) {
        let together = ordered;
        for (const scope of ordered.toReversed()) {
          const fewer = together.filter((other) => other !== scope);
          if (opens(fewer, entry)) together = fewer;
        }
        for (const scope of together) chosen.add(scope);
      } else chosen.add(alone);
    }
    const isWhole = [...use.shapes.values()].every((entry) => opens([...chosen], entry));
    const needed = isWhole ? [...chosen].toSorted() : held;
    return {
      needed,
      least: [...least].filter((permission) => !needed.includes(permission)).toSorted(),
      application: name,
    };
  }

  #leastOf(rule: Rule, { method = '', path = '', template, query, bodyNames }: Decided): readonly string[] {
    const reading = readNames({ method, path, ...defined({ template, query, bodyNames }) }, publicGraphHost);
    return leastPermissions(this.#judge.map, reading, grantOf(rule));
  }
}

interface Scopes {
  /** Undefined: no limit. */
  readonly needed: readonly string[] | undefined;
  /** Permissions that Microsoft calls the least privileged, and that the rule does not name. */
  readonly least: readonly string[];
  /** The broker's application. */
  readonly application: string;
}

/** What every token of one of the broker's applications for Microsoft Graph carried, and the tenants that it was for. */
interface Carried {
  readonly scopes: Set<string>;
  readonly tenants: Set<string>;
}

/** Of a rule that only lets people read, no record says whether it was needed. */
const isNarrowed = ({ resources, changes }: RuleDocument): boolean => resources !== undefined || changes !== undefined;

function note(use: Use, entry: Decided, facts: TenantFacts): void {
  use.records += 1;
  use.lastMs = Math.max(use.lastMs, entry.atMs);
  use.tenants.set(entry.tenantId, facts);
  if (entry.grant !== undefined) use.grants.add(entry.grant);
  if (entry.cmdlet !== undefined) {
    const parameters = entryOf(use.cmdlets, entry.cmdlet, () => new Set());
    for (const name of entry.bodyNames ?? ['*']) parameters.add(name);
  }
  if (use.wanted === 'token') noteToken(use, entry);
  else if (use.wanted === 'request' && use.shapes.size < maxShapes) {
    entryOf(use.shapes, keyOf({ ...entry, tenantId: '' as Decided['tenantId'], path: '' }, []), () => entry);
  }
}

function noteToken(use: Use, { scopes, requestedScopes = [] }: Decided): void {
  const carried = scopes.map(shortName).filter((scope) => scope !== '.default');
  if (carried.length === 0) use.isOpen = true;
  // What a token carries beyond the rule is recorded, and no reason to allow it.
  const allowed = use.rule.scopes;
  for (const scope of [...carried, ...requestedScopes])
    if (allowed === undefined || allowed.includes(scope)) use.scopes.add(scope);
}

const tokenScopes = ({ rule, scopes }: Use): readonly string[] | undefined =>
  scopes.size === 0 ? rule.scopes : [...scopes].toSorted();

/** The used tenants, or the smallest group, tag or `*` of the rule that covers them and has few others. */
function tenantList(
  policy: AccessPolicy,
  { rule, tenants: used }: Pick<Use, 'rule' | 'tenants'>,
  all: readonly TenantFacts[],
): readonly string[] {
  const compile = createSetCompiler(policy.groups);
  const written = rule.written.tenants;
  const isAll = written.some(({ kind }) => kind === 'all');
  const candidates: readonly TenantEntry[] = isAll
    ? [
        ...[...policy.groups.keys()].map((group) => ({ kind: 'group', group }) as const),
        ...[...new Set(all.flatMap(({ tags = [] }) => [...tags]))].map((tag) => ({ kind: 'tag', tag }) as const),
        { kind: 'all' },
      ]
    : written.filter(({ kind }) => kind === 'group' || kind === 'tag');
  let best: { readonly entry: TenantEntry; readonly size: number } | undefined;
  for (const entry of candidates) {
    const selection = selectionOf(compile([entry]), rule.tenants.except);
    if (![...used.values()].every((facts) => selects(selection, facts))) continue;
    const size = all.filter((facts) => selects(selection, facts)).length;
    const isNamed = used.size >= 2 && used.size >= namedFrom * size;
    if (isNamed && (best === undefined || size < best.size)) best = { entry, size };
  }
  return best === undefined ? [...used.keys()].toSorted() : [textOfEntry(best.entry)];
}

const mergedTenants = (
  policy: AccessPolicy,
  parts: readonly { readonly use: Use }[],
  all: readonly TenantFacts[],
): readonly string[] => {
  const [first] = parts;
  const tenants = new Map(parts.flatMap(({ use }) => [...use.tenants]));
  return first === undefined ? [] : tenantList(policy, { rule: first.use.rule, tenants }, all);
};

/** A name that no other rule has, nor any in force, so that nobody takes one for the other. */
function freeName(taken: Set<string>, from: string, label: number | 'reads'): string {
  const name = `${from.slice(0, 180)} (${label})`;
  if (taken.has(name)) return freeName(taken, from, label === 'reads' ? 1 : label + 1);
  taken.add(name);
  return name;
}

/** The rule for some uses that share caller, resource, method and tenants. */
function narrow(
  {
    reads: _reads,
    requests,
    excessScopes,
    grants: _grants,
    scopes: _scopes,
    description: _text,
    ...kept
  }: RuleDocument,
  parts: readonly { readonly use: Use; readonly scopes: Scopes }[],
  tenants: readonly string[],
  name: string,
): RuleDocument {
  const uses = parts.map(({ use }) => use);
  const [first] = uses as [Use, ...Use[]];
  const { wanted, resource, method, applicationId, kind, rule } = first;
  const via = wanted === 'token' ? 'token' : 'gateway';
  const application = parts[0]?.scopes.application ?? rule.application;
  const isUnlimited = parts.some(({ scopes }) => scopes.needed === undefined);
  const needed = isUnlimited ? undefined : [...new Set(parts.flatMap(({ scopes }) => scopes.needed ?? []))].toSorted();
  const grants = via === 'gateway' ? [grantOf(rule)] : [...new Set(uses.flatMap((use) => [...use.grants]))].toSorted();
  const narrowed: RuleDocument = {
    ...kept,
    name,
    description: reasonOf(parts, tenants).slice(0, 2000),
    callers: { ...kept.callers, applications: [applicationId], kinds: [kind] },
    tenants: [...tenants],
    ...(wanted === 'change' ? { changes: uses.flatMap(({ job }) => job ?? []).toSorted() } : {}),
  };
  if (wanted === 'change') return narrowed;
  return {
    ...narrowed,
    resources: [resource],
    via: [via],
    ...(grants.length === 0 ? {} : { grants }),
    ...(application === rule.application ? {} : { application }),
    ...(needed === undefined || needed.length === 0 ? {} : { scopes: needed }),
    ...(via === 'token' && excessScopes !== undefined && needed !== undefined ? { excessScopes } : {}),
    ...(via === 'gateway' ? defined({ requests: requestsOf(uses, method, requests) }) : {}),
  };
}

function requestsOf(
  uses: readonly Use[],
  method: string | undefined,
  before: RuleDocument['requests'],
): RuleDocument['requests'] {
  const cmdlets = uses.flatMap((use) => [...use.cmdlets]);
  if (cmdlets.length > 0)
    return {
      cmdlets: Object.fromEntries(
        cmdlets.map(([name, parameters]) => [name, parameters.has('*') ? ['*'] : [...parameters].toSorted()]),
      ),
    };
  // No pattern can have a path, so the rule keeps those that it had.
  if (uses.some(({ path }) => path === undefined)) return before;
  const whole = new Set(uses.flatMap(({ path, before: opened }) => (path === opened ? (path ?? []) : [])));
  const narrow = uses.flatMap(({ path = '', before: opened = '' }) => (whole.has(opened) ? [] : path));
  return {
    methods: [method as NonNullable<NonNullable<RuleDocument['requests']>['methods']>[number]],
    paths: [...whole, ...narrow].toSorted(),
  };
}

/** Why a rule is suggested, and what is not known about it. */
function reasonOf(
  parts: readonly { readonly use: Use; readonly scopes: Scopes }[],
  tenants: readonly string[],
): string {
  const records = parts.reduce((sum, { use }) => sum + use.records, 0);
  const lastMs = Math.max(...parts.map(({ use }) => use.lastMs));
  const used = new Set(parts.flatMap(({ use }) => [...use.tenants.keys()]));
  const least = [...new Set(parts.flatMap(({ scopes }) => scopes.least))];
  const other = parts.find(({ use, scopes }) => scopes.application !== use.rule.application)?.scopes.application;
  const isToken = parts.some(({ use }) => use.wanted === 'token');
  return [
    `Used ${records} ${records === 1 ? 'time' : 'times'} in ${used.size} ${used.size === 1 ? 'tenant' : 'tenants'}, last at ${isoTime(lastMs)}.`,
    ...(tenants.length === 1 && used.size > 1 ? [`${tenants[0]} covers these tenants.`] : []),
    ...(isToken
      ? [
          'What the tokens were used for is invisible to the broker: their scopes are those that they carried. Send the requests through the gateway to learn what they need.',
        ]
      : []),
    ...(parts.some(({ use }) => use.wanted === 'request' && use.path === undefined && use.cmdlets.size === 0)
      ? ['The paths are those of the rule before: one has characters that no pattern can have, or there are too many.']
      : []),
    ...(other === undefined
      ? []
      : [
          `The application ${other} has fewer permissions, and its tokens for these tenants carried those needed here.`,
        ]),
    ...(least.length === 0
      ? []
      : [`Less privileged permissions that Microsoft lists for these requests: ${least.slice(0, 5).join(', ')}.`]),
  ].join(' ');
}
