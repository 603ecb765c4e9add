import { describe, expect, it } from 'vitest';
import { type Credential, Secret } from '../../../../src/lib/core/secrets.ts';
import { type CredentialFacts, endFindings, judgeCredential, nearest } from '../../../../src/lib/health/health.ts';
import { StateWatch } from '../../../../src/lib/health/state-watch.ts';
import { adviceFor, BrokerError } from '../../../../src/lib/core/errors.ts';
import { parseTenantId } from '../../../../src/lib/core/identifiers.ts';
import type { Notice } from '../../../../src/lib/notices/notice.ts';
import { FakeClock, settle } from '../../../fakes/fake-clock.ts';
import { MemoryCredentialJournal } from '../../../fakes/memory-credential-journal.ts';
import { refreshTokenOf } from '../../../fakes/memory-credential-store.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';

const dayMs = 86_400_000;
const nowMs = Date.UTC(2026, 10, 24);

function judge(more: Partial<CredentialFacts> = {}, refresh = {}, client = {}, rest: Partial<Credential> = {}) {
  const credential: Credential = {
    application: 'reader',
    client: {
      clientId: 'client',
      tenantId: parseTenantId('99999999-9999-4999-8999-999999999999')!,
      credential: { kind: 'secret', secret: new Secret('s') },
      endsAtMs: nowMs + 180 * dayMs,
      version: 'c1',
      ...client,
    },
    refreshToken: { ...refreshTokenOf('r', nowMs - dayMs), version: 'r1', ...refresh },
    ...rest,
  };
  return judgeCredential({ application: 'reader', needsRefreshToken: true, credential, journal: {}, ...more }, nowMs);
}

describe('judgeCredential', () => {
  it('leaves out what is not known', () => {
    expect(Object.keys(judge()).toSorted()).toEqual([
      'account',
      'ageDays',
      'application',
      'clientCredential',
      'daysLeft',
      'expiresAt',
      'findings',
      'mfa',
      'obtainedAt',
      'state',
    ]);
    expect(Object.keys(judge().state)).toEqual(['status']);
    expect(judge({}, {}, { endsAtMs: undefined }).clientCredential).toEqual({ kind: 'secret' });
  });

  it('returns the last rotation, the last failure with advice, and the last check of MFA', () => {
    const failure = { atMs: nowMs - dayMs, code: 'credential_revoked', detail: 'Refused.' } as const;
    const journal = { rotatedAtMs: nowMs, failure, mfaProbe: { atMs: nowMs - 2 * dayMs, compliant: true } };
    expect(judge({ journal })).toMatchObject({
      lastRotation: '2026-11-24T00:00:00.000Z',
      lastFailure: {
        at: '2026-11-23T00:00:00.000Z',
        code: 'credential_revoked',
        meaning: 'Refused.',
        advice: adviceFor('credential_revoked', 'operator', 'reader'),
      },
      mfaProbe: { at: '2026-11-22T00:00:00.000Z', compliant: true },
    });
  });

  it('names the failure of the last read if there is no credential', () => {
    const readFailure = new BrokerError('key_vault_unavailable', 'The vault is away.');
    const { findings, clientCredential } = judge({ credential: undefined, readFailure });
    expect(findings).toMatchObject([
      { severity: 'down', code: 'key_vault_unavailable', message: 'The vault is away.' },
    ]);
    expect(clientCredential).toBeUndefined();
    expect(judge({ credential: undefined }).findings).toMatchObject([
      { code: 'credential_missing', message: 'The application "reader" is not set up.' },
    ]);
  });

  it.each([
    [
      'refresh token',
      'Disable that version in Key Vault. To replace the refresh token, run `ptb consent --application reader`.',
    ],
    [
      'client credential',
      'Disable that version in Key Vault. To replace the client credential, run `ptb rotate --client-credential --application reader`.',
    ],
  ] as const)('advises how to replace a skipped version of the %s', (part, advice) => {
    const skipped = [{ part, version: 'v9', reason: 'It is damaged.' }] as unknown as NonNullable<
      Credential['skipped']
    >;
    expect(judge({}, {}, {}, { skipped }).findings).toEqual([
      {
        severity: 'degraded',
        code: 'version_skipped',
        message: `The version v9 of the ${part} in Key Vault is not used. It is damaged.`,
        advice,
      },
    ]);
  });

  it.each([
    [-1, []],
    [0, ['mfa_missing']],
    [1, ['mfa_missing']],
  ])('counts a failed check of MFA %i ms after the token was obtained', (afterMs, codes) => {
    const mfaProbe = { atMs: nowMs - dayMs + afterMs, compliant: false };
    const { findings, state } = judge({ journal: { mfaProbe } });
    expect(findings.map(({ code }) => code)).toEqual(codes);
    expect(state.status).toBe(codes.length === 0 ? 'ok' : 'degraded');
    for (const { advice } of findings)
      expect(advice).toBe(
        'Run `ptb consent --application reader` and sign in with Microsoft MFA as the service account.',
      );
  });

  it('does not count a failed check of MFA without a refresh token', () => {
    const journal = { mfaProbe: { atMs: nowMs, compliant: false } };
    const { findings } = judge({ journal, needsRefreshToken: false }, {}, {}, { refreshToken: undefined });
    expect(findings).toEqual([]);
  });

  it.each([
    [nowMs - dayMs - 1, []],
    [nowMs - dayMs, []],
    [nowMs - dayMs + 1, ['rotation_failed']],
  ])('counts a failed rotation only after the token was obtained', (atMs, codes) => {
    const failure = { atMs, code: 'entra_unavailable', detail: 'Away.' } as const;
    const { findings } = judge({ journal: { failure } });
    expect(findings.map(({ code }) => code)).toEqual(codes);
    for (const finding of findings)
      expect(finding).toMatchObject({
        severity: 'degraded',
        message: 'The last rotation failed: Away.',
        advice: adviceFor('entra_unavailable', 'operator', 'reader'),
      });
  });
});

describe('endFindings', () => {
  const part = {
    part: 'refresh token',
    endsAtMs: nowMs,
    endedCode: 'credential_expired',
    advice: 'Renew.',
  } as const;
  const found = (changes: object, dead?: BrokerError) =>
    endFindings({ application: 'reader', dead }, nowMs, { ...part, ...changes });

  it('finds nothing without an end', () => {
    expect(found({ endsAtMs: undefined })).toEqual([]);
  });

  it('names the day of the end, also at the moment of the end', () => {
    expect(found({})).toMatchObject([
      { severity: 'down', code: 'credential_expired', message: 'The refresh token expired on 2026-11-24.' },
    ]);
  });

  it('doubts an end in the vault that is earlier than the token allows, unless the credential is dead', () => {
    const doubted =
      'The vault says that the refresh token expired on 2026-11-24, but it was issued later than that allows.';
    expect(found({ latestEndMs: nowMs + 1 })).toEqual([
      { severity: 'degraded', code: 'expires_soon', message: doubted, advice: 'Renew.' },
    ]);
    expect(found({ latestEndMs: nowMs })).toMatchObject([{ code: 'credential_expired' }]);
    const dead = new BrokerError('credential_revoked', 'dead');
    expect(found({ latestEndMs: nowMs + 1 }, dead)).toMatchObject([{ code: 'credential_expired' }]);
  });

  it.each([
    [1, 1],
    [dayMs, 1],
    [dayMs + 1, 2],
    [29.5 * dayMs, 30],
  ])('rounds %d ms up to %i days', (ms, days) => {
    expect(found({ endsAtMs: nowMs + ms })).toEqual([
      {
        severity: 'degraded',
        code: 'expires_soon',
        message: `The refresh token expires within ${days} days.`,
        advice: 'Renew.',
      },
    ]);
  });
});

it('nearest is the smallest threshold of all known ends', () => {
  expect(nearest([undefined, undefined], nowMs)).toBeUndefined();
  expect(nearest([nowMs + 40 * dayMs, undefined], nowMs)).toBeUndefined();
  expect(nearest([nowMs + 40 * dayMs, nowMs + 7 * dayMs], nowMs)).toBe(7);
});

describe('StateWatch', () => {
  const severities = { ok: ['info', 'info'], degraded: ['warn', 'warning'], down: ['error', 'critical'] } as const;

  it.each(['ok', 'degraded', 'down'] as const)('logs and sends the change to %s with its finding', async (status) => {
    const sent: Notice[] = [];
    const { log, lines } = recordingLogger();
    const notifier = { send: async (notice: Notice) => void sent.push(notice) };
    const watch = new StateWatch({ journal: new MemoryCredentialJournal(), clock: new FakeClock(), log, notifier });
    const notice = { severity: 'notice', code: 'unknown_keys', message: 'Keys.', advice: 'Look.' } as const;
    const finding = { severity: 'down', code: 'expires_soon', message: 'It ends.', advice: 'Renew.' } as const;
    const serious = status === 'ok' ? [] : [finding];
    const health = { application: 'reader', state: { status, thresholdDays: 7 }, findings: [notice, ...serious] };
    await watch.observe(health, { status: status === 'ok' ? 'down' : 'ok', sinceMs: 0 });
    await settle();
    const [level, severity] = severities[status];
    expect(lines.map(({ level, line }) => ({ ...(JSON.parse(line) as object), level }))).toEqual([
      expect.objectContaining({
        level,
        event: 'credential.state_changed',
        application: 'reader',
        from: status === 'ok' ? 'down' : 'ok',
        to: status,
        thresholdDays: 7,
        ...(status === 'ok' ? {} : { reason: 'expires_soon', message: 'It ends.', advice: 'Renew.' }),
      }),
    ]);
    expect(sent).toMatchObject([{ severity, text: status === 'ok' ? '' : 'It ends. Renew.', facts: [] }]);
  });

  it('sends the account and the days left, if they are known', async () => {
    const sent: Notice[] = [];
    const notifier = { send: async (notice: Notice) => void sent.push(notice) };
    const { log } = recordingLogger();
    const watch = new StateWatch({ journal: new MemoryCredentialJournal(), clock: new FakeClock(), log, notifier });
    const health = {
      application: 'reader',
      state: { status: 'down' },
      findings: [],
      account: 'a@b.c',
      daysLeft: 0,
    } as const;
    await watch.observe(health, undefined);
    await settle();
    expect(sent[0]?.facts).toEqual([
      { name: 'Account', value: 'a@b.c' },
      { name: 'Days left', value: '0' },
    ]);
  });
});
