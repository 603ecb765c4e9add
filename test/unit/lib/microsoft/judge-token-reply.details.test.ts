import { describe, expect, it } from 'vitest';
import { judgeTokenReply } from '../../../../src/lib/microsoft/token-reply.ts';

const sentAtMs = Date.UTC(2026, 10, 24);
const judge = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  judgeTokenReply(
    { status, headers: new Headers(headers), body: typeof body === 'string' ? body : JSON.stringify(body) },
    sentAtMs,
  );
const failureOf = (status: number, body: unknown, headers?: Record<string, string>) => {
  const verdict = judge(status, body, headers);
  return verdict.ok ? 'a token' : verdict.failure;
};
const token = { access_token: 'opaque', expires_in: 3600, token_type: 'Bearer' };

describe('judgeTokenReply for an error without a number', () => {
  it.each([
    ['invalid_grant', 'interaction_required', 'ambiguous'],
    ['interaction_required', 'interaction_required', 'ambiguous'],
    ['consent_required', 'consent_required', 'tenant'],
    ['invalid_client', 'client_credential_rejected', 'ambiguous'],
    ['unauthorized_client', 'consent_required', 'ambiguous'],
    ['invalid_resource', 'resource_unavailable', 'tenant'],
    ['access_denied', 'blocked_by_policy', 'ambiguous'],
    ['invalid_request', 'entra_request_rejected', 'request'],
    ['invalid_scope', 'entra_request_rejected', 'request'],
    ['unsupported_grant_type', 'entra_request_rejected', 'request'],
    ['temporarily_unavailable', 'entra_unavailable', 'transient'],
    ['server_error', 'entra_unavailable', 'transient'],
    ['never_heard_of', 'entra_request_rejected', 'ambiguous'],
    // Names that every object has.
    ['constructor', 'entra_request_rejected', 'ambiguous'],
    ['__proto__', 'entra_request_rejected', 'ambiguous'],
  ])('maps %s to the code %s with the reach %s', (error, code, reach) => {
    expect(failureOf(400, { error })).toMatchObject({ code, reach, logFields: { httpStatus: 400, entraError: error } });
  });

  it('quotes a known error in the detail', () => {
    expect(failureOf(400, { error: 'invalid_scope' })).toMatchObject({ detail: 'Entra answered invalid_scope.' });
    expect(failureOf(400, { error: 'odd' })).toMatchObject({
      detail: 'Entra answered with an unknown error.',
    });
  });

  it('recognizes missing consent by the suberror, and keeps an unknown number', () => {
    const body = { error: 'invalid_grant', suberror: 'consent_required', error_codes: [123456789] };
    expect(failureOf(400, body)).toMatchObject({
      code: 'consent_required',
      reach: 'tenant',
      detail: 'The application has no consent in this tenant (AADSTS123456789).',
      logFields: { aadsts: 123456789, suberror: 'consent_required' },
    });
  });
});

describe('judgeTokenReply for an error with a number', () => {
  it('reads the number only from the start of the description when the list is missing', () => {
    const at = (error_description: string) => failureOf(400, { error: 'invalid_grant', error_description });
    expect(at('AADSTS50173: revoked')).toMatchObject({ code: 'credential_revoked', logFields: { aadsts: 50173 } });
    expect(at('It says AADSTS50173: revoked')).toMatchObject({ code: 'interaction_required' });
    expect(at('')).toMatchObject({ code: 'interaction_required' });
  });

  it('prefers the number to the status', () => {
    expect(failureOf(503, { error: 'invalid_grant', error_codes: [50173] })).toMatchObject({
      code: 'credential_revoked',
    });
    expect(failureOf(500, { error: 'invalid_grant' })).toMatchObject({ code: 'entra_unavailable', reach: 'transient' });
  });

  it('includes the number in a throttling failure, and waits one minute without Retry-After', () => {
    const body = { error: 'temporarily_unavailable', error_codes: [90055] };
    expect(failureOf(429, body)).toMatchObject({
      code: 'throttled',
      reach: 'transient',
      detail: 'Entra throttles the requests (AADSTS90055).',
      retryAfterSeconds: 60,
    });
    expect(failureOf(429, 'Too Many Requests', { 'retry-after': '7' })).toMatchObject({
      detail: 'Entra throttles the requests.',
      retryAfterSeconds: 7,
    });
  });
});

describe('judgeTokenReply for an unusable reply', () => {
  it('distinguishes an HTML page from other unusable replies', () => {
    expect(failureOf(502, '  <html>')).toMatchObject({
      code: 'entra_unavailable',
      reach: 'transient',
      detail: 'Entra sent an unusable reply (HTTP 502).',
      logFields: { httpStatus: 502, entraReply: 'html' },
    });
    expect(failureOf(200, '{"<": 1}')).toMatchObject({ logFields: { httpStatus: 200, entraReply: 'not understood' } });
  });

  it('keeps the trace id and the correlation id for the log', () => {
    expect(failureOf(400, { error: 'x', trace_id: 't', correlation_id: 'c' })).toMatchObject({
      logFields: { traceId: 't', entraCorrelationId: 'c' },
    });
  });
});

describe('judgeTokenReply for a token', () => {
  it('accepts a token only with status 200', () => {
    expect(judge(200, token).ok).toBe(true);
    expect(judge(201, token).ok).toBe(false);
  });

  it.each([
    ['a token type that only ends with Bearer', { token_type: 'xBearer' }],
    ['a token type that only starts with Bearer', { token_type: 'Bearer x' }],
    ['a lifetime that only ends in digits', { expires_in: 'x3600' }],
    ['a lifetime that only starts with digits', { expires_in: '3600x' }],
    ['a lifetime in hexadecimal notation', { expires_in: '0x10' }],
    ['a lifetime with a leading space', { expires_in: ' 3600' }],
    ['a lifetime with a trailing space', { expires_in: '3600 ' }],
    ['a lifetime of zero', { expires_in: 0 }],
    ['a lifetime of more than 31 days', { expires_in: 31 * 86_400 + 1 }],
    ['an empty access token', { access_token: '' }],
    ['an empty refresh token', { refresh_token: '' }],
  ])('rejects a token with %s', (_, change) => {
    expect(judge(200, { ...token, ...change }).ok).toBe(false);
  });

  it('takes the scopes of an opaque token from the reply, without their resource', () => {
    const scope = ' https://graph.microsoft.com/User.Read.All  Mail.Read ';
    expect(judge(200, { ...token, scope })).toMatchObject({ token: { scopes: ['User.Read.All', 'Mail.Read'] } });
    expect(judge(200, token)).toMatchObject({ token: { scopes: [], refreshToken: undefined } });
  });

  it('returns the new refresh token, and an expiry counted from when the request was sent', () => {
    const verdict = judge(200, { ...token, expires_in: '3599', refresh_token: 'rolled' });
    expect(verdict.ok && verdict.token.refreshToken?.reveal()).toBe('rolled');
    expect(verdict.ok && verdict.token.expiresAtMs).toBe(sentAtMs + 3_599_000);
  });
});

it('cuts the fields of a failure that are only logged', () => {
  const long = 'eyJ'.repeat(70_000);
  const body = { error: 'invalid_grant', error_codes: [65001], suberror: long, trace_id: long, correlation_id: long };
  const judged = judgeTokenReply({ status: 400, headers: new Headers(), body: JSON.stringify(body) }, 0);
  expect(judged).toMatchObject({ ok: false, failure: { code: 'consent_required' } });
  const fields = judged.ok ? {} : judged.failure.logFields;
  for (const name of ['suberror', 'traceId', 'entraCorrelationId']) expect(fields[name]).toHaveLength(100);
});

it('does not log a field that is no id and no word', () => {
  const echo = 'client_secret=abc~def&x';
  const body = { error: echo, error_codes: [65001], suberror: echo, trace_id: echo, correlation_id: echo };
  const judged = judgeTokenReply({ status: 400, headers: new Headers(), body: JSON.stringify(body) }, 0);
  expect(judged).toMatchObject({ ok: false, failure: { code: 'consent_required' } });
  expect(JSON.stringify(judged)).not.toContain('abc~def');
});

it('scrubs the fields of a failure that are only logged before it cuts them', () => {
  const text = `${'x'.repeat(60)} 0.A${'s'.repeat(500)}`;
  const body = { error: 'invalid_grant', suberror: text, trace_id: text, correlation_id: text };
  const judged = judgeTokenReply({ status: 400, headers: new Headers(), body: JSON.stringify(body) }, 0);
  expect(judged.ok ? '' : JSON.stringify(judged.failure)).not.toContain('sss');
});
