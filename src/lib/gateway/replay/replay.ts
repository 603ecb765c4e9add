import { LRUCache } from 'lru-cache';
import { conditionRank } from '../../access/policy/decide.ts';
import type { Rule } from '../../access/policy/policy.ts';
import { stricter } from '../../approvals/approval.ts';
import type { AuditEntry } from '../../audit/audit-log.ts';
import { isoTime } from '../../core/clock.ts';
import { defined } from '../../core/objects.ts';
import {
  type Decided,
  decidedIn,
  isPartial,
  jobOf,
  keyOf,
  type RecordDecision,
  type RecordJudge,
  type SkipReason,
  type Unknown,
  wantedOf,
} from './judge-record.ts';

/**
 * How a new policy would have decided otherwise. `refused`, `allowed`: the policy in force decides the opposite; `refused` only of
 * what was served. `approval`: the
 * caller would have waited for an approval, or for more people, or declared an emergency. `rule`: another rule would have served it.
 */
const changeKinds = ['refused', 'allowed', 'approval', 'rule'] as const;
export type ChangeKind = (typeof changeKinds)[number];

/** Records of one caller that a new policy decides otherwise in the same way. */
export interface ReplayGroup {
  readonly change: ChangeKind;
  readonly caller: AuditEntry['caller'];
  /** What was asked for: `GET /v1.0/users/KEY` with `*` for the key, a cmdlet, or `token` with the scopes. */
  readonly request: string;
  readonly resource: string;
  /** The rules that serve it. Absent: none. */
  readonly ruleInForce?: string;
  readonly ruleNew?: string;
  /** Why the new policy refuses it. */
  readonly reason?: string;
  readonly records: number;
  /** How many tenants, up to 1,000. */
  readonly tenants: number;
  readonly firstAt: string;
  readonly lastAt: string;
  readonly examples: readonly { readonly at: string; readonly tenantId: string; readonly tokenId: string }[];
}

export interface ReplayReport {
  readonly records: number;
  /** Records that both policies decide on. */
  readonly judged: number;
  /** Of those, records that say less than their request did. */
  readonly judgedInPart: number;
  /** Records that were served, and that the policy in force refuses now as the new one does. */
  readonly refusedByBoth: number;
  readonly changes: Readonly<Record<ChangeKind, number>>;
  /** Records that nobody decides on, by reason. */
  readonly skipped: Readonly<Partial<Record<SkipReason | 'unreadable', number>>>;
  /** Records that one of the policies cannot decide on, by reason. */
  readonly unknown: Readonly<Partial<Record<Unknown, number>>>;
  /** Refusals first, then those with the most records. */
  readonly groups: readonly ReplayGroup[];
  /** Records of changes beyond the most groups that are kept. */
  readonly ungrouped: number;
}

const maxGroups = 10_000;
const maxExamples = 3;
const maxTenants = 1_000;
/** Most comparisons that are kept. */
const keptComparisons = 50_000;

interface OpenGroup
  extends Pick<ReplayGroup, 'change' | 'caller' | 'request' | 'resource' | 'ruleInForce' | 'ruleNew' | 'reason'> {
  records: number;
  firstMs: number;
  lastMs: number;
  readonly tenants: Set<string>;
  readonly examples: ReplayGroup['examples'][number][];
}

/** What two policies make of a record. */
type Comparison =
  | { readonly result: 'unknown'; readonly why: Unknown }
  | { readonly result: 'same'; readonly isRefused: boolean }
  | { readonly result: 'changed'; readonly change: ChangeKind; readonly group: OpenGroup | undefined };

/**
 * Compares two policies by the records of what callers did. Memory does not grow with the number of records. Pure but for what it
 * is given.
 */
export class Replay {
  readonly #inForce: RecordJudge;
  readonly #proposed: RecordJudge;
  readonly #comparisons = new LRUCache<string, Comparison>({ max: keptComparisons });
  readonly #groups = new Map<string, OpenGroup>();
  readonly #changes = Object.fromEntries(changeKinds.map((kind) => [kind, 0])) as Record<ChangeKind, number>;
  readonly #skipped: Partial<Record<SkipReason | 'unreadable', number>> = {};
  readonly #unknown: Partial<Record<Unknown, number>> = {};
  #records = 0;
  #judged = 0;
  #judgedInPart = 0;
  #refusedByBoth = 0;
  #ungrouped = 0;

  constructor(inForce: RecordJudge, proposed: RecordJudge) {
    this.#inForce = inForce;
    this.#proposed = proposed;
  }

  /** @param entry Undefined: a row that cannot be read. */
  add(entry: AuditEntry | undefined): void {
    this.#records += 1;
    const decided = entry === undefined ? 'unreadable' : decidedIn(entry);
    if (typeof decided === 'string') {
      this.#skipped[decided] = (this.#skipped[decided] ?? 0) + 1;
      return;
    }
    const key = keyOf(decided, [this.#inForce, this.#proposed]);
    let comparison = this.#comparisons.get(key);
    if (comparison === undefined) {
      comparison = this.#compare(decided);
      this.#comparisons.set(key, comparison);
    }
    this.#count(comparison, decided);
  }

  #count(comparison: Comparison, entry: Decided): void {
    if (comparison.result === 'unknown') {
      this.#unknown[comparison.why] = (this.#unknown[comparison.why] ?? 0) + 1;
      return;
    }
    this.#judged += 1;
    if (isPartial(entry)) this.#judgedInPart += 1;
    if (comparison.result === 'same') {
      if (comparison.isRefused && entry.outcome !== 'denied') this.#refusedByBoth += 1;
      return;
    }
    this.#changes[comparison.change] += 1;
    if (comparison.group === undefined) this.#ungrouped += 1;
    else note(comparison.group, entry);
  }

  #compare(entry: Decided): Comparison {
    const [before, after] = [this.#inForce.decide(entry), this.#proposed.decide(entry)];
    const change = changeBetween(before, after, entry.outcome === 'denied');
    if (typeof change === 'object') return { result: 'unknown', why: change.unknown };
    if (change === undefined) return { result: 'same', isRefused: after.outcome === 'refused' };
    return { result: 'changed', change, group: this.#groupOf(change, entry, [before, after]) };
  }

  #groupOf(
    change: ChangeKind,
    entry: Decided,
    [before, after]: readonly [RecordDecision, RecordDecision],
  ): OpenGroup | undefined {
    const ruleInForce = before.outcome === 'served' ? before.rule.name : undefined;
    const ruleNew = after.outcome === 'served' ? after.rule.name : undefined;
    const request = this.#requestOf(entry);
    const { caller, resource } = entry;
    const key = [
      change,
      caller.applicationId,
      caller.objectId,
      resource,
      request.toLowerCase(),
      ruleInForce,
      ruleNew,
    ].join('\n');
    const known = this.#groups.get(key);
    if (known !== undefined || this.#groups.size >= maxGroups) return known;
    const reason = after.outcome === 'refused' ? after.reason : undefined;
    const group: OpenGroup = {
      change,
      caller,
      request,
      resource,
      records: 0,
      examples: [],
      firstMs: entry.atMs,
      lastMs: entry.atMs,
      tenants: new Set(),
      ...defined({ ruleInForce, ruleNew, reason }),
    };
    this.#groups.set(key, group);
    return group;
  }

  #requestOf(entry: Decided): string {
    const wanted = wantedOf(entry);
    if (wanted === 'token') return ['token', ...(entry.requestedScopes ?? [])].join(' ');
    if (wanted === 'change') return `apply ${jobOf(entry)}`;
    if (entry.cmdlet !== undefined) return entry.cmdlet;
    return `${entry.method} ${this.#inForce.templateOf(entry)}`;
  }

  /** What was found so far. */
  report(): ReplayReport {
    const groups = [...this.#groups.values()]
      .toSorted(
        (one, other) =>
          changeKinds.indexOf(one.change) - changeKinds.indexOf(other.change) || other.records - one.records,
      )
      .map(({ firstMs, lastMs, tenants, ...group }) => ({
        ...group,
        tenants: tenants.size,
        firstAt: isoTime(firstMs),
        lastAt: isoTime(lastMs),
      }));
    return {
      records: this.#records,
      judged: this.#judged,
      judgedInPart: this.#judgedInPart,
      refusedByBoth: this.#refusedByBoth,
      changes: { ...this.#changes },
      skipped: { ...this.#skipped },
      unknown: { ...this.#unknown },
      groups,
      ungrouped: this.#ungrouped,
    };
  }
}

function note(group: OpenGroup, { atMs, tenantId, tokenId }: Decided): void {
  group.records += 1;
  group.firstMs = Math.min(group.firstMs, atMs);
  group.lastMs = Math.max(group.lastMs, atMs);
  if (group.tenants.size < maxTenants) group.tenants.add(tenantId);
  if (group.examples.length < maxExamples) group.examples.push({ at: isoTime(atMs), tenantId, tokenId });
}

/** How two decisions differ; undefined if they do not. */
function changeBetween(
  before: RecordDecision,
  after: RecordDecision,
  isDenied: boolean,
): ChangeKind | { readonly unknown: Unknown } | undefined {
  if (before.outcome === 'unknown') return { unknown: before.why };
  if (after.outcome === 'unknown') return { unknown: after.why };
  if (before.outcome === 'refused') return after.outcome === 'refused' ? undefined : 'allowed';
  // Nobody loses what was refused at the time.
  if (after.outcome === 'refused') return isDenied ? undefined : 'refused';
  if (after.asksFirst !== before.asksFirst && (after.asksFirst !== '' || isDenied)) return { unknown: 'target' };
  if (isStricter(after.rule, before.rule)) return 'approval';
  return before.rule.name === after.rule.name ? undefined : 'rule';
}

/** Whether a caller waits for more people under one rule than under another, or for people with other roles. */
function isStricter(rule: Rule, before: Rule): boolean {
  if (conditionRank(rule) === 0 || conditionRank(before) === 0) return conditionRank(rule) > conditionRank(before);
  if (rule.approval === undefined || before.approval === undefined) return rule.approval !== before.approval;
  const { count, from } = stricter(before.approval, rule.approval);
  return count > before.approval.count || from.length > before.approval.from.length;
}
