import { describe, expect, it } from 'vitest';
import { credentialError, tenantError, transientError } from '../../../../src/lib/broker/failures.ts';
import type { EntraFailure } from '../../../../src/lib/entra/judge-token-reply.ts';

const failure = (changes: Partial<EntraFailure>): EntraFailure => ({
  code: 'consent_required',
  reach: 'tenant',
  detail: 'the detail',
  retryAfterSeconds: undefined,
  logFields: { httpStatus: 400 },
  ...changes,
});

describe('a failure', () => {
  it('of one tenant keeps its name, unless that speaks of the credential', () => {
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

  it('that the request itself has caused is the platform’s; any other that says nothing of whose it is, the tenant’s', () => {
    const code = 'entra_request_rejected';
    expect(tenantError(failure({ code, reach: 'request' })).scope).toBe('platform');
    expect(tenantError(failure({ code, reach: 'ambiguous' })).scope).toBe('tenant');
  });

  it('of the credential is named as one', () => {
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

  it('that home does not see keeps its name in one tenant and everywhere', () => {
    const { blocked, shared } = {
      blocked: failure({ code: 'blocked_by_policy', reach: 'ambiguous', logFields: { aadsts: 500212 } }),
      shared: failure({ code: 'client_credential_rejected', reach: 'credential', logFields: { aadsts: 50194 } }),
    };
    expect(tenantError(blocked)).toMatchObject({ code: 'blocked_by_policy', scope: 'tenant' });
    expect(credentialError(blocked)).toMatchObject({ code: 'blocked_by_policy', scope: 'credential' });
    expect(tenantError(shared)).toMatchObject({ code: 'client_credential_rejected', scope: 'tenant' });
  });

  it('that says in one tenant that the client credential is wrong is that it is not known there yet', () => {
    const wrong = failure({ code: 'client_credential_rejected', reach: 'credential', detail: 'It is wrong.' });
    expect(tenantError(wrong)).toMatchObject({
      code: 'entra_unavailable',
      scope: 'platform',
      retryAfterSeconds: 10,
      detail: expect.stringMatching(/takes a minute to be known everywhere\. Entra said: It is wrong\.$/) as string,
      logFields: { httpStatus: 400 },
    });
  });

  it.each([
    ['entra_unavailable', undefined, {}, 5],
    ['throttled', undefined, {}, 60],
    ['throttled', 7, {}, 7],
    ['entra_unavailable', 9, {}, 9],
    ['throttled', 7, { aadsts: 50196 }, 300],
  ] as const)('that passes (%s, asked to wait %s) is waited for', (code, retryAfterSeconds, logFields, seconds) => {
    expect(transientError(failure({ code, retryAfterSeconds, logFields, reach: 'transient' })).retryAfterSeconds).toBe(
      seconds,
    );
  });
});
