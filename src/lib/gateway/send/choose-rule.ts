import { setImmediate } from 'node:timers/promises';
import type { PermissionMap } from 'graph-permissions/permission-map';
import { conditionRank } from '../../access/policy/decide.ts';
import type { Rule } from '../../access/policy/policy.ts';
import { isJson } from '../../judge/reading/headers.ts';
import { once } from '../../judge/request-reading.ts';
import { Refusal, unreadable } from '../../judge/refusal.ts';
import type { Allowed, Refused } from '../../judge/verdict.ts';
import type { LinkReading } from './links.ts';
import type { GatewayOrder } from './gateway-request.ts';
import { allowedParts, type GraphReading, judgeGraph, type JudgedPart, readGraph } from './judge-graph.ts';
import { judgePlain, plainBody, type PlainTarget } from './judge-plain.ts';

/** What a rule lets out: one request, or the allowed parts of a batch. */
type Judged =
  | { readonly batch: false; readonly verdict: Allowed; readonly cmdlet: string | undefined }
  | { readonly batch: true; readonly parts: readonly JudgedPart[] };

/** The rule that serves a request. */
export interface Choice {
  readonly rule: Rule;
  readonly judged: Judged;
}

/** What the rules are asked about. */
export interface JudgeDeps {
  /** Undefined for resources other than Graph. */
  readonly map: PermissionMap | undefined;
  /** Host of Graph in the cloud. */
  readonly graphHost: string;
  /** Reads the links of the gateway, which belong to one rule. @throws BrokerError key_vault_unavailable */
  readonly readLink: (rule: string, url: string) => Promise<LinkReading>;
}

/**
 * Chooses the first rule that lets the request out. Of a batch, the first rule that lets every part out, or else the one
 * that lets out most. A rule with a condition is asked only if none without one lets anything out (`conditionRank`).
 * @param rules Rules of the caller for the resource in the tenant, in the order of the policy; at least one.
 * @returns the rule, or the refusal of the rule that came furthest.
 */
export async function chooseRule(
  deps: JudgeDeps,
  rules: readonly Rule[],
  order: GatewayOrder,
  target: PlainTarget,
): Promise<Choice | Refused> {
  const judge = ruleJudge(deps, order, target);
  const refusals: Refused[] = [];
  for (const equals of byCondition(rules, order)) {
    const choice = await chooseAmong(judge, equals, refusals);
    if (choice !== undefined) return choice;
  }
  // A rule that could read the request came further than one that could not.
  return refusals.find(({ kind }) => kind !== 'unreadable') ?? refusals[0] ?? nothing;
}

/** The rules in groups of the same rank, lowest first. */
const byCondition = (rules: readonly Rule[], { justification }: GatewayOrder): readonly (readonly Rule[])[] =>
  [0, 1, 2]
    .map((rank) => rules.filter((rule) => conditionRank(rule, justification.breakGlass) === rank))
    .filter((group) => group.length > 0);

/** @param refusals takes those of these rules. */
async function chooseAmong(
  judge: ReturnType<typeof ruleJudge>,
  rules: readonly Rule[],
  refusals: Refused[],
): Promise<Choice | undefined> {
  let best: { readonly choice: Choice; readonly allowed: number } | undefined;
  for (const rule of rules) {
    // Other requests and the deadline get their turn between two rules.
    if (rule !== rules[0] || refusals.length > 0) await setImmediate();
    const judged = await judge(rule);
    if ('allowed' in judged) {
      refusals.push(judged);
      continue;
    }
    if (!judged.batch) return { rule, judged };
    const allowed = allowedParts(judged.parts).length;
    if (allowed === judged.parts.length) return { rule, judged };
    if (best === undefined || allowed > best.allowed) best = { choice: { rule, judged }, allowed };
  }
  return best?.choice;
}

const nothing: Refused = { allowed: false, kind: 'not-permitted', reason: 'No rule opens the request; ask for one.' };

/**
 * Returns what one rule makes of a request. The request is read once, whatever the number of rules.
 * @throws BrokerError of `readLink`.
 */
export function ruleJudge(
  deps: JudgeDeps,
  order: GatewayOrder,
  target: PlainTarget,
): (rule: Rule) => Promise<Judged | Refused> {
  const body = once(() => bodyText(order));
  const plain = once(() => plainBody(body()));
  const readings = new Map<string, GraphReading>();
  /** A link belongs to one rule, so for all others its URL stays the caller's. */
  const graphReading = ({ url, link }: Extract<LinkReading, { ok: true }>): GraphReading => {
    const known = readings.get(url);
    if (known !== undefined && link === undefined) return known;
    const reading = readGraph({ ...order, url, body: body(), link }, deps.graphHost);
    if (link === undefined) readings.set(url, reading);
    return reading;
  };
  return async (rule) => {
    const reading = await deps.readLink(rule.name, order.url);
    if (!reading.ok) return { allowed: false, kind: 'not-permitted', reason: reading.reason };
    try {
      if (deps.map === undefined) {
        const asked = { ...order, url: reading.url };
        return { batch: false, ...judgePlain(rule.requests ?? noRequests, asked, target, plain()) };
      }
      const judged = judgeGraph(deps.map, rule, graphReading(reading));
      if (judged.batch) return judged;
      return judged.verdict.allowed ? { batch: false, verdict: judged.verdict, cmdlet: undefined } : judged.verdict;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return { allowed: false, kind: error.kind, reason: error.message };
    }
  };
}

/** `parsePolicy` demands `requests` of such a rule. */
const noRequests = { methods: undefined, paths: [], cmdlets: undefined };

/** Rejects invalid UTF-8 in JSON. Of other bodies the judge reads only whether there is one. */
function bodyText({ body, headers }: GatewayOrder): string {
  if (body === undefined) return '';
  if (!isJson(headers['content-type'])) return Buffer.from(body).toString('latin1');
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    throw unreadable('The body is not UTF-8; send JSON in UTF-8.');
  }
}
