import { dayMs, isoTime } from '../core/clock.ts';
import { adviceFor, type BrokerError, type ErrorCode, ptbCommand } from '../core/errors.ts';
import { defined } from '../core/objects.ts';
import { type Credential, refreshTokenLifeMs } from '../core/secrets.ts';
import type { CredentialState, HealthStatus, JournalEntry } from '../tokens/credential/credential-journal.ts';
import { rotationOverdueMs } from '../tokens/credential/credentials.ts';

/** One problem, or something worth knowing. Severity `notice` does not change the state. */
interface Finding {
  readonly severity: 'notice' | 'degraded' | 'down';
  readonly code:
    | ErrorCode
    | 'end_unknown'
    | 'expires_soon'
    | 'mfa_missing'
    | 'rotation_failed'
    | 'rotation_overdue'
    | 'unknown_keys'
    | 'version_skipped';
  readonly message: string;
  readonly advice: string;
}

const fromError = (application: string, severity: 'degraded' | 'down', code: ErrorCode, message: string): Finding => ({
  severity,
  code,
  message,
  advice: adviceFor(code, 'operator', application),
});

/** Days before an expiry at which health warns, ascending. */
export const warningDays = [1, 7, 14, 30] as const;

interface ExpiringPart {
  readonly part: 'refresh token' | 'client credential';
  readonly endsAtMs: number | undefined;
  /** When it expires at the latest, if the date in the vault may be too early. */
  readonly latestEndMs?: number | undefined;
  /** The code of the finding after the end. */
  readonly endedCode: ErrorCode;
  /** Advice before the end. */
  readonly advice: string;
}

export function endFindings(
  { application, dead }: { readonly application: string; readonly dead?: BrokerError | undefined },
  nowMs: number,
  { part, endsAtMs, latestEndMs, endedCode, advice }: ExpiringPart,
): Finding[] {
  if (endsAtMs === undefined) return [];
  if (endsAtMs <= nowMs && latestEndMs !== undefined && latestEndMs > nowMs && dead === undefined) {
    const message = `The vault says that the ${part} expired on ${isoTime(endsAtMs).slice(0, 10)}, but it was issued later than that allows.`;
    return [{ severity: 'degraded', code: 'expires_soon', message, advice }];
  }
  if (endsAtMs <= nowMs) {
    return [fromError(application, 'down', endedCode, `The ${part} expired on ${isoTime(endsAtMs).slice(0, 10)}.`)];
  }
  if (thresholdOf(endsAtMs, nowMs) === undefined) return [];
  const message = `The ${part} expires within ${Math.max(1, Math.ceil((endsAtMs - nowMs) / dayMs))} days.`;
  return [{ severity: 'degraded', code: 'expires_soon', message, advice }];
}

/** Returns the smallest of {@link warningDays} that covers the remaining time; undefined if none does. */
export const thresholdOf = (endsAtMs: number, nowMs: number): number | undefined =>
  warningDays.find((threshold) => endsAtMs - nowMs <= threshold * dayMs);

/** Returns the smallest of {@link warningDays} that covers one of the remaining times. */
export const nearest = (ends: readonly (number | undefined)[], nowMs: number): number | undefined =>
  warningDays.find((threshold) => ends.some((end) => end !== undefined && end - nowMs <= threshold * dayMs));

/** Input for {@link judgeCredential}. */
export interface CredentialFacts {
  readonly application: string;
  /** Whether callers or jobs use its refresh token. An application that only acts for itself needs none. */
  readonly needsRefreshToken: boolean;
  /** The stored or cached credential, if there is one. */
  readonly credential: Credential | undefined;
  /** Why the last read of the credential failed. */
  readonly readFailure?: BrokerError | undefined;
  /** Why the broker considers the credential dead. */
  readonly dead?: BrokerError | undefined;
  readonly journal: JournalEntry;
}

/**
 * The health of one application's credential, as the API returns it. Times are ISO 8601, days whole and rounded down.
 */
export interface CredentialHealth {
  readonly application: string;
  readonly state: CredentialState;
  readonly account?: string;
  readonly mfa?: boolean;
  readonly obtainedAt?: string;
  readonly ageDays?: number;
  readonly expiresAt?: string;
  readonly daysLeft?: number;
  readonly clientCredential?: { readonly kind: string; readonly endsAt?: string; readonly daysLeft?: number };
  readonly lastRotation?: string;
  readonly lastFailure?: {
    readonly at: string;
    readonly code: ErrorCode;
    readonly meaning: string;
    readonly advice: string;
  };
  readonly mfaProbe?: { readonly at: string; readonly compliant: boolean };
  readonly findings: readonly Finding[];
}

/** Determines the state of one credential and the findings that explain it. Pure. */
export function judgeCredential(facts: CredentialFacts, nowMs: number): CredentialHealth {
  const { credential } = facts;
  const refreshToken = credential?.refreshToken;
  const endsAtMs = credential?.client.endsAtMs;
  // A person can change the date in the vault.
  const latestEndMs = refreshToken && refreshToken.obtainedAtMs + refreshTokenLifeMs;
  const refreshTokenEndMs = refreshToken && Math.min(refreshToken.expiresAtMs, latestEndMs ?? Number.POSITIVE_INFINITY);
  const findings = [
    ...deadFindings(facts),
    ...skippedFindings(facts),
    ...endFindings(facts, nowMs, {
      part: 'refresh token',
      endsAtMs: refreshTokenEndMs,
      latestEndMs,
      endedCode: 'credential_expired',
      advice: refreshTokenAdvice(facts),
    }),
    ...endFindings(facts, nowMs, {
      part: 'client credential',
      endsAtMs,
      endedCode: 'client_credential_rejected',
      advice: renewalAdvice(facts),
    }),
    ...unknownEndFindings(facts),
    ...mfaFindings(facts),
    ...rotationFindings(facts, nowMs),
    ...keyFindings(facts),
  ];
  const thresholdDays = nearest([refreshTokenEndMs, endsAtMs], nowMs);
  const end = endsAtMs === undefined ? {} : { endsAt: isoTime(endsAtMs), daysLeft: wholeDays(endsAtMs - nowMs) };
  return {
    application: facts.application,
    state: defined({ status: worst(findings), thresholdDays }),
    ...refreshTokenFields(refreshToken, nowMs),
    ...defined({ clientCredential: credential && { kind: credential.client.credential.kind, ...end } }),
    ...journalFields(facts),
    findings,
  };
}

function refreshTokenFields(refreshToken: Credential['refreshToken'], nowMs: number) {
  if (refreshToken === undefined) return {};
  return {
    account: refreshToken.account,
    mfa: refreshToken.mfa,
    obtainedAt: isoTime(refreshToken.obtainedAtMs),
    // Negative while this machine's clock is behind.
    ageDays: Math.max(0, wholeDays(nowMs - refreshToken.obtainedAtMs)),
    expiresAt: isoTime(refreshToken.expiresAtMs),
    daysLeft: wholeDays(refreshToken.expiresAtMs - nowMs),
  };
}

function journalFields({ application, journal: { rotatedAtMs, failure, mfaProbe } }: CredentialFacts) {
  return defined({
    lastRotation: rotatedAtMs === undefined ? undefined : isoTime(rotatedAtMs),
    lastFailure: failure && {
      at: isoTime(failure.atMs),
      code: failure.code,
      meaning: failure.detail,
      advice: adviceFor(failure.code, 'operator', application),
    },
    mfaProbe: mfaProbe && { at: isoTime(mfaProbe.atMs), compliant: mfaProbe.compliant },
  });
}

function deadFindings({ application, credential, readFailure, dead, needsRefreshToken }: CredentialFacts): Finding[] {
  const found = (severity: 'degraded' | 'down', code: ErrorCode, message: string): Finding =>
    fromError(application, severity, code, message);
  if (dead !== undefined) return [found('down', dead.code, dead.detail)];
  if (credential === undefined) {
    const code = readFailure?.code ?? 'credential_missing';
    return [found('down', code, readFailure?.detail ?? `The application "${application}" is not set up.`)];
  }
  const findings: Finding[] = [];
  if (readFailure !== undefined)
    findings.push(found('degraded', readFailure.code, `${readFailure.detail} The copy in memory stays in use.`));
  if (credential.refreshToken === undefined && needsRefreshToken)
    findings.push(found('down', 'credential_missing', `The application "${application}" has no refresh token.`));
  return findings;
}

const skippedFindings = ({ credential }: CredentialFacts): Finding[] =>
  (credential?.skipped ?? []).map(({ part, version, reason }) => ({
    severity: 'degraded',
    code: 'version_skipped',
    message: `The version ${version} of the ${part} in Key Vault is not used. ${reason}`,
    advice: `Disable that version in Key Vault. To replace the ${part}, run ${ptbCommand(part === 'refresh token' ? 'consent' : 'rotate --client-credential', credential?.application)}.`,
  }));

const refreshTokenAdvice = ({ application }: CredentialFacts): string =>
  `Find out why the timer rotate-credential does not run or fails. ${ptbCommand('rotate', application)} rotates the token at once.`;

function renewalAdvice({ application, credential }: CredentialFacts): string {
  const renew = `Run ${ptbCommand('rotate --client-credential', application)}`;
  return credential?.client.credential.kind === 'certificate'
    ? `${renew}. If the broker did not create the certificate, renew it where it was created.`
    : `${renew}, or ${ptbCommand('setup --credential federated', application)} to work without a secret.`;
}

/** A secret that a person stored without its expiry may end any day. The daily maintenance looks its end up in Entra. */
function unknownEndFindings({ credential }: CredentialFacts): Finding[] {
  if (credential?.client.credential.kind !== 'secret' || credential.client.endsAtMs !== undefined) return [];
  const { version } = credential.client;
  return [
    {
      severity: 'degraded',
      code: 'end_unknown',
      message: `The version ${version} of the client credential in Key Vault has no expiry, so nobody knows when the client secret ends.`,
      advice:
        'Enter the end of the client secret, as Entra shows it, as the expiration date of that version. The daily care does so if the application may read itself.',
    },
  ];
}

function mfaFindings({ application, credential, journal }: CredentialFacts): Finding[] {
  const stored = credential?.refreshToken;
  const advice = `Run ${ptbCommand('consent', application)} and sign in with Microsoft MFA as the service account.`;
  if (stored !== undefined && !stored.mfa) {
    const message = 'The refresh token was stored without proof of MFA, which Partner Center requires.';
    return [{ severity: 'degraded', code: 'mfa_missing', message, advice }];
  }
  // A probe from before the last consent or rotation says nothing about the current token.
  const probe = journal.mfaProbe;
  if (probe === undefined || probe.compliant || stored === undefined || probe.atMs < stored.obtainedAtMs) return [];
  return [{ severity: 'degraded', code: 'mfa_missing', message: 'Partner Center found no MFA in the token.', advice }];
}

function rotationFindings({ application, credential, journal }: CredentialFacts, nowMs: number): Finding[] {
  const obtainedAtMs = credential?.refreshToken?.obtainedAtMs;
  const { failure } = journal;
  if (failure !== undefined && failure.atMs > Math.max(obtainedAtMs ?? 0, journal.rotatedAtMs ?? 0)) {
    const message = `The last rotation failed: ${failure.detail}`;
    const advice = adviceFor(failure.code, 'operator', application);
    return [{ severity: 'degraded', code: 'rotation_failed', message, advice }];
  }
  if (obtainedAtMs === undefined || nowMs - obtainedAtMs < rotationOverdueMs) return [];
  return [
    {
      severity: 'notice',
      code: 'rotation_overdue',
      message: `The refresh token has not been rotated since ${isoTime(obtainedAtMs)}. The timer does that daily.`,
      advice:
        'Find out why the timer rotate-credential does not run. Requests start an overdue rotation, once an hour.',
    },
  ];
}

/** A notice, because the key may be another broker's. The daily maintenance warns once about each key. */
function keyFindings({ application, journal: { unknownKeys } }: CredentialFacts): Finding[] {
  if (unknownKeys === undefined) return [];
  const message = `The application has keys in Entra that this vault does not hold: ${unknownKeys}.`;
  const advice = `If neither another broker nor somebody of yours added them, treat it as an incident and run ${ptbCommand('revoke', application)}.`;
  return [{ severity: 'notice', code: 'unknown_keys', message, advice }];
}

const worst = (findings: readonly Finding[]): HealthStatus =>
  findings.some(({ severity }) => severity === 'down')
    ? 'down'
    : findings.some(({ severity }) => severity === 'degraded')
      ? 'degraded'
      : 'ok';

/** Whole days, rounded down. */
const wholeDays = (ms: number): number => Math.floor(ms / dayMs);
