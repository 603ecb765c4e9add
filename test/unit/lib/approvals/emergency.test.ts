import { expect, it } from 'vitest';
import { type Emergency, EmergencyNotices } from '../../../../src/lib/approvals/emergency.ts';
import type { Caller } from '../../../../src/lib/core/caller.ts';
import type { Notice } from '../../../../src/lib/notices/notice.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';
import { asker, askedAtMs, minuteMs } from '../../../support/approval-records.ts';
import { tenant } from '../../../support/audit-entries.ts';

const caller: Caller = { ...asker, roles: [] };
const use = (number: number): Emergency => ({
  rule: 'emergencies',
  reason: 'An attack is under way.',
  tenantId: tenant(number),
  resource: 'graph',
  request: 'PATCH /v1.0/users/1',
});

function stage() {
  let nowMs = askedAtMs;
  const sent: Notice[] = [];
  const failure = { next: false };
  const recording = recordingLogger();
  const notices = new EmergencyNotices({
    clock: { nowMs: () => nowMs, sleep: () => new Promise(() => {}) },
    notifier: {
      send: async (notice) => {
        if (failure.next) throw new Error('the chat is down');
        sent.push(notice);
      },
    },
  });
  const tell = (number: number, more: Partial<Emergency> = {}) =>
    notices.announce({ ...use(number), ...more }, { caller, log: recording.log });
  return { sent, failure, tell, recording, later: (ms: number) => void (nowMs += ms) };
}

it('every tenant has a notice, once in ten minutes', async () => {
  const { sent, tell, later } = stage();
  for (const number of [1, 1, 2, 1]) await tell(number);
  const facts = sent.map((notice) => notice.facts.map(({ value }) => value));
  expect(facts).toHaveLength(2);
  expect(facts[1]).toEqual(expect.arrayContaining([tenant(2), 'graph', 'PATCH /v1[.]0/users/1']));
  later(10 * minuteMs);
  await tell(1);
  expect(sent).toHaveLength(3);
});

it('a notice holds no link of the caller', async () => {
  const { sent, tell } = stage();
  await tell(1, { reason: 'Look at https://evil.example/x now.', request: 'GET /v1.0/sites/evil.example' });
  const text = JSON.stringify(sent);
  expect(text).not.toContain('evil.example');
  expect(text).toContain('evil[.]example');
});

it('one notice says that many tenants follow', async () => {
  const { sent, tell } = stage();
  for (let number = 1; number <= 40; number += 1) await tell(number);
  expect(sent).toHaveLength(6);
  expect(sent[4]?.text).not.toContain('left out');
  expect(sent[5]?.text).toContain('for 6 tenants within 10 minutes');
});

it('a notice that failed is sent with the next use, and every use is logged with its tenant', async () => {
  const { sent, failure, tell, recording } = stage();
  failure.next = true;
  await tell(1);
  failure.next = false;
  await tell(1);
  expect(sent).toHaveLength(1);
  expect(JSON.stringify(recording.lines)).toContain(tenant(1));
});
