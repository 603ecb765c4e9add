import { capitalized } from '../../src/lib/core/text.ts';
import type { HealthReportAnswer } from '../../src/lib/api/answers/health.ts';

type Application = HealthReportAnswer['applications'][number];

/** A moment in the life of a credential. */
export interface Moment {
  readonly title: string;
  readonly iso: string;
  readonly tone: 'good' | 'warn' | 'bad' | 'idle' | 'active';
}

/** Days before an end from which on it is shown as a warning, if the broker names no threshold. */
const warnDays = 14;
const dayMs = 24 * 60 * 60 * 1000;

/** The moments of a credential that the health report knows, oldest first, with now among them. */
export function momentsOf(application: Application, nowMs: number): readonly Moment[] {
  const { obtainedAt, lastRotation, lastFailure, mfaProbe, expiresAt, clientCredential, state } = application;
  const thresholdMs = (state.thresholdDays ?? warnDays) * dayMs;
  const end = (title: string, iso: string | undefined): Moment[] => {
    if (iso === undefined) return [];
    const leftMs = Date.parse(iso) - nowMs;
    return [{ title, iso, tone: leftMs < 0 ? 'bad' : leftMs < thresholdMs ? 'warn' : 'idle' }];
  };
  const past = (title: string, iso: string | undefined, tone: Moment['tone']): Moment[] =>
    iso === undefined ? [] : [{ title, iso, tone }];
  const now: Moment = { title: 'Now', iso: new Date(nowMs).toISOString(), tone: 'active' };
  return [
    ...past('Token obtained', obtainedAt, 'good'),
    ...past('Last rotation', lastRotation, 'good'),
    ...past(
      mfaProbe?.compliant === false ? 'MFA refused' : 'MFA confirmed',
      mfaProbe?.at,
      mfaProbe?.compliant === false ? 'bad' : 'good',
    ),
    ...past('Last failure', lastFailure?.at, 'warn'),
    now,
    ...end('Token expires', expiresAt),
    ...end(`${capitalized(clientCredential?.kind ?? 'client credential')} ends`, clientCredential?.endsAt),
  ].toSorted((a, b) => Date.parse(a.iso) - Date.parse(b.iso) || Number(a.title === 'Now') - Number(b.title === 'Now'));
}
