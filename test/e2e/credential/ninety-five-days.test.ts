import { afterAll, beforeAll, expect, it } from 'vitest';
import { keepAlive } from '../../../src/lib/tokens/credential/keep-alive.ts';
import { daysOf } from '../../support/extent.ts';
import { startCare } from './care.ts';
import { browser, startOperator, type TestOperator } from './operator.ts';

const dayMs = 86_400_000;
let operator: TestOperator;
let care: ReturnType<typeof startCare>;
beforeAll(async () => {
  operator = await startOperator();
  await operator.setUp();
  await operator.consent(browser(operator.cloud));
  care = startCare(operator);
});
afterAll(() => operator.stop());

const stateChanges = () =>
  care.recorder.lines
    .map(({ line }) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ event }) => event === 'credential.state_changed');

it('stays healthy for 95 days while the timer runs', async () => {
  let today = 0;
  // A refresh token lives 90 days.
  for (const day of daysOf(95, 1, 90)) {
    operator.cloud.clock.advance((day - today) * dayMs);
    today = day;
    const { rotation } = await keepAlive(care.deps, 'default');
    expect(rotation).toMatchObject({ mfa: true });
    const { status, applications } = await care.reporter().report();
    expect([day, status]).toEqual([day, 'ok']);
    expect(applications[0]).toMatchObject({ daysLeft: 89, mfaProbe: { compliant: true } });
  }
  expect(stateChanges()).toEqual([]);
  expect((await operator.store.listRefreshTokenVersions('default')).filter(({ enabled }) => enabled)).toHaveLength(3);
}, 300_000);

it('warns once each at 30, 14, 7 and 1 days when the timer has stopped, and then reports down', async () => {
  // A managed identity, so that no client secret expires in between.
  await operator.setUp({ credential: 'federated' });
  const seen: string[] = [];
  let today = 0;
  for (const day of daysOf(91, 60, 76, 83, 89)) {
    operator.cloud.clock.advance((day - today) * dayMs);
    today = day;
    // Two instances report every day. Only one of them logs the change.
    const reports = await Promise.all([care.reporter().report(), care.reporter().report()]);
    for (const change of stateChanges().slice(seen.length)) {
      seen.push(`day ${day}: ${String(change['to'])} ${String(change['thresholdDays'])}`);
    }
    const { daysLeft = 0 } = reports[0].applications[0] ?? {};
    if (daysLeft > 30) expect(reports[0].status).toBe('ok');
  }
  process.stdout.write(`the timer stopped: ${seen.join('; ')}\n`);
  expect(seen).toEqual([
    'day 60: degraded 30',
    'day 76: degraded 14',
    'day 83: degraded 7',
    'day 89: degraded 1',
    'day 90: down 1',
  ]);
  expect((await care.reporter().report()).applications[0]?.findings[0]).toMatchObject({ code: 'credential_expired' });
}, 300_000);

it('logs the recovery once after a new consent', async () => {
  const before = stateChanges().length;
  await operator.consent(browser(operator.cloud));
  await care.reporter().report();
  await care.reporter().report();
  expect(stateChanges().slice(before)).toMatchObject([{ from: 'down', to: 'ok' }]);
});
