import { expect, it } from 'vitest';
import { measuredAuditLog } from '../../../../src/lib/audit/audit-log.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import { AppMetrics } from '../../../../src/lib/core/metrics.ts';
import { noSpans } from '../../../../src/lib/core/spans.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { MemoryAuditLog } from '../../../fakes/memory-audit-log.ts';
import { denied, issued } from '../../../support/audit-entries.ts';

function stage() {
  const clock = new FakeClock(0);
  const memory = new MemoryAuditLog();
  const metrics = new AppMetrics();
  const log = measuredAuditLog(memory, { metrics, clock, spans: noSpans, aliases: new Set(['graph']) });
  return { clock, memory, metrics, log };
}

it('counts tokens and requests by outcome, resource and code, and nothing else', async () => {
  const { log, memory, metrics } = stage();
  const request = issued({ kind: 'request', outcome: 'sent', resource: 'graph' });
  const entries = [issued({ resource: 'graph' }), denied({ resource: 'graph', code: 'tenant_unknown' }), request];
  for (const entry of [...entries, issued({ kind: 'tags', outcome: 'changed' })]) await log.record(entry);
  expect(metrics.tokens.samples).toEqual([
    { labels: ['issued', 'graph', ''], value: 1 },
    { labels: ['denied', 'graph', 'tenant_unknown'], value: 1 },
  ]);
  expect(metrics.gatewayRequests.samples).toEqual([{ labels: ['sent', 'graph', ''], value: 1 }]);
  expect(memory.entries).toHaveLength(4);
});

it('does not name a resource that a caller made up', async () => {
  const { log, metrics } = stage();
  await log.record(denied({ resource: 'contoso-secret', code: 'resource_not_allowed' }));
  expect(metrics.tokens.samples).toEqual([{ labels: ['denied', '', 'resource_not_allowed'], value: 1 }]);
});

it('measures how long a record takes, and counts nothing that is not on record', async () => {
  const { log, memory, metrics, clock } = stage();
  memory.record = async () => {
    await clock.advance(40);
  };
  await log.record(issued());
  memory.record = async () => {
    // A clock that is set back.
    await clock.advance(-1_000);
    throw new BrokerError('audit_unavailable', 'Storage does not answer.');
  };
  await expect(log.record(issued())).rejects.toMatchObject({ code: 'audit_unavailable' });
  expect(metrics.auditWrites.samples.map(({ labels, value }) => [labels, value.sum])).toEqual([
    [['ok'], 0.04],
    [['audit_unavailable'], 0],
  ]);
  expect(metrics.tokens.samples).toHaveLength(1);
});
