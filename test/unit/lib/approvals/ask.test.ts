import { expect, it } from 'vitest';
import { admit } from '../../../../src/lib/approvals/admit.ts';
import { announceApproval } from '../../../../src/lib/approvals/watch-approvals.ts';
import { type Approval, digestOf } from '../../../../src/lib/approvals/approval.ts';
import { denyAll } from '../../../../src/lib/access/policy/policy.ts';
import type { Justification } from '../../../../src/lib/core/caller.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { FakeOrchestrations } from '../../../fakes/fake-orchestrations.ts';
import { MemoryAuditLog } from '../../../fakes/memory-audit-log.ts';
import { silentLogger } from '../../../../src/lib/core/log.ts';
import { approval, askedAtMs, asker, minuteMs, terms } from '../../../support/approval-records.ts';
import { memoryApprovals } from '../../../support/approvals.ts';
import { guid, tenant } from '../../../support/audit-entries.ts';

/* What a caller's request for an approval leaves behind, and what its repeats get. */

const rules = [{ name: approval().subject.rule, approval: terms() }] as never;
const policy = { current: async () => ({ policy: { ...denyAll, rules } }) as never };
const { subject } = approval();
const token = 'eyJhbGciOiJub25lIn0.eyJhIjoiYmNkZWZnaGlqa2xtbm9wcXJzdCJ9.c2ln';

function stage(name = asker.name) {
  const clock = new FakeClock(askedAtMs);
  const audit = new MemoryAuditLog();
  const deps = memoryApprovals({ audit, policy, clock });
  const asking = {
    caller: { ...asker, name, roles: [] },
    correlationId: guid(3),
    log: silentLogger,
    orchestrations: new FakeOrchestrations(),
  };
  const ask = (justification: Justification = {}) => admit(deps, subject, terms(), { ...asking, ...justification });
  /** Ends the record of a request. */
  const end = async ({ id }: Approval, status: Approval['status']) => {
    const found = await deps.approvalLog.find(id);
    if (found === undefined) throw new Error(`${id} is missing`);
    await deps.approvalLog.change({ ...found.approval, status, closedAtMs: clock.nowMs() }, found.version);
  };
  const announce = (id: string) => announceApproval({ ...deps, log: silentLogger }, { approvalId: id });
  return { clock, audit, deps, ask, end, announce };
}

it('a new request is recorded with who asks for what, why and for how long, without secrets', async () => {
  const { deps, ask } = stage();
  const { admitted, approval: asked } = await ask({ reason: `It has ${token} in it.` });
  expect(admitted).toBe(false);
  expect((await deps.approvalLog.current(subject.digest))?.approval).toEqual(
    approval({ id: asked.id, reason: 'It has [secret] in it.' }),
  );
  expect(asked.id).toMatch(/^20261124t050000-[0-9a-f]{8}$/);
});

it('a name is recorded up to its 256th character', async () => {
  const { approval: asked } = await stage('x'.repeat(300)).ask();
  expect(asked.asker.name).toBe('x'.repeat(256));
});

it('its entry in the audit log has who asked, what for, when and why', async () => {
  const { clock, audit, ask, announce } = stage();
  const { approval: asked } = await ask({ reason: 'Ticket 4711' });
  await clock.advance(5_000);
  await announce(asked.id);
  expect(audit.entries).toEqual([
    {
      ...subject.audit,
      kind: 'approval',
      outcome: 'asked',
      atMs: askedAtMs,
      writtenMs: askedAtMs + 5_000,
      correlationId: guid(3),
      approvalId: asked.id,
      tokenId: '00000000-0000-0000-0000-000000000000',
      caller: { applicationId: asker.applicationId, objectId: asker.objectId, kind: 'user' },
      rule: subject.rule,
      tenantId: subject.tenantId,
      reason: 'Ticket 4711',
    },
  ]);
});

it('without a reason its entry in the audit log has none', async () => {
  const { audit, ask, announce } = stage();
  await announce((await ask()).approval.id);
  expect(audit.entries[0]).not.toHaveProperty('reason');
});

it('what was denied is asked for again only on demand, as another request', async () => {
  const { clock, deps, ask, end } = stage();
  const { approval: first } = await ask();
  await end(first, 'denied');
  await expect(ask()).rejects.toMatchObject({
    code: 'approval_ended',
    detail: `The request was denied. The approval is ${first.id}.`,
  });
  await clock.advance(1_000);
  const { admitted, approval: second } = await ask({ askAgain: true });
  expect([admitted, second.id === first.id]).toEqual([false, false]);
  expect((await deps.approvalLog.current(subject.digest))?.approval.id).toBe(second.id);
});

it('a request that waits is not asked for again, even on demand', async () => {
  const { deps, ask } = stage();
  const { approval: first } = await ask();
  expect(await ask({ askAgain: true })).toMatchObject({ admitted: false, approval: { id: first.id } });
  expect(deps.approvalLog.rows.size).toBe(1);
});

/** Another instance asks for the same at the same moment, right before this one writes. */
async function outrun({ deps, ask }: ReturnType<typeof stage>, status?: Approval['status']) {
  const other = approval({ id: '20261124t050000-00000001', subject, ...(status === undefined ? {} : { status }) });
  deps.approvalLog.beforeWrite = async () => {
    deps.approvalLog.beforeWrite = () => Promise.resolve();
    await deps.approvalLog.create(other, undefined, 20, 100);
  };
  return { other, outcome: await ask({ askAgain: true }).catch((thrown: unknown) => thrown) };
}

it('of two requests at the same moment one is recorded, and both wait for it', async () => {
  const { other, outcome } = await outrun(stage());
  expect(outcome).toMatchObject({ admitted: false, approval: { id: other.id } });
});

it('a request that was denied at the same moment is not asked for again: its denial is news', async () => {
  const { outcome } = await outrun(stage(), 'denied');
  expect(outcome).toMatchObject({ code: 'approval_ended' });
});

it('a record that is changed and purged at the same moment makes the caller try again', async () => {
  const { deps, ask } = stage();
  deps.approvalLog.create = async () => 'outrun';
  await expect(ask()).rejects.toMatchObject({ code: 'storage_unavailable' });
});

it('what was done for a request is noted although others write four times in between', async () => {
  const { deps, ask, announce } = stage();
  const { approval: asked } = await ask();
  const write = deps.approvalLog.change.bind(deps.approvalLog);
  let refused = 4;
  let writes = 0;
  deps.approvalLog.change = async (...change) => {
    writes += 1;
    refused -= 1;
    return refused < 0 && write(...change);
  };
  await announce(asked.id);
  expect([writes, (await deps.approvalLog.find(asked.id))?.approval]).toMatchObject([
    6,
    { askRecorded: true, announced: true },
  ]);
});

it('a part that others outrun five times is not noted, so it is repeated', async () => {
  const { audit, deps, ask, announce } = stage();
  const { approval: asked } = await ask();
  let writes = 0;
  deps.approvalLog.change = async () => {
    writes += 1;
    return false;
  };
  expect(await announce(asked.id)).toEqual({ announced: true });
  expect(writes).toBe(10);
  await announce(asked.id);
  expect([audit.entries.length, deps.notices.length]).toEqual([2, 2]);
});

it('a request that was purged is not announced', async () => {
  const { audit, deps, announce } = stage();
  expect(await announce('20261124t050000-00000009')).toEqual({ announced: false });
  expect([audit.entries, deps.notices]).toEqual([[], []]);
});

it('an approval is bound to the kind, the asker and every part of the request', () => {
  const other = { ...asker, tenantId: tenant(0x901) };
  const digests = [
    digestOf('request', asker, ['graph', 'body']),
    digestOf('token', asker, ['graph', 'body']),
    digestOf('request', other, ['graph', 'body']),
    digestOf('request', { ...asker, applicationId: guid(0xb) }, ['graph', 'body']),
    digestOf('request', { ...asker, objectId: guid(2) }, ['graph', 'body']),
    digestOf('request', { ...asker, kind: 'application' }, ['graph', 'body']),
    digestOf('request', asker, ['graph', 'other body']),
    digestOf('request', asker, [['graph', 'body']]),
    digestOf('request', asker, ['graphbody']),
  ];
  expect(new Set(digests).size).toBe(digests.length);
  expect(digestOf('request', { ...asker, name: 'Renamed' }, ['graph', 'body'])).toBe(digests[0]);
  expect(digests[0]).toMatch(/^[0-9a-f]{64}$/);
});

it('the time to wait begins when the caller asks', async () => {
  const { clock, ask } = stage();
  await clock.advance(7_000);
  const { approval: asked } = await ask();
  expect(asked).toMatchObject({ askedAtMs: askedAtMs + 7_000, expiresAtMs: askedAtMs + 7_000 + 60 * minuteMs });
});
