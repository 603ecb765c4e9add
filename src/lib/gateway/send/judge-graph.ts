import type { PermissionMap } from 'graph-permissions/permission-map';
import { graphPaths, namesSegment, type RequestLimit } from '../../access/policy/request-limit.ts';
import type { Rule } from '../../access/policy/policy.ts';
import { type BatchReading, type BatchVerdict, isBatch, judgeBatch, readBatch } from '../../judge/batch.ts';
import { judgeReading } from '../../judge/judge.ts';
import { Refusal } from '../../judge/refusal.ts';
import { readRequest, type RequestReading } from '../../judge/request-reading.ts';
import type { Allowed, GatewayRequest, Grant, Verdict } from '../../judge/verdict.ts';
import { grantOf } from './rule-grant.ts';
import { refuseUnlisted } from './refuse-unlisted.ts';

/** A part of a batch with its verdict. */
export type JudgedPart = Extract<BatchVerdict, { readable: true }>['parts'][number];

/** What a rule makes of a request to Graph: one verdict, or one for each part of a batch. */
export type GraphVerdict =
  | { readonly batch: false; readonly verdict: Verdict }
  | { readonly batch: true; readonly parts: readonly JudgedPart[] };

/** A request to Graph, which each rule of the caller judges. */
export type GraphReading =
  | { readonly batch: false; readonly host: string; readonly reading: RequestReading }
  | { readonly batch: true; readonly host: string; readonly reading: BatchReading };

/** Prepares a request for the judge. Nothing is read yet. */
export const readGraph = (request: GatewayRequest, host: string): GraphReading =>
  isBatch(request, host)
    ? { batch: true, host, reading: readBatch(request, host) }
    : { batch: false, host, reading: readRequest(request, host) };

/** Judges a request to Graph by the scopes of a rule, and then by its `requests`. Pure. */
export function judgeGraph(map: PermissionMap, rule: Rule, asked: GraphReading): GraphVerdict {
  const grant: Grant = {
    scheme: grantOf(rule),
    permissions: new Set(rule.scopes),
    beta: namesSegment(rule.requests, 0, 'beta'),
    me: namesSegment(rule.requests, 1, 'me'),
    host: asked.host,
  };
  if (!asked.batch) {
    return { batch: false, verdict: narrowed(judgeReading(map, grant, asked.reading), rule.requests) };
  }
  const judged = judgeBatch(map, grant, asked.reading);
  if (!judged.readable) return { batch: false, verdict: judged };
  // A part that depends on a refused one is not sent either: `sendBatch` sees that that one failed.
  const parts = judged.parts.map((part) => ({ ...part, verdict: narrowed(part.verdict, rule.requests) }));
  return { batch: true, parts };
}

function narrowed(verdict: Verdict, limit: RequestLimit | undefined): Verdict {
  if (!verdict.allowed || limit === undefined) return verdict;
  try {
    refuseUnlisted(limit, verdict.request, graphPaths);
    return verdict;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { allowed: false, kind: error.kind, reason: error.message };
  }
}

/** The verdicts that let a request go out. */
export const allowedParts = (parts: readonly JudgedPart[]): readonly (JudgedPart & { readonly verdict: Allowed })[] =>
  parts.filter((part): part is JudgedPart & { readonly verdict: Allowed } => part.verdict.allowed);
