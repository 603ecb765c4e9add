import { expect, it } from 'vitest';
import { isChange } from '../../../../src/lib/approvals/approval.ts';
import { decideApproval } from '../../../../src/lib/approvals/decide-approval.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import { silentLogger } from '../../../../src/lib/core/log.ts';
import { OutboundError } from '../../../../src/lib/core/outbound.ts';
import { decision, person, terms } from '../../../support/approval-records.ts';
import { bytes, json, stage, usersRule } from '../gateway/send/stage.ts';

/* A request that changes something leaves at most once for each approval. */

const rule = {
  ...usersRule,
  name: 'changes need an approval',
  scopes: ['User.ReadWrite.All'],
  approval: { ...terms(), from: undefined },
};
const path = '/v1.0/users/0a1b';
const change = { method: 'PATCH', body: bytes({ accountEnabled: false }) };
const done = json({}, { status: 200 });

async function approved(request: object = change) {
  const staged = stage([rule]);
  const { approvals, send, clock } = staged;
  const asked = await send(path, request);
  const id = asked.headers['x-approval-id'] ?? '';
  const found = await approvals.approvalLog.find(id);
  if (found === undefined) throw new Error('no approval is pending');
  const atMs = clock.nowMs();
  const times = { approvedAtMs: atMs, validUntilMs: atMs + 30 * 60_000 };
  const agreed = {
    ...found.approval,
    ...times,
    status: 'approved',
    decisions: [decision(person(2), { atMs })],
  } as const;
  await approvals.approvalLog.change(agreed, found.version);
  const record = async () => (await approvals.approvalLog.find(id))?.approval;
  /** Sends the request again. @returns the status, or the sentence of the refusal. */
  const repeat = () =>
    send(path, request).then(
      ({ status }): unknown => status,
      ({ code, detail }: { code: string; detail: string }) => `${code}: ${detail}`,
    );
  return { ...staged, record, repeat };
}

const network = (code: string) =>
  new OutboundError('network', 'graph', { cause: Object.assign(new Error(code), { code }) });

it('of five repeats at the same time one leaves, and the others are refused', async () => {
  const { world, audit, repeat, record } = await approved();
  world.answers.push(done);
  const outcomes = await Promise.all([1, 2, 3, 4, 5].map(repeat));
  expect(outcomes.filter((outcome) => outcome === 200)).toHaveLength(1);
  expect(outcomes.filter((outcome) => String(outcome).startsWith('approval_ended'))).toHaveLength(4);
  expect([world.sent.length, audit.entries.filter(({ outcome }) => outcome === 'sent').length]).toEqual([1, 1]);
  expect(await repeat()).toMatch(/approval_ended: The request was sent at .* serves a change once/);
  // What may hold data of the customer goes when the approval is closed.
  expect(await record()).toMatchObject({ status: 'used', use: { answered: true }, subject: { details: [] } });
});

it('every method but GET is a change, and a token is none', () => {
  const changes = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].filter((method) =>
    isChange({ kind: 'request', audit: { scopes: [], method } }),
  );
  expect(changes).toEqual(['POST', 'PUT', 'PATCH', 'DELETE']);
  expect(isChange({ kind: 'token', audit: { scopes: [] } })).toBe(false);
});

it('reading is served until the validity ends', async () => {
  const { world, repeat, clock } = await approved({});
  expect([await repeat(), await repeat(), world.sent.length]).toEqual([200, 200, 2]);
  await clock.advance(31 * 60_000);
  expect(await repeat()).toMatch(/approval_ended/);
});

it('a request without an answer may have arrived, so it does not leave again', async () => {
  const { world, repeat, record } = await approved();
  world.answers.push(network('ECONNRESET'));
  expect(await repeat()).toMatch(/resource_error/);
  expect(await repeat()).toMatch(/approval_ended: .*may have reached Microsoft.*Find out/);
  expect([world.sent.length, await record()]).toMatchObject([1, { status: 'used', use: { answered: false } }]);
});

it('an answer of the resource uses the approval up, whatever its status', async () => {
  const { world, repeat } = await approved();
  world.answers.push(json({}, { status: 429 }));
  expect([await repeat(), await repeat()]).toEqual([429, expect.stringContaining('approval_ended')]);
});

it.each(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'])(
  'a connection that was never there (%s) gives the approval back',
  async (code) => {
    const { world, repeat } = await approved();
    world.answers.push(network(code), done);
    expect(await repeat()).toMatch(/resource_error/);
    expect(await repeat()).toBe(200);
  },
);

it('a request that cannot be recorded gives the approval back', async () => {
  const { audit, world, repeat, record } = await approved();
  audit.down = true;
  expect(await repeat()).toMatch(/audit_unavailable/);
  expect([world.sent.length, await record()]).toMatchObject([0, { status: 'approved', use: undefined }]);
  audit.down = false;
  world.answers.push(done);
  expect(await repeat()).toBe(200);
});

it('a tenant that is excluded at the last moment gives the approval back', async () => {
  const { world, audit, repeat, record } = await approved();
  const write = audit.record.bind(audit);
  audit.record = async (entry) => {
    await write(entry);
    if (entry.outcome === 'sent') world.tenant = { ...world.tenant, reachable: false };
  };
  expect(await repeat()).toMatch(/tenant_/);
  expect([world.sent.length, await record()]).toMatchObject([0, { status: 'approved' }]);
});

it.each([
  ['a change', change],
  ['reading', {}],
])('%s whose record takes until the validity has ended does not leave', async (_, request) => {
  const { world, audit, repeat, clock } = await approved(request);
  const write = audit.record.bind(audit);
  audit.record = async (entry) => {
    await write(entry);
    if (entry.outcome === 'sent') await clock.advance(5_000);
  };
  await clock.advance(30 * 60_000 - 2_000);
  expect(await repeat()).toMatch(/approval_ended/);
  expect(world.sent).toEqual([]);
  expect(audit.entries.at(-1)).toMatchObject({ outcome: 'failed', code: 'approval_ended' });
});

it('a process that dies with its claim leaves an approval that serves nothing', async () => {
  const { approvals, world, repeat, record, clock } = await approved();
  const found = await approvals.approvalLog.find((await record())?.id ?? '');
  if (found === undefined) throw new Error('the approval is missing');
  const use = { id: 'of a dead process', atMs: found.approval.askedAtMs, answered: false };
  await approvals.approvalLog.change({ ...found.approval, status: 'used', use }, found.version);
  expect(await repeat()).toMatch(/approval_ended: .*has been on its way since/);
  await clock.advance(5 * 60_000);
  expect(await repeat()).toMatch(/approval_ended: .*may have reached Microsoft/);
  expect(world.sent).toHaveLength(0);
  const again = await approvals.approvalLog.current(found.approval.subject.digest);
  expect(again?.approval.status).toBe('used');
});

it('the claim holds although storage loses the reply to its write', async () => {
  const { approvals, world, repeat } = await approved();
  const write = approvals.approvalLog.change.bind(approvals.approvalLog);
  let isLost = false;
  approvals.approvalLog.change = async (record, version) => {
    const isWritten = await write(record, version);
    if (isLost) return isWritten;
    isLost = true;
    // The SDK repeats the write, which then meets itself.
    return write(record, version);
  };
  world.answers.push(done);
  expect([await repeat(), world.sent.length]).toEqual([200, 1]);
});

it('a claim whose write fails, although storage made it, is given back', async () => {
  const { approvals, world, repeat, record } = await approved();
  const write = approvals.approvalLog.change.bind(approvals.approvalLog);
  const writes: string[] = [];
  approvals.approvalLog.change = async (changed, version) => {
    const isWritten = await write(changed, version);
    writes.push(changed.status);
    if (writes.length === 1) throw new BrokerError('storage_unavailable', 'The reply was lost.');
    return isWritten;
  };
  expect(await repeat()).toMatch(/storage_unavailable/);
  expect([writes, await record()]).toMatchObject([['used', 'approved'], { status: 'approved', use: undefined }]);
  world.answers.push(done);
  expect([await repeat(), world.sent.length]).toEqual([200, 1]);
});

/** Does something when the record of the request is written: it is about to leave then. */
function beforeItLeaves({ audit }: Awaited<ReturnType<typeof approved>>, act: () => Promise<unknown>): void {
  const write = audit.record.bind(audit);
  let isDone = false;
  audit.record = async (entry) => {
    await write(entry);
    if (entry.outcome !== 'sent' || isDone) return;
    isDone = true;
    await act();
  };
}

const revokeIt = (staged: Awaited<ReturnType<typeof approved>>) => async () => {
  const caller = { ...person(3), roles: ['Approvals.Decide'] } as const;
  const id = (await staged.record())?.id ?? '';
  const made = { decision: 'revoke', reason: 'It was a mistake.' } as const;
  return decideApproval(staged.approvals, id, made, {
    caller,
    correlationId: 'c',
    log: silentLogger,
    orchestrations: staged.orchestrations,
  });
};

it('a change that is revoked when it is about to leave does not leave, then or later', async () => {
  const staged = await approved();
  beforeItLeaves(staged, revokeIt(staged));
  expect(await staged.repeat()).toMatch(/approval_ended: The approval was revoked/);
  expect(await staged.record()).toMatchObject({ status: 'revoked', subject: { details: [] } });
  expect(await staged.repeat()).toMatch(/approval_ended: The approval was revoked/);
  expect(staged.world.sent).toEqual([]);
});

it('a change that is revoked after it left stays used, and nobody can revoke it twice', async () => {
  const staged = await approved();
  const outcomes: unknown[] = [];
  const { upstream } = staged.deps;
  const revokedThere: typeof upstream = async (request) => {
    outcomes.push((await revokeIt(staged)()).status);
    outcomes.push(await revokeIt(staged)().catch(({ code }: BrokerError) => code));
    return upstream(request);
  };
  Object.assign(staged.deps, { upstream: revokedThere });
  staged.world.answers.push(done);
  expect([await staged.repeat(), outcomes]).toEqual([200, ['used', 'approval_conflict']]);
  expect(await staged.record()).toMatchObject({ status: 'used', use: { answered: true } });
});

it('the policy in force when a change leaves decides, even if it was admitted by another', async () => {
  const staged = await approved();
  const { policy } = await staged.approvals.policy.current();
  beforeItLeaves(staged, async () => {
    for (const each of policy.rules) Object.assign(each, { approval: { ...terms(), count: 3 } });
  });
  expect(await staged.repeat()).toMatch(/approval_ended: The access policy has become stricter/);
  expect([staged.world.sent.length, await staged.record()]).toMatchObject([0, { status: 'approved' }]);
});

it('an answer that is too large is an answer', async () => {
  const { world, repeat, record } = await approved();
  world.answers.push(new OutboundError('too_large', 'graph', {}));
  expect(await repeat()).toMatch(/resource_error/);
  expect(await record()).toMatchObject({ status: 'used', use: { answered: true } });
});

it.each(['raise', 'change'] as const)(
  'the caller waits three seconds for storage to note the outcome (%s)',
  async (hangs) => {
    const { world, repeat, clock, approvals, orchestrations } = await approved();
    world.answers.push(done);
    if (hangs === 'raise') orchestrations.raise = () => new Promise<never>(() => {});
    const write = approvals.approvalLog.change.bind(approvals.approvalLog);
    if (hangs === 'change')
      approvals.approvalLog.change = (changed, version) =>
        changed.closedAtMs === undefined ? write(changed, version) : new Promise<never>(() => {});
    const outcome = repeat();
    for (let second = 0; second < 7; second += 1) await clock.advance(1_000);
    expect(await outcome).toBe(200);
  },
);

it('a new approval is asked for on demand', async () => {
  const { send, repeat } = await approved();
  expect(await repeat()).toBe(200);
  const again = await send(path, { ...change, justification: { askAgain: true } });
  expect(again.status).toBe(202);
});

it('the notice about an emergency names the request, and of a batch how many there are', async () => {
  const { approval: _approval, ...urgent } = rule;
  const justification = { breakGlass: true, reason: 'An attack is under way.' };
  const facts = async (url: string, request: object) => {
    const { approvals, send } = stage([{ ...urgent, breakGlass: true }]);
    await send(url, { ...request, justification });
    return approvals.notices.flatMap((notice) => notice.facts.map(({ value }) => value));
  };
  expect(await facts(path, change)).toContain('PATCH /v1[.]0/users/0a1b');
  const requests = ['0a1b', '0a1c'].map((id) => ({ id, method: 'GET', url: `/users/${id}` }));
  const batch = { method: 'POST', body: bytes({ requests }) };
  expect(await facts('/v1.0/$batch', batch)).toContain('a batch of 2 requests');
});
