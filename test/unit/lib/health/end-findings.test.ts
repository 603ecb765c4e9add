import { expect, it } from 'vitest';
import { endFindings } from '../../../../src/lib/health/health.ts';

const dayMs = 86_400_000;
const endsAtMs = Date.parse('2026-11-24T05:00:00Z');
const part = { part: 'refresh token', endedCode: 'credential_expired', advice: 'Advice.' } as const;
const at = (nowMs: number, latestEndMs?: number) =>
  endFindings({ application: 'default' }, nowMs, { ...part, endsAtMs, latestEndMs }).map(({ severity, code }) => [
    severity,
    code,
  ]);

it('is down from the moment of the end, not before', () => {
  expect(at(endsAtMs - 1)).toEqual([['degraded', 'expires_soon']]);
  expect(at(endsAtMs)).toEqual([['down', 'credential_expired']]);
});

it('only warns from the end in the vault until the latest possible end', () => {
  expect(at(endsAtMs, endsAtMs + dayMs)).toEqual([['degraded', 'expires_soon']]);
  expect(at(endsAtMs + dayMs - 1, endsAtMs + dayMs)).toEqual([['degraded', 'expires_soon']]);
  expect(at(endsAtMs + dayMs, endsAtMs + dayMs)).toEqual([['down', 'credential_expired']]);
});

it('says nothing more than 30 days before the end, or without a known end', () => {
  expect(at(endsAtMs - 30 * dayMs - 1)).toEqual([]);
  expect(endFindings({ application: 'default' }, 0, { ...part, endsAtMs: undefined })).toEqual([]);
});
