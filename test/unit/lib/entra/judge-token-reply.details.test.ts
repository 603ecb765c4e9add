import { describe, expect, it } from 'vitest';
import { judgeTokenReply } from '../../../../src/lib/entra/judge-token-reply.ts';

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

describe('an error that Entra names without a number', () => {
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
  ])('%s is %s and reaches as far as: %s', (error, code, reach) => {
    expect(failureOf(400, { error })).toMatchObject({ code, reach, logFields: { httpStatus: 400, entraError: error } });
  });

  it('is quoted in the sentence for the caller', () => {
    expect(failureOf(400, { error: 'invalid_scope' })).toMatchObject({ detail: 'Entra answered invalid_scope.' });
    expect(failureOf(400, { error: 'odd' })).toMatchObject({
      detail: 'Entra answered with an error that is not known here.',
    });
  });

  it('asks for consent where its second word does, and a number that nobody knows is told', () => {
    const body = { error: 'invalid_grant', suberror: 'consent_required', error_codes: [123456789] };
    expect(failureOf(400, body)).toMatchObject({
      code: 'consent_required',
      reach: 'tenant',
      detail: 'Nobody has consented to the application in this tenant (AADSTS123456789).',
      logFields: { aadsts: 123456789, suberror: 'consent_required' },
    });
  });
});

describe('the number of an error', () => {
  it('is read from the description where the list of numbers is missing, and only from its start', () => {
    const at = (error_description: string) => failureOf(400, { error: 'invalid_grant', error_description });
    expect(at('AADSTS50173: revoked')).toMatchObject({ code: 'credential_revoked', logFields: { aadsts: 50173 } });
    expect(at('It says AADSTS50173: revoked')).toMatchObject({ code: 'interaction_required' });
    expect(at('')).toMatchObject({ code: 'interaction_required' });
  });

  it('counts for more than the status', () => {
    expect(failureOf(503, { error: 'invalid_grant', error_codes: [50173] })).toMatchObject({
      code: 'credential_revoked',
    });
    expect(failureOf(500, { error: 'invalid_grant' })).toMatchObject({ code: 'entra_unavailable', reach: 'transient' });
  });

  it('is told beside a throttling too, which waits a minute unless it says otherwise', () => {
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

describe('a reply that nobody understands', () => {
  it('is told from a page of a gateway', () => {
    expect(failureOf(502, '  <html>')).toMatchObject({
      code: 'entra_unavailable',
      reach: 'transient',
      detail: 'Entra sent an answer that is not usable (HTTP 502).',
      logFields: { httpStatus: 502, entraReply: 'html' },
    });
    expect(failureOf(200, '{"<": 1}')).toMatchObject({ logFields: { httpStatus: 200, entraReply: 'not understood' } });
  });

  it('keeps trace and correlation id for the log', () => {
    expect(failureOf(400, { error: 'x', trace_id: 't', correlation_id: 'c' })).toMatchObject({
      logFields: { traceId: 't', entraCorrelationId: 'c' },
    });
  });
});

describe('a token', () => {
  it('is one only with status 200', () => {
    expect(judge(200, token).ok).toBe(true);
    expect(judge(201, token).ok).toBe(false);
  });

  it.each([
    ['a type that only ends like bearer', { token_type: 'xBearer' }],
    ['a type that only starts like bearer', { token_type: 'Bearer x' }],
    ['a life that only ends in digits', { expires_in: 'x3600' }],
    ['a life that only starts with digits', { expires_in: '3600x' }],
    ['a life in another notation', { expires_in: '0x10' }],
    ['a life with a space in front', { expires_in: ' 3600' }],
    ['a life with a space behind', { expires_in: '3600 ' }],
    ['a life of no time', { expires_in: 0 }],
    ['a life of more than 31 days', { expires_in: 31 * 86_400 + 1 }],
    ['no value', { access_token: '' }],
    ['an empty refresh token', { refresh_token: '' }],
  ])('with %s is none', (_, change) => {
    expect(judge(200, { ...token, ...change }).ok).toBe(false);
  });

  it('has the scopes that the reply names where it is opaque, by their short names', () => {
    const scope = ' https://graph.microsoft.com/User.Read.All  Mail.Read ';
    expect(judge(200, { ...token, scope })).toMatchObject({ token: { scopes: ['User.Read.All', 'Mail.Read'] } });
    expect(judge(200, token)).toMatchObject({ token: { scopes: [], refreshToken: undefined } });
  });

  it('comes with the refresh token that rolled, and ends counted from when the request left', () => {
    const verdict = judge(200, { ...token, expires_in: '3599', refresh_token: 'rolled' });
    expect(verdict.ok && verdict.token.refreshToken?.reveal()).toBe('rolled');
    expect(verdict.ok && verdict.token.expiresAtMs).toBe(sentAtMs + 3_599_000);
  });
});
