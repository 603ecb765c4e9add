import { describe, expect, it } from 'vitest';
import { decideApproval } from '../../../../src/lib/approvals/decide-approval.ts';
import { silentLogger } from '../../../../src/lib/core/log.ts';
import { person } from '../../../support/approval-records.ts';
import { guid } from '../../../support/audit-entries.ts';
import { bodyOf, bytes, json, stage, usersRule } from './send/stage.ts';

const code = (expected: string) => expect.objectContaining({ code: expected }) as Error;
const writes = { ...usersRule, name: 'writes', scopes: ['User.ReadWrite.All'] };
const patch = { method: 'PATCH', body: bytes({ jobTitle: 'x' }) };
const path = '/v1.0/users/0a1b2c3d-0000-4000-8000-000000000001';
const justification = { reason: 'The account sends spam, ticket 4711.' };

describe('a request under a rule with an approval', () => {
  const rule = { ...writes, approval: {} };

  it('is not sent, and answered with the approval that waits', async () => {
    const { world, approvals, send } = stage([rule]);
    const answer = await send(path, { ...patch, justification });
    const [id] = approvals.approvalLog.rows.keys();
    expect(answer.status).toBe(202);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json',
      location: `/api/approvals/${id}`,
      'x-approval-id': id,
      'cache-control': 'no-store',
    });
    expect(bodyOf(answer)).toMatchObject({ approvalId: id, status: 'pending', rule: 'writes' });
    expect(world.sent).toEqual([]);
    expect(world.tokenRequests).toEqual([]);
  });

  it.each([
    ['a change', { ...writes, approval: {} }, patch],
    ['a request that reads', { ...usersRule, approval: {} }, {}],
  ])('is not sent if the approval of %s is revoked while it waits for its last token', async (_, ruled, more) => {
    const { world, approvals, orchestrations, send } = stage([ruled]);
    const request = { ...more, justification };
    const id = (await send(path, request)).headers['x-approval-id'] ?? '';
    const decide = (decision: 'approve' | 'revoke', decider: number) =>
      decideApproval(
        approvals,
        id,
        { decision, reason: 'Agreed with the customer.' },
        {
          caller: { ...person(decider), roles: ['Approvals.Decide'] },
          correlationId: guid(5),
          log: silentLogger,
          orchestrations,
        },
      );
    await decide('approve', 2);
    // The first token is for the record. The request leaves with the second one.
    world.beforeToken = async () => {
      if (world.tokenRequests.length === 2) await decide('revoke', 3);
    };
    await expect(send(path, request)).rejects.toThrow(code('approval_ended'));
    expect(world.tokenRequests).toHaveLength(2);
    expect(world.sent).toEqual([]);
  });

  it('is refused in a batch', async () => {
    const { world, send } = stage([rule]);
    const body = bytes({ requests: [{ id: '1', method: 'GET', url: '/users' }] });
    await expect(send('/v1.0/$batch', { method: 'POST', body, justification })).rejects.toThrow(
      code('request_invalid'),
    );
    expect(world.sent).toEqual([]);
  });
});

describe('a request under a rule for emergencies', () => {
  const rule = { ...writes, breakGlass: true };
  const emergency = { justification: { ...justification, breakGlass: true } };

  it('is sent at once, recorded with its reason, and told to people', async () => {
    const { world, audit, approvals, send } = stage([rule]);
    world.answers.push(json({}));
    expect((await send(path, { ...patch, ...emergency })).status).toBe(200);
    expect(audit.entries[0]).toMatchObject({ outcome: 'sent', breakGlass: true, reason: justification.reason });
    expect(approvals.notices).toMatchObject([
      {
        facts: expect.arrayContaining([
          { name: 'Resource', value: 'graph' },
          { name: 'First request', value: `PATCH ${path.replace('.', '[.]')}` },
        ]) as unknown,
      },
    ]);
  });

  it('is told as a batch of so many requests', async () => {
    const { approvals, send } = stage([{ ...usersRule, breakGlass: true }]);
    const requests = ['1', '2'].map((id) => ({ id, method: 'GET', url: '/users' }));
    await send('/v1.0/$batch', { method: 'POST', body: bytes({ requests }), ...emergency });
    expect(JSON.stringify(approvals.notices)).toContain('a batch of 2 requests');
  });

  it('is refused without a reason', async () => {
    const { world, audit, send } = stage([rule]);
    await expect(send(path, { ...patch, justification: { breakGlass: true } })).rejects.toThrow(
      code('reason_required'),
    );
    expect(world.sent).toEqual([]);
    expect(audit.entries).toMatchObject([{ outcome: 'denied', code: 'reason_required' }]);
  });
});
