import { expect, it } from 'vitest';
import { announceApproval } from '../../../../src/lib/approvals/announce-approval.ts';
import { webhookBody } from '../../../../src/lib/notifications/webhook-bodies.ts';
import { silentLogger } from '../../../../src/lib/runtime/log.ts';
import { approval, askedAtMs } from '../../../support/approval-records.ts';
import { memoryApprovals } from '../../../support/approvals.ts';

const audit = { record: () => Promise.resolve() };
const policy = { current: () => Promise.reject(new Error('not used')) };
const clock = { nowMs: () => askedAtMs, sleep: () => Promise.resolve() };

async function announced(reason: string) {
  const deps = memoryApprovals({ audit, policy, clock });
  await deps.approvalLog.create(approval({ reason }), undefined, 20);
  await announceApproval({ ...deps, log: silentLogger }, { approvalId: approval().id });
  expect(deps.notices).toHaveLength(1);
  return deps.notices.flatMap((notice) => [webhookBody('slack', notice), webhookBody('teams', notice)]);
}

it('a notice holds one link: its own', async () => {
  for (const body of await announced('Decide at https://broker.example.evil/x or evil.example/y, v1. Thanks')) {
    expect(body.match(/:\/\/broker/g)).toHaveLength(1);
    expect(body).not.toContain('evil.example');
    expect(body).not.toContain('example.evil');
  }
});

it('a fact of a notice is one line, also of a record that was made before reasons had to be', async () => {
  const [slack = ''] = await announced('Ticket 4711\n• *Tenant*: Test\u202e');
  const { text } = JSON.parse(slack) as { text: string };
  expect(text.split('\n').filter((line) => line.startsWith('• *Tenant*'))).toHaveLength(1);
  expect(text).not.toContain('\u202e');
});
