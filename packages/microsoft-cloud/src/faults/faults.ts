import type { Clock } from '../clock.ts';
import type { Random } from '../seeded.ts';
import type { CloudRequest, ServiceName } from '../web/http.ts';
import { type FaultRule, parseFaultRule } from './rule.ts';

export interface FaultState {
  readonly id: string;
  readonly rule: FaultRule;
  /** Number of requests that the rule selects. */
  readonly matched: number;
  /** Number of requests that the rule affected. */
  readonly applied: number;
}

export interface Faults {
  /** @returns the id of the rule. @throws TypeError for an invalid rule. */
  add(rule: FaultRule): string;
  /** Removes one rule, or all rules. */
  clear(id?: string): void;
  list(): readonly FaultState[];
  /**
   * Returns the first rule, in order of addition, that affects the request. Counts the request for every rule that selects
   * it, as in flight until {@link ended} is called.
   */
  match(service: ServiceName, request: CloudRequest): FaultRule | undefined;
  ended(request: CloudRequest): void;
}

interface Entry {
  readonly id: string;
  readonly rule: FaultRule;
  readonly path: RegExp | undefined;
  readonly inFlight: Set<CloudRequest>;
  /** Times of the latest selected requests, by tenant. */
  readonly latestMs: Map<string, number[]>;
  matched: number;
  applied: number;
}

/** @param random decides for rules with a probability. */
export function createFaults(random: Random, clock: Clock): Faults {
  let entries: Entry[] = [];
  let count = 0;
  const add = (added: FaultRule): string => {
    const rule = parseFaultRule(added);
    const path = rule.path === undefined ? undefined : new RegExp(rule.path, 'i');
    count += 1;
    const id = `fault-${count}`;
    entries.push({ id, rule, path, inFlight: new Set(), latestMs: new Map(), matched: 0, applied: 0 });
    return id;
  };
  return {
    add,
    clear: (id) => {
      entries = id === undefined ? [] : entries.filter((entry) => entry.id !== id);
    },
    list: () => entries.map(({ id, rule, matched, applied }) => ({ id, rule, matched, applied })),
    match: (service, request) => {
      let chosen: Entry | undefined;
      for (const entry of entries) {
        if (!selects(entry, service, request)) continue;
        entry.matched += 1;
        entry.inFlight.add(request);
        const isBeyond = isOverLimit(entry, request, clock.nowMs());
        if (chosen === undefined && isBeyond && isDue(entry, random)) chosen = entry;
      }
      if (chosen === undefined) return undefined;
      chosen.applied += 1;
      return chosen.rule;
    },
    ended: (request) => {
      for (const { inFlight } of entries) inFlight.delete(request);
    },
  };
}

/** Whether the request is beyond the limits of a rule that has any. Counts it in any case, as services do. */
function isOverLimit({ rule, inFlight, latestMs }: Entry, { facts }: CloudRequest, nowMs: number): boolean {
  if (rule.concurrent !== undefined && inFlight.size <= rule.concurrent) return false;
  if (rule.beyond === undefined) return true;
  const { requests, withinMs } = rule.beyond;
  const latest = latestMs.get(facts.tenantId ?? '') ?? [];
  latestMs.set(facts.tenantId ?? '', latest);
  latest.push(nowMs);
  // Never more than one beyond the limit are kept, and the first of them says whether the limit is exceeded.
  if (latest.length > requests + 1) latest.shift();
  return latest.length > requests && nowMs - (latest[0] ?? 0) < withinMs;
}

function selects(
  { rule, path }: Entry,
  service: ServiceName,
  { facts, method, path: requested }: CloudRequest,
): boolean {
  return (
    (rule.service === undefined || rule.service === service) &&
    (rule.tenantId === undefined || rule.tenantId.toLowerCase() === facts.tenantId) &&
    (rule.method === undefined || rule.method.toUpperCase() === method) &&
    (rule.grant === undefined || rule.grant === facts.grant) &&
    (rule.resource === undefined || rule.resource === facts.resource) &&
    (path === undefined || path.test(requested))
  );
}

function isDue({ rule, matched, applied }: Entry, random: Random): boolean {
  if (matched < (rule.from ?? 1)) return false;
  if (rule.count !== undefined && applied >= rule.count) return false;
  if (rule.every !== undefined && (matched - (rule.from ?? 1)) % rule.every !== 0) return false;
  return rule.probability === undefined || random() < rule.probability;
}
