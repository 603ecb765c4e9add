import { expect, it } from 'vitest';
import { createApprovals } from '../../../../src/lib/approvals/approvals.ts';
import { type Emergency, EmergencyNotices } from '../../../../src/lib/approvals/emergency.ts';
import type { Caller } from '../../../../src/lib/core/caller.ts';
import type { Notice } from '../../../../src/lib/notices/notice.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';
import { asker, askedAtMs, minuteMs } from '../../../support/approval-records.ts';
import { guid, tenant } from '../../../support/audit-entries.ts';

/* What people and the log learn of a rule for emergencies. How often: emergency.test.ts. */

const ada: Caller = { ...asker, roles: [] };
const use = (number = 1, more: Partial<Emergency> = {}): Emergency => ({
  rule: 'Graph v1.0',
  reason: 'An attack is under way.',
  tenantId: tenant(number),
  resource: 'graph',
  request: 'a token',
  ...more,
});

function stage(send?: (notice: Notice) => Promise<void>) {
  const clock = new FakeClock(askedAtMs);
  const recorder = recordingLogger();
  const sent: Notice[] = [];
  const notifier = { send: send ?? (async (notice: Notice) => void sent.push(notice)) };
  const notices = new EmergencyNotices({ notifier, clock });
  const tell = (emergency = use(), caller = ada) => notices.announce(emergency, { caller, log: recorder.log });
  const lines = () => recorder.lines.map(({ line }) => JSON.parse(line) as Record<string, unknown>);
  return { clock, sent, notifier, tell, lines, log: recorder.log };
}

it('a notice says who uses which rule, where, why and for what', async () => {
  const { sent, tell } = stage();
  await tell();
  expect(sent).toEqual([
    {
      kind: 'emergency.used',
      key: expect.any(String) as string,
      severity: 'critical',
      tenantId: tenant(1),
      atMs: askedAtMs,
      title: 'Emergency rule used: Graph v1.0',
      text: 'person-1@partner[.]example uses a rule for emergencies. Find out whether the emergency is real: `ptb audit --break-glass` lists what was done.',
      facts: [
        { name: 'Reason', value: 'An attack is under way.' },
        { name: 'Caller', value: `person-1@partner[.]example (${guid(1)})` },
        { name: 'Application', value: guid(0xa) },
        { name: 'Tenant', value: tenant(1) },
        { name: 'Resource', value: 'graph' },
        { name: 'First request', value: 'a token' },
      ],
    },
  ]);
});

it('every use is logged as a warning, also one without a notice of its own', async () => {
  const { tell, lines } = stage();
  await tell();
  await tell();
  const line = { event: 'emergency.served', level: 'warn', ...use(), caller: guid(0xa), object: guid(1) };
  expect(lines()).toEqual([line, line]);
});

it('another person, application or rule has a notice of its own', async () => {
  const { sent, tell } = stage();
  await tell();
  await tell(use(1), { ...ada, objectId: guid(2) });
  await tell(use(1), { ...ada, applicationId: guid(0xb) });
  await tell(use(1, { rule: 'other emergencies' }));
  expect(sent).toHaveLength(4);
});

it('uses on several instances within a step of ten minutes are one notice', async () => {
  const key = async (minutes: number, number = 1, caller = ada, rule = 'Graph v1.0') => {
    const { clock, sent, tell } = stage();
    await clock.advance(minutes * minuteMs);
    await tell(use(number, { rule }), caller);
    return sent[0]?.key;
  };
  const first = await key(0);
  expect(await key(9)).toBe(first);
  const others = await Promise.all([
    key(10),
    key(0, 2),
    key(0, 1, { ...ada, objectId: guid(2) }),
    key(0, 1, { ...ada, applicationId: guid(0xb) }),
    key(0, 1, ada, 'other emergencies'),
  ]);
  expect(new Set([first, ...others]).size).toBe(6);
});

it('the last notice has another key than one for its tenant alone', async () => {
  const [many, alone] = [stage(), stage()];
  for (let number = 1; number <= 6; number += 1) await many.tell(use(number));
  await alone.tell(use(6));
  expect(many.sent[5]?.key).not.toBe(alone.sent[0]?.key);
});

it('after ten minutes there may be a notice for every tenant again', async () => {
  const { clock, sent, tell } = stage();
  for (let number = 1; number <= 9; number += 1) await tell(use(number));
  await clock.advance(10 * minuteMs - 1);
  await tell(use(9));
  expect(sent).toHaveLength(6);
  await clock.advance(1);
  await tell(use(9));
  expect(sent).toHaveLength(7);
});

it('a clock that was set back by ten minutes does not keep notices back', async () => {
  const { clock, sent, tell } = stage();
  await tell();
  await clock.advance(-10 * minuteMs);
  await tell();
  expect(sent).toHaveLength(2);
});

it('storage that does not answer delays an emergency by three seconds, and its notice is not sent twice', async () => {
  let sends = 0;
  const { clock, tell, lines } = stage(() => {
    sends += 1;
    return new Promise<never>(() => {});
  });
  let isTold = false;
  const told = tell().then(() => (isTold = true));
  await clock.advance(2_999);
  expect(isTold).toBe(false);
  await clock.advance(1);
  await told;
  expect(lines().at(-1)).toMatchObject({
    event: 'emergency.not_announced',
    level: 'error',
    rule: 'Graph v1.0',
    tenantId: tenant(1),
  });
  // It may arrive yet.
  await tell();
  expect(sends).toBe(1);
});

it('approvals connect to their table on first use, and emergencies tell through their notifier', async () => {
  const { clock, sent, notifier, log } = stage();
  const opened: string[] = [];
  const table = async (name: string) => {
    opened.push(name);
    return Promise.reject(new Error('storage is away'));
  };
  const parts = { notifier, clock, log, storage: { table } };
  const approvals = createApprovals(parts as unknown as Parameters<typeof createApprovals>[0]);
  await approvals.emergencies.announce(use(), { caller: ada, log });
  expect([opened, sent.length]).toEqual([[], 1]);
  await expect(approvals.approvalLog.find('20261124t050000-7f3a9c21')).rejects.toThrow();
  expect(opened).toEqual(['Approvals']);
});
