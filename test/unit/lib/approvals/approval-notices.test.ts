import { expect, it } from 'vitest';
import type { Approval } from '../../../../src/lib/approvals/approval.ts';
import { announceApproval } from '../../../../src/lib/approvals/watch-approvals.ts';
import { cleanNotice } from '../../../../src/lib/notices/outbox.ts';
import { webhookBody } from '../../../../src/lib/notices/webhooks.ts';
import { silentLogger } from '../../../../src/lib/core/log.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';
import { approval, askedAtMs, terms } from '../../../support/approval-records.ts';
import { memoryApprovals } from '../../../support/approvals.ts';

const audit = { record: () => Promise.resolve() };
const policy = { current: () => Promise.reject(new Error('not used')) };
const clock = { nowMs: () => askedAtMs, sleep: () => Promise.resolve() };

async function announced(reason: string) {
  const deps = memoryApprovals({ audit, policy, clock });
  await deps.approvalLog.create(approval({ reason }), undefined, 20, 100);
  await announceApproval({ ...deps, log: silentLogger }, { approvalId: approval().id });
  expect(deps.notices).toHaveLength(1);
  return deps.notices
    .map(cleanNotice)
    .flatMap((notice) => [webhookBody('slack', notice), webhookBody('teams', notice)]);
}

it('a notice holds one link: its own', async () => {
  for (const body of await announced('Decide at https://broker.example.evil/x or evil.example/y, v1. Thanks')) {
    expect(body.match(/:\/\/broker/g)).toHaveLength(1);
    expect(body).not.toContain('evil.example');
    expect(body).not.toContain('example.evil');
  }
});

it('a notice turns no name of a caller into a link, and leaves the name of a rule as the operator wrote it', async () => {
  const { subject, asker } = approval();
  const named = {
    subject: { ...subject, rule: 'Graph v1.0' },
    asker: { ...asker, name: 'https://evil.example' },
  };
  const notice = cleanNotice((await noticeOf(named)) ?? expect.fail('no notice'));
  for (const body of [webhookBody('slack', notice), webhookBody('teams', notice)]) {
    expect(body).toContain('Approval needed: Graph v1.0');
    expect(body).not.toMatch(/evil\.example|https:\/\/evil/);
  }
});

it('a fact of a notice is one line, also of a record that was made before reasons had to be', async () => {
  const [slack = ''] = await announced('Ticket 4711\n• *Tenant*: Test\u202e');
  const { text } = JSON.parse(slack) as { text: string };
  expect(text.split('\n').filter((line) => line.startsWith('• *Tenant*'))).toHaveLength(1);
  expect(text).not.toContain('\u202e');
});

async function noticeOf(more: Partial<Approval> = {}, dashboardUrl?: string) {
  const deps = { ...memoryApprovals({ audit, policy, clock }), dashboardUrl };
  await deps.approvalLog.create(approval(more), undefined, 20, 100);
  await announceApproval({ ...deps, log: silentLogger }, { approvalId: approval().id });
  return deps.notices[0];
}

it('a notice says who must do what until when, and nothing of the request', async () => {
  const { id, subject } = approval();
  expect(await noticeOf({ reason: 'Ticket 4711' }, 'https://broker.example/api/dashboard')).toEqual({
    kind: 'approval.needed',
    key: id,
    tenantId: subject.tenantId,
    atMs: askedAtMs,
    severity: 'warning',
    title: `Approval needed: ${subject.rule}`,
    text: `Another person must approve the request before 2026-11-24T06:00:00.000Z. \`ptb approvals show ${id}\` shows it, and so does the dashboard.`,
    link: `https://broker.example/api/dashboard#/approvals/${id}`,
    facts: [
      { name: 'Asked by', value: 'person-1@partner[.]example' },
      { name: 'Reason', value: 'Ticket 4711' },
      { name: 'For', value: 'a request through the gateway' },
      { name: 'Tenant', value: subject.tenantId },
      { name: 'Approval', value: id },
    ],
  });
});

it('a notice has no reason that was not given, and no link if the dashboard is not known', async () => {
  const { id, subject } = approval();
  const notice = await noticeOf({ subject: { ...subject, kind: 'token' }, terms: terms({ count: 2 }) });
  expect(notice?.text).toContain('2 other people must approve');
  expect(notice?.text).toContain(`\`ptb approvals show ${id}\``);
  expect(notice).not.toHaveProperty('link');
  expect(notice?.facts).toContainEqual({ name: 'For', value: 'a token' });
  expect(notice?.facts.map(({ name }) => name)).toEqual(['Asked by', 'For', 'Tenant', 'Approval']);
});

it('a notice is sent once, and not for a request that waits no more', async () => {
  expect(await noticeOf({ announced: true })).toBeUndefined();
  expect(await noticeOf({ status: 'denied' })).toBeUndefined();
  expect(await noticeOf({ expiresAtMs: askedAtMs })).toBeUndefined();
});

it('a notice that could not be sent is sent again, and the request is recorded once', async () => {
  const entries: string[] = [];
  const logged = recordingLogger();
  const record = async ({ outcome }: { outcome: string }) => void entries.push(outcome);
  const deps = memoryApprovals({ audit: { record }, policy, clock });
  await deps.approvalLog.create(approval(), undefined, 20, 100);
  const refused = new Error('the chat is down');
  const announce = (send: () => Promise<void>) =>
    announceApproval({ ...deps, notifier: { send }, log: logged.log }, { approvalId: approval().id });
  await expect(announce(() => Promise.reject(refused))).rejects.toBe(refused);
  expect(logged.events()).toEqual(['approval.not_announced']);
  expect(logged.lines[0]).toMatchObject({
    level: 'warn',
    line: expect.stringContaining(`"approvalId":"${approval().id}"`) as string,
  });
  expect(await announce(async () => undefined)).toEqual({ announced: true });
  expect(await announce(async () => undefined)).toEqual({ announced: false });
  expect(entries).toEqual(['asked']);
  expect((await deps.approvalLog.find(approval().id))?.approval).toMatchObject({ askRecorded: true, announced: true });
});
