import { expect, it } from 'vitest';
import { isChange } from '../../../../src/lib/approvals/approval.ts';
import { OutboundError } from '../../../../src/lib/runtime/outbound.ts';
import { decision, person, terms } from '../../../support/approval-records.ts';
import { bytes, json, stage, usersRule } from './stage.ts';

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

it.each(['ECONNREFUSED', 'ENOTFOUND', 'UND_ERR_CONNECT_TIMEOUT'])(
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
  const { approvals, world, repeat, record } = await approved();
  const found = await approvals.approvalLog.find((await record())?.id ?? '');
  if (found === undefined) throw new Error('the approval is missing');
  const use = { id: 'of a dead process', atMs: found.approval.askedAtMs, answered: false };
  await approvals.approvalLog.change({ ...found.approval, status: 'used', use }, found.version);
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
