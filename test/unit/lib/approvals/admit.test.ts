import { expect, it } from 'vitest';
import { admit, confirm } from '../../../../src/lib/approvals/admit.ts';
import { type ApprovalDecision, digestOf, type Party } from '../../../../src/lib/approvals/approval.ts';
import { silentLogger } from '../../../../src/lib/core/log.ts';
import { approval, askedAtMs, decision, minuteMs, person, terms } from '../../../support/approval-records.ts';
import { memoryApprovals } from '../../../support/approvals.ts';
import { guid } from '../../../support/audit-entries.ts';

const orchestrations = {
  start: async () => {},
  state: async () => 'unknown' as const,
  raise: async () => {},
};
const service = person(9, { kind: 'application', applicationId: guid(0xb) });

function stage() {
  const clock = { nowMs: () => askedAtMs, sleep: () => Promise.resolve() };
  const deps = memoryApprovals({
    audit: { record: async () => {} },
    policy: {
      current: async () => ({ policy: { rules: [{ name: approval().subject.rule, approval: terms() }] } }),
    } as never,
    clock,
  });
  const ask = (body: string, asker: Party = service) => {
    const subject = {
      ...approval().subject,
      digest: digestOf('request', asker, [body]),
    };
    const asking = {
      caller: { ...asker, roles: [] },
      correlationId: guid(3),
      log: silentLogger,
      orchestrations,
    };
    return admit(deps, subject, terms(), asking);
  };
  /** Approves what waits, as if a person had done so now. */
  const approve = async (id: string, made: ApprovalDecision = decision(person(2))) => {
    const found = await deps.approvalLog.find(id);
    const validUntilMs = askedAtMs + 30 * minuteMs;
    const change = {
      status: 'approved',
      decisions: [made],
      approvedAtMs: askedAtMs,
      validUntilMs,
    } as const;
    await deps.approvalLog.change({ ...approval(found?.approval), ...change }, found?.version ?? '');
  };
  return { deps, ask, approve };
}

it('a body that was changed after the approval is another request', async () => {
  const { ask, approve } = stage();
  const { approval: asked } = await ask('{"accountEnabled":false}');
  await approve(asked.id);
  expect(await ask('{"accountEnabled":false}')).toMatchObject({
    admitted: true,
    approval: { id: asked.id },
  });
  const other = await ask('{"accountEnabled":true}');
  expect([other.admitted, other.approval.id === asked.id]).toEqual([false, false]);
});

it('the same request of another caller is another request', async () => {
  const { ask, approve } = stage();
  await approve((await ask('body')).approval.id);
  expect(await ask('body', person(1))).toMatchObject({ admitted: false });
});

it('an approval that is withdrawn while it is used stops the request before it leaves', async () => {
  const { deps, ask, approve } = stage();
  await approve((await ask('body')).approval.id);
  const { approval: used } = await ask('body');
  const found = await deps.approvalLog.find(used.id);
  await deps.approvalLog.change({ ...used, status: 'revoked', closedAtMs: askedAtMs }, found?.version ?? '');
  await expect(confirm(deps, used, terms())).rejects.toMatchObject({
    code: 'approval_ended',
  });
});

it('an approver without a role that the rule asks for now does not count any more', async () => {
  const { deps, ask, approve } = stage();
  await approve((await ask('body')).approval.id);
  const { approval: used } = await ask('body');
  const more = terms({ from: ['Approvals.Decide', 'Audit.Read'] });
  await expect(confirm(deps, used, more)).rejects.toMatchObject({
    code: 'approval_ended',
  });
  const blind = { ...deps, visibleTo: async () => new Set<never>() };
  await expect(confirm(blind, used, terms())).rejects.toMatchObject({
    code: 'approval_ended',
  });
});

it('an approval through another application than the one for signing in does not count any more', async () => {
  const { deps, ask, approve } = stage();
  await approve((await ask('body')).approval.id);
  const { approval: used } = await ask('body');
  for (const signInClientId of [guid(0xb), undefined])
    await expect(confirm({ ...deps, signInClientId }, used, terms())).rejects.toMatchObject({ code: 'approval_ended' });
  await confirm(deps, used, terms());
});

it.each([
  ['is gone', []],
  ['asks for no approval any more', [{ name: approval().subject.rule }]],
])('an approval whose rule %s serves nothing, and nobody waits for it', async (_, rules) => {
  const { deps, ask, approve } = stage();
  await approve((await ask('body')).approval.id);
  const { approval: used } = await ask('body');
  Object.assign(deps, { policy: { current: async () => ({ policy: { rules } }) } });
  const ended = { code: 'approval_ended', detail: expect.stringContaining('The rule asks for no approval') as string };
  await expect(confirm(deps, used, terms())).rejects.toMatchObject(ended);
  await expect(ask('body')).rejects.toMatchObject(ended);
});

it('the policy in force judges what an approver may read by the roles that he had', async () => {
  const { deps, ask, approve } = stage();
  const made = decision(person(2), { roles: ['Approvals.Decide', 'Audit.Read'] });
  await approve((await ask('body')).approval.id, made);
  const { approval: used } = await ask('body');
  const judged: unknown[] = [];
  const visibleTo: typeof deps.visibleTo = async (reader) => {
    judged.push(reader);
    return '*';
  };
  await confirm({ ...deps, visibleTo }, used, terms());
  expect(judged).toEqual([{ ...person(2), roles: made.roles }]);
});

it('a caller asks 100 times an hour, even if it revokes each request at once', async () => {
  const { deps, ask } = stage();
  const askAndRevoke = async (number: number): Promise<void> => {
    const { approval: asked } = await ask(`body ${number}`);
    const stored = await deps.approvalLog.find(asked.id);
    await deps.approvalLog.change({ ...asked, status: 'revoked' }, stored?.version ?? '');
  };
  for (let number = 0; number < 100; number += 1) await askAndRevoke(number);
  await expect(askAndRevoke(100)).rejects.toMatchObject({
    code: 'too_many_approvals',
    retryAfterSeconds: 3_600,
    transient: true,
  });
  Object.assign(deps.clock, { nowMs: () => askedAtMs + 60 * minuteMs });
  await askAndRevoke(101);
});

it('20 of 10,000 requests of one caller wait, and the others are refused without a record', async () => {
  const { deps, ask } = stage();
  const refusals: Record<string, number> = {};
  for (let number = 0; number < 10_000; number += 1)
    await ask(`body ${number}`).catch(({ code }: { code: string }) => (refusals[code] = (refusals[code] ?? 0) + 1));
  expect([refusals, deps.approvalLog.rows.size]).toEqual([{ too_many_approvals: 9_980 }, 20]);
  expect(await ask('body', person(1))).toMatchObject({
    admitted: false,
    approval: { status: 'pending' },
  });
  // What waits already is still answered.
  expect(await ask('body 0')).toMatchObject({ admitted: false });
});
