import { HttpRequest } from '@azure/functions';
import { expect, it } from 'vitest';
import type { Services } from '../../src/composition.ts';
import { writeCheckpoint } from '../../src/functions/audit.ts';
import { boundRoutes } from '../../src/functions/route.ts';
import { silentLogger } from '../../src/lib/core/log.ts';
import { recordingLogger } from '../fakes/recording-logger.ts';
import { guid, tenant } from '../support/audit-entries.ts';
import { openPolicy } from '../support/open-policy.ts';

const day = 24 * 3_600_000;

it.each([
  ['2026-11-24', '2026-11-23'],
  ['2026-11-24', '2026-11-24'],
  // Until now, which the records have not reached.
  ['2026-11-25', undefined],
])('refuses records from %s to %s, which are none', async (from, to) => {
  const services = {
    callers: { policy: openPolicy },
    evidence: { latestMs: async () => Date.parse('2026-11-25') - 1, records: () => expect.fail('read') },
  } as unknown as Services;
  const query = { from, ...(to === undefined ? {} : { to }) };
  const request = new HttpRequest({ method: 'GET', url: 'http://localhost/api/audit/records', query });
  const caller = { applicationId: guid(1), objectId: guid(2), kind: 'application', roles: ['Audit.Read'] } as const;
  const call = {
    request,
    caller: { ...caller, tenantId: tenant(9), name: 'x' },
    correlationId: guid(3),
    log: silentLogger,
  };
  const route = boundRoutes().find(({ definition }) => definition.name === 'audit-records');
  await expect(route?.answer(services, call)).rejects.toMatchObject({ code: 'request_invalid' });
});

it('tells checkpoints how long records are kept, and logs each that was written', async () => {
  const logged = recordingLogger();
  const retentions: number[] = [];
  const written = [{ number: 7, to: '2026-11-24T05:00:00.000Z', chains: [{}, {}] }, undefined];
  const services = {
    log: logged.log,
    settings: { AUDIT_RETENTION_DAYS: 30 },
    evidence: {
      write: async (retentionMs: number) => {
        retentions.push(retentionMs);
        return written.shift();
      },
    },
  } as unknown as Pick<Services, 'evidence' | 'log' | 'settings'>;
  await writeCheckpoint(services);
  await writeCheckpoint(services);
  expect(retentions).toEqual([30 * day, 30 * day]);
  expect(logged.events()).toEqual(['audit.checkpoint_written']);
  expect(logged.lines[0]?.line).toContain('"number":7');
});
