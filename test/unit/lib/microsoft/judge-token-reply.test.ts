import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { aadstsMeanings, aadstsVariants } from '../../../../src/lib/microsoft/aadsts.ts';
import { judgeTokenReply } from '../../../../src/lib/microsoft/token-reply.ts';

const nowMs = Date.UTC(2026, 10, 24);
const reply = (status: number, body: unknown, headers: Record<string, string> = {}) => ({
  status,
  headers: new Headers(headers),
  body: typeof body === 'string' ? body : JSON.stringify(body),
});
const failureOf = (status: number, body: unknown, headers?: Record<string, string>) => {
  const judged = judgeTokenReply(reply(status, body, headers), nowMs);
  if (judged.ok) throw new Error('a token was not expected');
  return judged.failure;
};
const entraError = (error: string, aadsts?: number, more: object = {}): object => ({
  error,
  error_description: aadsts === undefined ? 'no number' : `AADSTS${aadsts}: text\r\nTrace ID: t`,
  ...(aadsts === undefined ? {} : { error_codes: [aadsts] }),
  trace_id: 'trace-1',
  ...more,
});

describe('judgeTokenReply for a failure', () => {
  test.each([...aadstsMeanings.entries()])('maps AADSTS%i to a code, a reach and a sentence', (number, meaning) => {
    const failure = failureOf(400, entraError('an_error', number));
    expect(failure).toMatchObject({
      code: meaning.code,
      reach: meaning.reach,
      logFields: { aadsts: number, traceId: 'trace-1' },
    });
    expect(failure.detail).toBe(`${meaning.meaning.slice(0, -1)} (AADSTS${number}).`);
  });

  test.each(aadstsVariants)('maps AADSTS$number $condition to another meaning', ({ number, code, reach, meaning }) => {
    const replies = { 9002313: 'invalid_grant', 700023: 'invalid_client', 650051: 'invalid_client' };
    const error = replies[number as keyof typeof replies];
    const error_description = `AADSTS${number}: The name is already present.`;
    const failure = failureOf(400, entraError(error, number, { error_description }));
    expect(failure).toMatchObject({ code, reach, detail: `${meaning.slice(0, -1)} (AADSTS${number}).` });
    expect(aadstsMeanings.get(number)?.code).not.toBe(code);
  });

  test('judges a failure with an unknown number by its error', () => {
    expect(failureOf(400, entraError('invalid_grant', 999_999))).toMatchObject({
      code: 'interaction_required',
      reach: 'ambiguous',
    });
    expect(failureOf(401, entraError('invalid_client', 999_999))).toMatchObject({
      code: 'client_credential_rejected',
      reach: 'ambiguous',
    });
    expect(failureOf(400, entraError('something_new', 999_999))).toMatchObject({ reach: 'ambiguous' });
    expect(failureOf(400, entraError('temporarily_unavailable'))).toMatchObject({
      code: 'entra_unavailable',
      reach: 'transient',
    });
  });

  test('reads the number from the description when the list is missing', () => {
    expect(failureOf(400, entraError('invalid_grant', 65001, { error_codes: undefined }))).toMatchObject({
      code: 'consent_required',
    });
  });

  test('honors Retry-After in seconds and as a date, and defaults to one minute for a 429', () => {
    expect(failureOf(429, {}, { 'retry-after': '17' }).retryAfterSeconds).toBe(17);
    expect(failureOf(429, {}, { 'retry-after': new Date(nowMs + 30_000).toUTCString() }).retryAfterSeconds).toBe(30);
    expect(failureOf(429, 'Too Many Requests').retryAfterSeconds).toBe(60);
    expect(failureOf(429, {}, { 'retry-after': '999999' }).retryAfterSeconds).toBe(3600);
    const past = new Date(nowMs - 2_000).toUTCString();
    for (const none of ['0', past]) expect(failureOf(429, '', { 'retry-after': none }).retryAfterSeconds).toBe(1);
    expect(failureOf(503, {}, { 'retry-after': 'soon' }).retryAfterSeconds).toBeUndefined();
  });

  test('keeps the description of the reply out of the detail and the log fields', () => {
    const failure = failureOf(
      400,
      entraError('invalid_grant', 65001, {
        error_description: 'AADSTS65001: user bob@contoso.com and refresh_token=0.AAAA',
      }),
    );
    expect(failure.detail).not.toContain('bob');
    expect(JSON.stringify(failure.logFields)).not.toContain('refresh_token');
  });
});

describe('judgeTokenReply for a token', () => {
  test('accepts numbers as strings, as the v1 endpoint sends them', () => {
    const judged = judgeTokenReply(
      reply(200, {
        token_type: 'Bearer',
        expires_in: '3599',
        access_token: 'opaque',
        scope: 'https://graph.microsoft.com/User.Read https://graph.microsoft.com/.default',
      }),
      nowMs,
    );
    expect(judged).toMatchObject({
      ok: true,
      token: { expiresAtMs: nowMs + 3_599_000, scopes: ['User.Read', '.default'], claims: {} },
    });
  });
});

test('judgeTokenReply never throws for broken replies, and returns only complete tokens', () => {
  const words = fc.constantFrom(
    'error',
    'error_codes',
    'access_token',
    'expires_in',
    'token_type',
    'Bearer',
    'invalid_grant',
    'scope',
    '{',
    '}',
    '"',
    ':',
    '[',
    ']',
    ',',
    '65001',
    '3600',
    'eyJ.eyJ.x',
  );
  const bytes = fc.oneof(
    fc.json(),
    fc.string(),
    fc.array(words).map((parts) => parts.join('')),
  );
  let judgedReplies = 0;
  fc.assert(
    fc.property(fc.integer({ min: 100, max: 599 }), bytes, fc.option(fc.string()), (status, body, retryAfter) => {
      const headers = new Headers();
      if (retryAfter !== null) {
        try {
          headers.set('retry-after', retryAfter);
        } catch {
          // Not every string is a valid header value.
        }
      }
      const judged = judgeTokenReply({ status, headers, body }, nowMs);
      judgedReplies += 1;
      if (judged.ok) {
        expect(status).toBe(200);
        expect(judged.token.accessToken.reveal()).not.toBe('');
        expect(judged.token.expiresAtMs).toBeGreaterThan(nowMs);
      }
    }),
    { numRuns: 20_000, seed: 1 },
  );
  console.log(`judged ${judgedReplies} broken replies: 0 thrown`);
});
