import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Credential, Secret } from '../../../../src/lib/core/secrets.ts';
import { type CredentialFacts, judgeCredential, thresholdOf, warningDays } from '../../../../src/lib/health/health.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import { parseTenantId, type TenantId } from '../../../../src/lib/core/identifiers.ts';
import { refreshTokenOf } from '../../../fakes/memory-credential-store.ts';

const dayMs = 86_400_000;
const nowMs = Date.UTC(2026, 10, 24);
const tenantId = parseTenantId('99999999-9999-4999-8999-999999999999') as TenantId;

function facts(more: Partial<CredentialFacts> = {}, refresh = {}, client = {}): CredentialFacts {
  const credential: Credential = {
    application: 'default',
    client: {
      clientId: 'client',
      tenantId,
      credential: { kind: 'secret', secret: new Secret('s') },
      endsAtMs: nowMs + 180 * dayMs,
      version: 'c1',
      ...client,
    },
    refreshToken: { ...refreshTokenOf('r', nowMs - dayMs), version: 'r1', ...refresh },
  };
  return { application: 'default', needsRefreshToken: true, credential, journal: {}, ...more };
}
const judge = (...args: Parameters<typeof facts>) => judgeCredential(facts(...args), nowMs);

describe('judgeCredential', () => {
  it('names the application in the advice unless it is the default one', () => {
    const failure = { atMs: nowMs, code: 'credential_revoked', detail: 'no' } as const;
    const dead = new BrokerError('credential_revoked', 'dead');
    const { findings, lastFailure } = judge({ application: 'reader', dead, journal: { failure } });
    expect(findings[0]?.advice).toContain('run `ptb consent --application reader`');
    expect(lastFailure?.advice).toContain('run `ptb consent --application reader`');
    expect(judge({ dead }).findings[0]?.advice).toContain('run `ptb consent` ');
  });

  it('returns ok with the age, the days left and the end of the client credential', () => {
    expect(judge()).toMatchObject({
      state: { status: 'ok' },
      account: 'broker@partner.example',
      mfa: true,
      ageDays: 1,
      daysLeft: 89,
      clientCredential: { kind: 'secret', daysLeft: 180 },
      findings: [],
    });
  });

  it('returns degraded for a client secret whose end is unknown', () => {
    const { state, findings } = judge({}, {}, { endsAtMs: undefined });
    expect(state.status).toBe('degraded');
    expect(findings).toMatchObject([{ code: 'end_unknown', message: expect.stringContaining('c1') as string }]);
    const credential = { kind: 'federated' } as const;
    expect(judge({}, {}, { endsAtMs: undefined, credential }).state.status).toBe('ok');
  });

  it.each([
    [31, 'ok', undefined],
    [30, 'degraded', 30],
    [15, 'degraded', 30],
    [14, 'degraded', 14],
    [7, 'degraded', 7],
    [1, 'degraded', 1],
    [0, 'down', 1],
    [-1, 'down', 1],
  ])('maps %i days left to %s', (days, status, thresholdDays) => {
    const expiresAtMs = nowMs + days * dayMs;
    expect(judge({}, { expiresAtMs, obtainedAtMs: expiresAtMs - 90 * dayMs }).state).toEqual({
      status,
      ...(thresholdDays === undefined ? {} : { thresholdDays }),
    });
    expect(judge({}, {}, { endsAtMs: nowMs + days * dayMs }).state.status).toBe(status);
  });

  it('advises how to renew each kind of client credential', () => {
    const advice = (credential: object): string | undefined =>
      judge({}, {}, { credential, endsAtMs: nowMs + 30 * dayMs }).findings[0]?.advice;
    expect(advice({ kind: 'secret' })).toBe(
      'Run `ptb rotate --client-credential`, or `ptb setup --credential federated` to work without a secret.',
    );
    expect(advice({ kind: 'certificate' })).toBe(
      'Run `ptb rotate --client-credential`. If the broker did not create the certificate, renew it where it was created.',
    );
  });

  it('returns degraded when the token or a recent probe of Partner Center shows no MFA', () => {
    expect(judge({}, { mfa: false }).findings).toMatchObject([{ code: 'mfa_missing', severity: 'degraded' }]);
    const journal = { mfaProbe: { atMs: nowMs, compliant: false } };
    expect(judge({ journal }).state.status).toBe('degraded');
    expect(judge({ journal: { mfaProbe: { atMs: nowMs - 2 * dayMs, compliant: false } } }).state.status).toBe('ok');
  });

  it('adds a notice, and stays ok, when the last daily care found keys that the vault does not hold', () => {
    const found = judge({ journal: { unknownKeys: 'client secret stolen' } });
    expect(found).toMatchObject({
      state: { status: 'ok' },
      findings: [
        { severity: 'notice', code: 'unknown_keys', advice: expect.stringContaining('`ptb revoke`') as string },
      ],
    });
    expect(found.findings[0]?.message).toContain('client secret stolen');
  });

  it('returns degraded after a failed rotation until a rotation or a consent succeeds', () => {
    const failure = { atMs: nowMs - 1000, code: 'key_vault_unavailable', detail: 'Key Vault answered 403.' } as const;
    const degraded = judge({ journal: { failure } });
    expect(degraded).toMatchObject({ state: { status: 'degraded' }, lastFailure: { code: 'key_vault_unavailable' } });
    expect(degraded.lastFailure?.advice).toMatch(/managed identity/);
    expect(judge({ journal: { failure, rotatedAtMs: nowMs } }).state.status).toBe('ok');
    expect(judge({ journal: { failure } }, { obtainedAtMs: nowMs }).state.status).toBe('ok');
  });

  it.each([1.5, 4])('adds a notice, and stays ok, when the timer has not rotated for %d days', (days) => {
    expect(judge({}, { obtainedAtMs: nowMs - days * dayMs })).toMatchObject({
      state: { status: 'ok' },
      findings: [{ severity: 'notice', code: 'rotation_overdue' }],
    });
  });

  it('adds no notice when the timer is hours late', () => {
    expect(judge({}, { obtainedAtMs: nowMs - 1.4 * dayMs }).findings).toEqual([]);
  });

  it('returns degraded and names the version while a version is skipped', () => {
    const { credential } = facts();
    const skipped = [{ part: 'client credential', version: 'c2', reason: 'It lacks the tags.' } as const];
    const { state, findings } = judge({ credential: { ...credential!, skipped } });
    expect(state.status).toBe('degraded');
    expect(findings).toMatchObject([{ code: 'version_skipped' }]);
    expect(findings[0]?.message).toBe(
      'The version c2 of the client credential in Key Vault is not used. It lacks the tags.',
    );
  });

  it('returns degraded, not down, while only the date in the vault has passed and the token works', () => {
    const changed = { expiresAtMs: nowMs - dayMs, obtainedAtMs: nowMs - dayMs };
    expect(judge({}, changed).state.status).toBe('degraded');
    const dead = new BrokerError('credential_expired', 'dead');
    expect(judge({ dead }, changed).state.status).toBe('down');
  });

  it('does not return ok within seven days of the end, whatever date the vault shows', () => {
    const changed = { expiresAtMs: nowMs + 900 * dayMs, obtainedAtMs: nowMs - 84 * dayMs };
    expect(judge({}, changed).state).toEqual({ status: 'degraded', thresholdDays: 7 });
  });

  it('returns down with the reason while the broker treats the credential as dead', () => {
    const dead = new BrokerError('credential_revoked', 'The grant was revoked (AADSTS50173).');
    expect(judge({ dead })).toMatchObject({ state: { status: 'down' }, findings: [{ code: 'credential_revoked' }] });
  });

  it('returns down without a credential, and degraded with one that is only cached', () => {
    const readFailure = new BrokerError('key_vault_unavailable', 'Key Vault did not answer in time.');
    expect(judge({ credential: undefined, readFailure }).findings).toMatchObject([{ code: 'key_vault_unavailable' }]);
    expect(judge({ credential: undefined }).findings).toMatchObject([{ code: 'credential_missing' }]);
    expect(judge({ readFailure }).state.status).toBe('degraded');
  });

  it('returns down before the first consent unless no refresh token is needed', () => {
    const { credential } = facts();
    const without = { ...credential!, refreshToken: undefined };
    expect(judge({ credential: without }).state.status).toBe('down');
    expect(judge({ credential: without, needsRefreshToken: false }).state.status).toBe('ok');
  });

  it('does not contain a secret', () => {
    expect(JSON.stringify(judge())).not.toMatch(/"[rs]"/);
  });

  it('never returns a better status as time passes', () => {
    const rank = { ok: 0, degraded: 1, down: 2 };
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 120 }), fc.integer({ min: 0, max: 30 }), (start, later) => {
        const at = (day: number) => judgeCredential(facts({}, { obtainedAtMs: nowMs }), nowMs + day * dayMs).state;
        expect(rank[at(start + later).status]).toBeGreaterThanOrEqual(rank[at(start).status]);
      }),
    );
  });

  it('returns the nearest threshold from thresholdOf', () => {
    fc.assert(
      fc.property(fc.double({ min: -5, max: 60, noNaN: true }), (days) => {
        const found = thresholdOf(nowMs + days * dayMs, nowMs);
        expect(found).toBe(
          warningDays.toSorted((a, b) => a - b).find((threshold) => days * dayMs <= threshold * dayMs),
        );
      }),
    );
  });
});
