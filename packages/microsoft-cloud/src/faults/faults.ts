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
  /** Returns the first rule, in order of addition, that affects the request. Counts the request for every rule that selects it. */
  match(service: ServiceName, request: CloudRequest): FaultRule | undefined;
}

interface Entry {
  readonly id: string;
  readonly rule: FaultRule;
  readonly path: RegExp | undefined;
  matched: number;
  applied: number;
}

/** @param random decides for rules with a probability. */
export function createFaults(random: Random): Faults {
  let entries: Entry[] = [];
  let count = 0;
  const add = (added: FaultRule): string => {
    const rule = parseFaultRule(added);
    const path = rule.path === undefined ? undefined : new RegExp(rule.path, 'i');
    count += 1;
    const id = `fault-${count}`;
    entries.push({ id, rule, path, matched: 0, applied: 0 });
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
        if (chosen === undefined && isDue(entry, random)) chosen = entry;
      }
      if (chosen === undefined) return undefined;
      chosen.applied += 1;
      return chosen.rule;
    },
  };
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
