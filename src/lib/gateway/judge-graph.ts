import { namesSegment, type RequestLimit } from '../callers/request-limit.ts';
import type { Rule } from '../callers/policy.ts';
import { type BatchVerdict, isBatch, judgeBatch } from '../judge/batch.ts';
import { judgeRequest } from '../judge/judge.ts';
import type { PermissionMap } from '../judge/map/permission-map.ts';
import { Refusal } from '../judge/refusal.ts';
import type { Allowed, GatewayRequest, Grant, Verdict } from '../judge/verdict.ts';
import { grantOf } from './rule-grant.ts';
import { refuseUnlisted } from './refuse-unlisted.ts';

/** A part of a batch with its verdict. */
export type JudgedPart = Extract<BatchVerdict, { readable: true }>['parts'][number];

/** What a rule makes of a request to Graph: one verdict, or one for each part of a batch. */
export type GraphVerdict =
  | { readonly batch: false; readonly verdict: Verdict }
  | { readonly batch: true; readonly parts: readonly JudgedPart[] };

/** Judges a request to Graph by the scopes of a rule, and then by its `requests`. Pure. */
export function judgeGraph(map: PermissionMap, rule: Rule, host: string, request: GatewayRequest): GraphVerdict {
  const grant: Grant = {
    scheme: grantOf(rule),
    permissions: new Set(rule.scopes),
    beta: namesSegment(rule.requests, 0, 'beta'),
    me: namesSegment(rule.requests, 1, 'me'),
    host,
  };
  if (!isBatch(request, host)) {
    return { batch: false, verdict: narrowed(judgeRequest(map, grant, request), rule.requests) };
  }
  const judged = judgeBatch(map, grant, request);
  if (!judged.readable) return { batch: false, verdict: judged };
  // A part that depends on a refused one is not sent either: `sendBatch` sees that that one failed.
  const parts = judged.parts.map((part) => ({ ...part, verdict: narrowed(part.verdict, rule.requests) }));
  return { batch: true, parts };
}

function narrowed(verdict: Verdict, limit: RequestLimit | undefined): Verdict {
  if (!verdict.allowed || limit === undefined) return verdict;
  try {
    refuseUnlisted(limit, verdict.request, { ignoreCase: true });
    return verdict;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { allowed: false, kind: error.kind, reason: error.message };
  }
}

/** The verdicts that let a request go out. */
export const allowedParts = (parts: readonly JudgedPart[]): readonly (JudgedPart & { readonly verdict: Allowed })[] =>
  parts.filter((part): part is JudgedPart & { readonly verdict: Allowed } => part.verdict.allowed);
