import { describe, expect, it } from 'vitest';
import { credentialError, tenantError, transientError } from '../../../../src/lib/tokens/credential-state.ts';
import type { EntraFailure } from '../../../../src/lib/microsoft/token-reply.ts';

const failure = (changes: Partial<EntraFailure>): EntraFailure => ({
  code: 'consent_required',
  reach: 'tenant',
  detail: 'the detail',
  retryAfterSeconds: undefined,
  logFields: { httpStatus: 400 },
  ...changes,
});

describe('tenantError', () => {
  it('keeps a code of scope tenant and replaces a code of scope credential', () => {
    expect(tenantError(failure({}))).toMatchObject({
      code: 'consent_required',
      scope: 'tenant',
      logFields: { httpStatus: 400 },
    });
    expect(tenantError(failure({ code: 'credential_revoked', reach: 'credential' }))).toMatchObject({
      code: 'interaction_required',
      scope: 'tenant',
    });
  });

  it('returns scope platform for a failure of the request itself, and scope tenant for an ambiguous one', () => {
    const code = 'entra_request_rejected';
    expect(tenantError(failure({ code, reach: 'request' })).scope).toBe('platform');
    expect(tenantError(failure({ code, reach: 'ambiguous' })).scope).toBe('tenant');
  });

  it('returns a transient error when the client credential is unknown in one tenant only', () => {
    const wrong = failure({ code: 'client_credential_rejected', reach: 'credential', detail: 'It is wrong.' });
    expect(tenantError(wrong)).toMatchObject({
      code: 'entra_unavailable',
      scope: 'platform',
      retryAfterSeconds: 10,
      detail: expect.stringMatching(
        /takes about a minute to reach all servers of Entra\. Entra replied: It is wrong\.$/,
      ) as string,
      logFields: { httpStatus: 400 },
    });
  });
});

describe('credentialError', () => {
  it('returns a code of scope credential for every failure', () => {
    expect(credentialError(failure({ code: 'credential_expired' }))).toMatchObject({
      code: 'credential_expired',
      scope: 'credential',
    });
    expect(credentialError(failure({ code: 'interaction_required' }))).toMatchObject({
      code: 'credential_revoked',
      scope: 'credential',
    });
    expect(credentialError(failure({ code: 'consent_required' }))).toMatchObject({
      code: 'client_credential_rejected',
      scope: 'credential',
    });
  });

  it('keeps the code of a failure that is hidden from the canary, like tenantError', () => {
    const { blocked, shared } = {
      blocked: failure({ code: 'blocked_by_policy', reach: 'ambiguous', logFields: { aadsts: 500212 } }),
      shared: failure({ code: 'client_credential_rejected', reach: 'credential', logFields: { aadsts: 50194 } }),
    };
    expect(tenantError(blocked)).toMatchObject({ code: 'blocked_by_policy', scope: 'tenant' });
    expect(credentialError(blocked)).toMatchObject({ code: 'blocked_by_policy', scope: 'credential' });
    expect(tenantError(shared)).toMatchObject({ code: 'client_credential_rejected', scope: 'tenant' });
  });
});

describe('transientError', () => {
  it.each([
    ['entra_unavailable', undefined, {}, 5],
    ['throttled', undefined, {}, 60],
    ['throttled', 7, {}, 7],
    ['entra_unavailable', 9, {}, 9],
    ['throttled', 7, { aadsts: 50196 }, 300],
  ] as const)('returns the wait for %s with a Retry-After of %s', (code, retryAfterSeconds, logFields, seconds) => {
    expect(transientError(failure({ code, retryAfterSeconds, logFields, reach: 'transient' })).retryAfterSeconds).toBe(
      seconds,
    );
  });
});
