import { randomUUID } from 'node:crypto';
import { type CloudRequest, headerOf, json, type Reply } from '../web/http.ts';
import { aadstsTable, type AadstsEntry, type OAuthError } from './aadsts.ts';

/** Values for the placeholders of an error text. `text` replaces the whole text. */
export type RefusalValues = Readonly<Record<string, string | undefined>>;

/** An error that Entra reports with an AADSTS number. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly aadsts: number;
  readonly values: RefusalValues;
  /** Replaces the OAuth error of the table. */
  readonly oauthError: OAuthError | undefined;

  constructor(aadsts: number, values: RefusalValues = {}, oauthError?: OAuthError) {
    super(`AADSTS${aadsts}`);
    this.aadsts = aadsts;
    this.values = values;
    this.oauthError = oauthError;
  }
}

const unknownEntry: AadstsEntry = { error: 'invalid_request', status: 400, text: 'The request is not valid.' };

/** A time in Entra's format: `2026-11-24 22:47:01Z`. */
export const entraTime = (ms: number): string =>
  new Date(ms)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, 'Z');

/** The JSON body of an error at the token endpoint. */
export function errorBody(
  refusal: Refusal,
  correlationId: string,
  nowMs: number,
  entra: string,
): Readonly<Record<string, unknown>> {
  const entry = aadstsTable[refusal.aadsts] ?? unknownEntry;
  const text = (refusal.values['text'] ?? entry.text).replace(
    /\{(\w+)\}/g,
    (_whole, name: string) => refusal.values[name] ?? name,
  );
  const traceId = randomUUID();
  const timestamp = entraTime(nowMs);
  return {
    error: refusal.oauthError ?? entry.error,
    error_description: `AADSTS${refusal.aadsts}: ${text}\r\nTrace ID: ${traceId}\r\nCorrelation ID: ${correlationId}\r\nTimestamp: ${timestamp}`,
    error_codes: [refusal.aadsts],
    timestamp,
    trace_id: traceId,
    correlation_id: correlationId,
    error_uri: `${entra}/error?code=${refusal.aadsts}`,
    ...(entry.suberror === undefined ? {} : { suberror: entry.suberror }),
    ...(entry.claims
      ? { claims: '{"access_token":{"capolids":{"essential":true,"values":["c7e2a7c4-2b5b-4c1b-8a8a-2f0f4a3a9d11"]}}}' }
      : {}),
  };
}

export const entraHeaders = (correlationId: string): Readonly<Record<string, string>> => ({
  'cache-control': 'no-store, no-cache',
  pragma: 'no-cache',
  'x-content-type-options': 'nosniff',
  'x-ms-request-id': randomUUID(),
  'x-ms-ests-server': '2.1.19506.5 - WEULR1 ProdSlices',
  'client-request-id': correlationId,
});

/** The id that the client gave its request, or a new one. */
export const correlationIdOf = (request: CloudRequest): string =>
  headerOf(request, 'client-request-id') ?? randomUUID();

export function refusalReply(request: CloudRequest, refusal: Refusal, nowMs: number, entra: string): Reply {
  const entry = aadstsTable[refusal.aadsts] ?? unknownEntry;
  const correlationId = correlationIdOf(request);
  const body = errorBody(refusal, correlationId, nowMs, entra);
  // Version 1.0 reports errors that need a new sign-in as interaction_required.
  const isVersion1 = /\/oauth2\/token\/?$/i.test(request.path);
  const error = isVersion1 && entry.claims && refusal.oauthError === undefined ? 'interaction_required' : body['error'];
  return json(
    entry.status,
    { ...body, error },
    {
      ...entraHeaders(correlationId),
      ...(entry.retryAfterSeconds === undefined ? {} : { 'retry-after': String(entry.retryAfterSeconds) }),
    },
  );
}
