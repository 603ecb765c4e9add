import { expect, it } from 'vitest';
import type { AuditLog } from '../../../../../src/lib/audit/audit-log.ts';
import { utiOf } from '../../../../../src/lib/microsoft/token-reply.ts';
import { recordOf } from '../../../../../src/lib/gateway/send/request-records.ts';
import { Secret } from '../../../../../src/lib/core/secrets.ts';
import { silentLogger } from '../../../../../src/lib/core/log.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';
import { FakeOrchestrations } from '../../../../fakes/fake-orchestrations.ts';
import { bearer, portal } from './stage.ts';

it.each([
  ['a caller', {}, ['sent for caller', 'answered for nobody', 'denied for caller']],
  ['a query', { run: 'query@1' }, ['sent for job', 'answered for nobody', 'denied for job']],
])('says who waits for each record of %s: for that of an outcome nobody does', async (_, more, expected) => {
  const recorded: string[] = [];
  const record: AuditLog['record'] = async ({ outcome }, { awaitedBy } = {}) => {
    recorded.push(`${outcome} for ${awaitedBy}`);
  };
  const deps = {
    audit: { record },
    clock: new FakeClock(),
    newId: () => 'id',
    background: (work: () => void) => work(),
    callers: { refusalRecords: { take: () => undefined } },
  };
  const sender = { caller: portal, correlationId: 'c', log: silentLogger, orchestrations: new FakeOrchestrations() };
  const records = recordOf(deps, { ...sender, ...more });
  const token = { secret: new Secret(bearer), scopes: [], expiresAtMs: 0, fromCache: true };
  await records.sent({ scopes: [] }, { ...token, resource: 'graph' } as never, undefined);
  records.ended({ scopes: [] }, { status: 200 });
  await records.denied({ scopes: [] }, new Error('refused'));
  expect(recorded).toEqual(expected);
});

it('reads the id of each token', () => {
  const other = `x.${Buffer.from(JSON.stringify({ uti: 'token-2' })).toString('base64url')}.s`;
  const ids = [bearer, other, bearer].map((text) => utiOf({ secret: new Secret(text) }));
  expect(ids).toEqual(['token-1', 'token-2', 'token-1']);
});
