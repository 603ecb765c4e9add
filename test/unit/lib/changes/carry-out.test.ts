import { describe, expect, test, vi } from 'vitest';
import { createApplyMemory } from '../../../../src/lib/changes/carry-out.ts';
import { act, addReference, create, created, remove, update } from '../../../../src/lib/changes/change.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import { seededRandom } from '../../../fakes/fake-clock.ts';
import { tenantId } from '../runs/store/stage.ts';
import { applyId, planId, stageChanges } from './stage.ts';

const user = '/users/00000000-0000-4000-8000-00000000000a';
const other = '/users/00000000-0000-4000-8000-00000000000b';
const objects = {
  [user]: { id: 'a', department: 'old', jobTitle: 'x' },
  [other]: { id: 'b', department: 'old', jobTitle: 'x' },
};
const one = [update(user, { department: 'new' })];
const two = [...one, update(other, { department: 'new' })];

describe('a change', () => {
  test('is claimed on record before it leaves, sent once, and applied when three reads show it', async () => {
    const { graph, settle, outcomesOf, rowsOf, stagesOf } = await stageChanges({ objects, plan: () => one });
    const claimed: unknown[] = [];
    graph.beforeWrite = async () => claimed.push((await stagesOf(0))[0]?.at);
    expect(await settle(0)).toEqual({ outcome: 'succeeded' });
    expect(claimed).toEqual(['sent']);
    expect(graph.effects).toEqual([`PATCH ${user}`]);
    expect(await outcomesOf(0)).toEqual(['applied']);
    expect((await rowsOf(0))[0]).toMatchObject({ before: '{"department":"old"}', after: '{"department":"new"}' });
  });

  test('gets its outcome although the process ended again and again during the visits', async () => {
    const { graph, visit, outcomesOf } = await stageChanges({ objects, plan: () => two });
    await visit(0);
    const refusal = new BrokerError('job_failed', 'The process ended 9 times during the visit.');
    expect(await visit(0, { refusal })).toMatchObject({ outcome: 'succeeded' });
    expect(await outcomesOf(0)).toEqual(['applied', 'applied']);
    expect(graph.effects).toHaveLength(2);
  });

  test('that is on its way is recorded as such once, however often it is read', async () => {
    const { runLog, settle } = await stageChanges({ objects, plan: () => one });
    const record = vi.spyOn(runLog, 'recordTenant');
    await settle(0);
    expect(record.mock.calls.map(([, { outcome, code }]) => [outcome, code])).toEqual([
      ['retrying', 'change_pending'],
      ['succeeded', undefined],
    ]);
  });

  test('is recorded with the digest of its plan before it leaves', async () => {
    const { graph, settle, audit, request } = await stageChanges({ objects, plan: () => one });
    let recorded: unknown;
    graph.beforeWrite = () => (recorded = structuredClone(audit.entries.at(-1)));
    await settle(0);
    expect(recorded).toMatchObject({ kind: 'request', method: 'PATCH', rule: 'adjusts', plan: request.digest });
  });

  test('is applied only when the old state is no longer read in between', async () => {
    const { graph, clock, settle, outcomesOf } = await stageChanges({ objects, plan: () => one });
    graph.lateMs = 50_000;
    const startMs = clock.nowMs();
    expect(await settle(0)).toEqual({ outcome: 'succeeded' });
    expect(await outcomesOf(0)).toEqual(['applied']);
    expect(clock.nowMs() - startMs).toBeGreaterThan(50_000);
  });

  test('is accepted if it does not show, and applied if a later look finds it', async () => {
    const { graph, clock, settle, outcomesOf } = await stageChanges({ objects, plan: () => one });
    graph.lateMs = 500_000;
    expect(await settle(0)).toEqual({ outcome: 'failed', code: 'change_unconfirmed' });
    expect(await outcomesOf(0)).toEqual(['accepted']);
    await clock.advance(600_000);
    expect(await settle(0, { again: true })).toEqual({ outcome: 'succeeded' });
    expect(await outcomesOf(0)).toEqual(['applied']);
    expect(graph.effects).toHaveLength(1);
  });

  test.each([
    [
      undefined,
      'change_unconfirmed',
      'accepted',
      'Microsoft accepted it, and it cannot be read since: It is excluded.',
    ],
    [{ lost: 'after' }, 'change_unclear', 'unclear', 'No answer came, and it cannot be read since: It is excluded.'],
  ] as const)('in a tenant that is excluded while it is confirmed is told as not read: %j', async (...given) => {
    const [fault, code, outcome, detail] = given;
    const { graph, settle, rowsOf, world } = await stageChanges({ objects, plan: () => one });
    if (fault !== undefined) graph.faults.push(fault);
    graph.beforeWrite = () => world.excluded.add(tenantId(0));
    expect(await settle(0)).toEqual({ outcome: 'failed', code });
    expect(await rowsOf(0)).toMatchObject([{ outcome, detail }]);
    expect(await settle(0, { again: true })).toEqual({ outcome: 'failed', code });
    expect(await rowsOf(0)).toMatchObject([{ outcome, detail }]);
    world.excluded.clear();
    expect(await settle(0, { again: true })).toEqual(
      outcome === 'accepted' ? { outcome: 'succeeded' } : { outcome: 'failed', code },
    );
    expect(graph.effects).toHaveLength(1);
  });

  test('is reverted if a later look finds three times that it is gone', async () => {
    const { graph, settle, outcomesOf } = await stageChanges({ objects, plan: () => one });
    await settle(0);
    graph.put(user, { department: 'old' });
    expect(await settle(0, { again: true })).toEqual({ outcome: 'failed', code: 'change_failed' });
    expect(await outcomesOf(0)).toEqual(['reverted']);
    expect(graph.effects).toHaveLength(1);
  });

  test('stays applied if a later look is refused', async () => {
    const { graph, settle, outcomesOf } = await stageChanges({ objects, plan: () => one });
    await settle(0);
    graph.refusesReads = 403;
    expect(await settle(0, { again: true })).toEqual({ outcome: 'succeeded' });
    expect(await outcomesOf(0)).toEqual(['applied']);
  });

  test.each([
    ['is as planned already', { department: 'new' }, 'unchanged', 'succeeded'],
    ['is neither as before nor as planned', { department: 'third' }, 'drifted', 'failed'],
    ['has gone', undefined, 'drifted', 'failed'],
  ])('is not sent to an object that %s', async (_, object, ended, outcome) => {
    const { graph, settle, outcomesOf } = await stageChanges({ objects, plan: () => one });
    graph.put(user, object);
    expect(await settle(0)).toMatchObject({ outcome });
    expect(await outcomesOf(0)).toEqual([ended]);
    expect(graph.effects).toEqual([]);
  });

  test('is not sent if a fact that it rests on has changed', async () => {
    const facts = { path: user, properties: ['jobTitle'] };
    const plan = () => [update(user, { department: 'new' }, { while: facts })];
    const { graph, settle, outcomesOf } = await stageChanges({ objects, plan });
    graph.put(user, { department: 'old', jobTitle: 'y' });
    await settle(0);
    expect(await outcomesOf(0)).toEqual(['drifted']);
    expect(graph.effects).toEqual([]);
  });

  test('that has drifted keeps the rest of its tenant from being sent, and the tenant counts as drifted', async () => {
    const { graph, settle, outcomesOf } = await stageChanges({ objects, plan: () => two });
    graph.put(user, { department: 'third' });
    expect(await settle(0)).toEqual({ outcome: 'failed', code: 'change_drifted' });
    expect(await outcomesOf(0)).toEqual(['drifted', 'not attempted']);
    expect(graph.effects).toEqual([]);
  });

  test('waits as long as Microsoft asks, and is read again before it is sent', async () => {
    const { graph, clock, settle, outcomesOf } = await stageChanges({ objects, plan: () => one });
    graph.faults.push({ status: 429, headers: { 'retry-after': '70' } });
    const startMs = clock.nowMs();
    let sentAtMs = 0;
    graph.beforeWrite = () => (sentAtMs = clock.nowMs());
    await settle(0);
    expect(sentAtMs - startMs).toBeGreaterThanOrEqual(70_000);
    expect(await outcomesOf(0)).toEqual(['applied']);
  });

  test('that drifts while it waits is not sent', async () => {
    const { graph, clock, settle, outcomesOf } = await stageChanges({ objects, plan: () => one });
    graph.faults.push({ status: 429, headers: { 'retry-after': '70' } });
    void clock.sleep(30_000).then(() => graph.put(user, { department: 'third' }));
    await settle(0);
    expect(await outcomesOf(0)).toEqual(['drifted']);
    expect(graph.effects).toEqual([]);
  });

  test('that Microsoft refuses is refused with the reason, and the rest of the tenant is not sent', async () => {
    const { graph, settle, rowsOf } = await stageChanges({ objects, plan: () => two });
    graph.faults.push({ status: 403 });
    expect(await settle(0)).toEqual({ outcome: 'failed', code: 'change_failed' });
    const rows = await rowsOf(0);
    expect(rows.map(({ outcome }) => outcome)).toEqual(['refused', 'not attempted']);
    expect(rows[0]).toMatchObject({ detail: 'Microsoft refused it with 403. Fault It does not exist.' });
    expect(graph.effects).toEqual([]);
  });

  test('that the permissions of the job do not open is refused, and nothing is sent', async () => {
    const path = '/policies/authorizationPolicy';
    const plan = () => [update(path, { blockMsolPowerShell: true }), ...one];
    const { graph, settle, rowsOf } = await stageChanges({
      objects: { ...objects, [path]: { blockMsolPowerShell: false } },
      plan,
    });
    expect(await settle(0)).toEqual({ outcome: 'failed', code: 'change_failed' });
    expect(await rowsOf(0)).toMatchObject([
      { outcome: 'refused', detail: expect.stringContaining('Policy.ReadWrite.Authorization') },
      { outcome: 'not attempted' },
    ]);
    expect(graph.effects).toEqual([]);
  });

  test('that did not reach Microsoft is sent', async () => {
    const { graph, settle, outcomesOf } = await stageChanges({ objects, plan: () => one });
    graph.faults.push({ lost: 'connecting' });
    await settle(0);
    expect(graph.effects).toHaveLength(1);
    expect(await outcomesOf(0)).toEqual(['applied']);
  });
});

describe('a change of unknown outcome', () => {
  test.each([
    [{ lost: 'after' }],
    [{ status: 500, did: true }],
    [{ status: 504, did: true }],
    [{ status: 408, did: true }],
  ] as const)('is applied once when reads show it: %j', async (fault) => {
    const { graph, settle, outcomesOf } = await stageChanges({ objects, plan: () => one });
    graph.faults.push(fault);
    expect(await settle(0)).toEqual({ outcome: 'succeeded' });
    expect(await outcomesOf(0)).toEqual(['applied']);
    expect(graph.effects).toHaveLength(1);
  });

  test.each([[{ lost: 'before' }], [{ status: 503 }]] as const)(
    'is sent again once, five minutes later, if it sets a state: %j',
    async (fault) => {
      const { graph, clock, settle, outcomesOf } = await stageChanges({ objects, plan: () => one });
      graph.faults.push(fault);
      const sentAtMs: number[] = [];
      graph.beforeWrite = () => sentAtMs.push(clock.nowMs());
      expect(await settle(0)).toEqual({ outcome: 'succeeded' });
      expect(await outcomesOf(0)).toEqual(['applied']);
      expect(sentAtMs).toHaveLength(2);
      expect(Number(sentAtMs[1]) - Number(sentAtMs[0])).toBeGreaterThanOrEqual(300_000);
    },
  );

  test('is not sent again if a fact that it rests on has changed', async () => {
    const plan = () => [update(user, { department: 'new' }, { while: { path: user, properties: ['jobTitle'] } })];
    const { graph, clock, settle, outcomesOf, rowsOf } = await stageChanges({ objects, plan });
    graph.faults.push({ lost: 'before' });
    void clock.sleep(60_000).then(() => graph.put(user, { id: 'a', department: 'old', jobTitle: 'y' }));
    expect(await settle(0)).toEqual({ outcome: 'failed', code: 'change_unclear' });
    expect(await outcomesOf(0)).toEqual(['unclear']);
    expect((await rowsOf(0))[0]).toMatchObject({ detail: expect.stringContaining('It was not sent again') });
    expect(graph.effects).toEqual([]);
  });

  test('is unclear after the second time, and the rest of the tenant is not sent', async () => {
    const { graph, settle, outcomesOf } = await stageChanges({ objects, plan: () => two });
    graph.faults.push({ lost: 'before' }, { lost: 'before' });
    expect(await settle(0)).toEqual({ outcome: 'failed', code: 'change_unclear' });
    expect(await outcomesOf(0)).toEqual(['unclear', 'not attempted']);
  });

  test('is never sent again if it creates or acts', async () => {
    for (const change of [
      create('/groups', { displayName: 'Pilot' }, { key: ['displayName'] }),
      act(`${user}/revokeSignInSessions`),
    ]) {
      const { graph, settle, outcomesOf } = await stageChanges({ objects, plan: () => [change] });
      graph.faults.push({ lost: 'before' });
      let writes = 0;
      graph.beforeWrite = () => (writes += 1);
      expect(await settle(0)).toEqual({ outcome: 'failed', code: 'change_unclear' });
      expect(await outcomesOf(0)).toEqual(['unclear']);
      expect(writes).toBe(1);
    }
  });

  test('that a rule no longer allows to be sent again is unclear', async () => {
    const { graph, settle, outcomesOf, world } = await stageChanges({ objects, plan: () => one });
    graph.faults.push({ lost: 'before' });
    graph.beforeWrite = () => (world.rules = []);
    expect(await settle(0)).toEqual({ outcome: 'failed', code: 'change_unclear' });
    expect(await outcomesOf(0)).toEqual(['unclear']);
  });
});

describe('changes of one tenant', () => {
  const groupOf = (displayName: string) => create('/groups', { displayName }, { key: ['displayName'], as: 'group' });
  const group = groupOf('Pilot');
  const member = addReference(`/groups/${created('group').id}/members`, '00000000-0000-4000-8000-00000000000a');
  const someUsers = { ...objects, '/groups/x': { id: 'x', displayName: 'Staff' } };

  test('that use what another one creates wait until it is confirmed, and get its id', async () => {
    const { graph, clock, settle, rowsOf } = await stageChanges({ objects: someUsers, plan: () => [group, member] });
    graph.lateMs = 20_000;
    const sentAtMs: number[] = [];
    graph.beforeWrite = () => sentAtMs.push(clock.nowMs());
    await settle(0);
    expect(await rowsOf(0)).toMatchObject([
      { outcome: 'applied', detail: null },
      { outcome: 'applied', detail: null },
    ]);
    expect(graph.effects).toEqual(['POST /groups', 'POST /groups/new-1/members/$ref']);
    expect(Number(sentAtMs[1]) - Number(sentAtMs[0])).toBeGreaterThan(20_000);
  });

  test('get the id of what was created without an answer, or by somebody else in between', async () => {
    for (const isLost of [true, false]) {
      const { graph, settle, outcomesOf } = await stageChanges({ objects: someUsers, plan: () => [group, member] });
      if (isLost) graph.faults.push({ lost: 'after' });
      else graph.put('/groups/new-1', { id: 'new-1', displayName: 'Pilot' });
      expect(await settle(0)).toEqual({ outcome: 'succeeded' });
      expect(await outcomesOf(0)).toEqual([isLost ? 'applied' : 'unchanged', 'applied']);
      expect(graph.effects.at(-1)).toBe('POST /groups/new-1/members/$ref');
    }
  });

  test('are not sent without the id that they need', async () => {
    const plan = () => [group, update(other, { department: 'new' }), member];
    const { graph, settle, outcomesOf } = await stageChanges({ objects: someUsers, plan });
    graph.put('/groups/y', { id: 'y', displayName: 'Pilot' });
    graph.put('/groups/z', { id: 'z', displayName: 'Pilot' });
    await settle(0);
    expect(await outcomesOf(0)).toEqual(['refused', 'not attempted', 'not attempted']);
    expect(graph.effects).toEqual([]);
  });

  test('that rest on facts are sent to what was created before', async () => {
    const facts = { while: { path: user, properties: ['jobTitle'] } };
    const plan = () => [group, update(`/groups/${created('group').id}`, { description: 'first' }, facts)];
    const { graph, settle, outcomesOf } = await stageChanges({ objects: someUsers, plan });
    await settle(0);
    expect(await outcomesOf(0)).toEqual(['applied', 'applied']);
    expect(graph.effects).toEqual(['POST /groups', 'PATCH /groups/new-1']);
  });

  test.each(['in a request', 'in a read'])('wait for what Microsoft does not know yet %s', async (where) => {
    const { graph, clock, settle, outcomesOf } = await stageChanges({
      objects: someUsers,
      plan: () => [group, member],
    });
    if (where === 'in a request') graph.faults.push(undefined, { status: 404 }, { status: 404 });
    else graph.hidden.add('/groups/new-1/members');
    void clock.sleep(60_000).then(() => graph.hidden.clear());
    expect(await settle(0)).toEqual({ outcome: 'succeeded' });
    expect(await outcomesOf(0)).toEqual(['applied', 'applied']);
  });

  test('wait no longer than two minutes for it', async () => {
    const { graph, clock, settle, outcomesOf } = await stageChanges({
      objects: someUsers,
      plan: () => [group, member],
    });
    graph.hidden.add('/groups/new-1/members');
    const startMs = clock.nowMs();
    await settle(0);
    expect(await outcomesOf(0)).toEqual(['applied', 'refused']);
    expect(clock.nowMs() - startMs).toBeGreaterThanOrEqual(120_000);
    expect(clock.nowMs() - startMs).toBeLessThan(180_000);
  });

  test('follow one another without waiting for reads of what was accepted', async () => {
    const { graph, clock, visit } = await stageChanges({ objects, plan: () => two });
    const sentAtMs: number[] = [];
    graph.beforeWrite = () => sentAtMs.push(clock.nowMs());
    await visit(0);
    expect(sentAtMs).toHaveLength(2);
  });
});

describe('a type whose versions Graph compares', () => {
  const path = '/tenantRelationships/delegatedAdminRelationships/00000000-0000-4000-8000-00000000000c';
  const stageVersions = (plan = [update(path, { displayName: 'new' })]) =>
    stageChanges({ objects: { [path]: { id: 'c', displayName: 'old', '@odata.etag': 'W/"1"' } }, plan: () => plan });

  test('is changed in the version that was read', async () => {
    const { graph, settle, outcomesOf } = await stageVersions();
    expect(await settle(0)).toEqual({ outcome: 'succeeded' });
    expect(await outcomesOf(0)).toEqual(['applied']);
    expect(graph.effects).toHaveLength(1);
  });

  test('has drifted if somebody changes it between the read and the request', async () => {
    const { graph, settle, rowsOf } = await stageVersions();
    graph.beforeWrite = () => graph.put(path, { id: 'c', displayName: 'old', '@odata.etag': 'W/"2"' });
    expect(await settle(0)).toEqual({ outcome: 'failed', code: 'change_drifted' });
    expect(await rowsOf(0)).toMatchObject([{ outcome: 'drifted', detail: 'The object was changed at the same time.' }]);
    expect(graph.effects).toEqual([]);
  });

  test('is sent again in the version that is read then', async () => {
    const { graph, clock, settle, outcomesOf } = await stageVersions();
    graph.faults.push({ lost: 'before' });
    const startMs = clock.nowMs();
    expect(await settle(0)).toEqual({ outcome: 'succeeded' });
    expect(await outcomesOf(0)).toEqual(['applied']);
    expect(clock.nowMs() - startMs).toBeGreaterThan(300_000);
  });
});

describe('what a process remembers', () => {
  test('spares it to read what it wrote, and to store each read of a change', async () => {
    const { results, settle, outcomesOf } = await stageChanges({ objects, plan: () => two });
    const read = vi.spyOn(results, 'document');
    const rows = vi.spyOn(results, 'rows');
    const put = vi.spyOn(results, 'putDocument');
    expect(await settle(0)).toEqual({ outcome: 'succeeded' });
    expect(await outcomesOf(0)).toEqual(['applied', 'applied']);
    expect([read.mock.calls.length, rows.mock.calls.length]).toEqual([0, 2]);
    // The claim and the answer of each, and their outcomes together.
    expect(put).toHaveBeenCalledTimes(5);
  });

  test.each([2, 6])('of a tenant is completed by what is stored when %d processes visit in turn', async (processes) => {
    const { graph, clock, world, visit, outcomesOf } = await stageChanges({ objects, plan: () => two });
    const memories = Array.from({ length: processes }, () => createApplyMemory());
    let visits = 0;
    for (; visits < 20; visits += 1) {
      world.memory = memories[visits % processes] as (typeof memories)[0];
      const result = await visit(0);
      if (result.outcome !== 'retrying') break;
      await clock.advance((result.retryAfterSeconds ?? 1) * 1_000);
    }
    expect(await outcomesOf(0)).toEqual(['applied', 'applied']);
    expect(graph.effects).toHaveLength(2);
    expect(visits).toBeLessThan(8);
  });

  test('of a change without an answer does not delay its end when any of six processes visits', async () => {
    for (let seed = 1; seed <= 4; seed += 1) {
      const random = seededRandom(seed);
      const { clock, graph, world, visit, outcomesOf } = await stageChanges({ objects, plan: () => one });
      graph.faults.push({ lost: 'before' });
      const memories = Array.from({ length: 6 }, () => createApplyMemory());
      let visits = 0;
      for (; visits < 60; visits += 1) {
        world.memory = memories[Math.floor(random() * 6)] as (typeof memories)[0];
        const result = await visit(0);
        if (result.outcome !== 'retrying') break;
        await clock.advance((result.retryAfterSeconds ?? 1) * 1_000);
      }
      expect(await outcomesOf(0)).toEqual(['applied']);
      expect(visits).toBeLessThan(32);
    }
  });

  test('of the record of the run hides no end by a person for more than a second', async () => {
    const { clock, graph, runLog, visit } = await stageChanges({ objects, plan: () => one, waves: [3] });
    await visit(0);
    await runLog.change(applyId, { cancelRequestedAtMs: clock.nowMs() });
    expect(await visit(1)).toEqual({ outcome: 'not_attempted', code: 'run_cancelled' });
    expect(graph.effects).toHaveLength(1);
    await clock.advance(1_000);
    expect(await visit(2)).toEqual({ outcome: 'not_attempted', code: 'run_cancelled' });
  });

  test('of a hold that a person has ended keeps no tenant from being begun', async () => {
    const { clock, runLog, visit } = await stageChanges({ objects, plan: () => one, waves: [3] });
    const hold = { id: 'h', atMs: clock.nowMs(), code: 'apply_held' as const, detail: 'Too many failed.' };
    await runLog.change(applyId, { hold });
    expect(await visit(0)).toEqual({ outcome: 'not_attempted', code: 'apply_held' });
    await runLog.change(applyId, {
      goneOn: { hold: 'h', wave: 0, by: 'x', bad: { failed: 0, unclear: 0, unconfirmed: 0 } },
    });
    expect(await visit(0)).toMatchObject({ outcome: 'retrying', code: 'change_pending' });
  });
});

describe('two visits of one tenant at the same time', () => {
  test('send a change once', async () => {
    for (let seed = 0; seed < 6; seed += 1) {
      const { graph, clock, visit, settle, outcomesOf } = await stageChanges({ objects, plan: () => two });
      let writes = 0;
      graph.beforeWrite = async () => {
        writes += 1;
        for (let turn = 0; turn < seed * 3; turn += 1) await new Promise(setImmediate);
      };
      await Promise.all([visit(0), visit(0), visit(0)]);
      await clock.advance(2_000);
      await Promise.all([visit(0), visit(0)]);
      expect(await settle(0)).toEqual({ outcome: 'succeeded' });
      expect(writes).toBe(2);
      expect(await outcomesOf(0)).toEqual(['applied', 'applied']);
    }
  });
});

describe('a process that dies', () => {
  test.each(['after the claim', 'after the request', 'before the answer is stored'])(
    '%s leaves a change that is sent at most once with effect',
    async (moment) => {
      const { graph, clock, visit, settle, outcomesOf, world, stagesOf } = await stageChanges({
        objects,
        plan: () => one,
      });
      const dead = new Promise<never>(() => undefined);
      const begins = Promise.withResolvers<void>();
      const die = () => {
        begins.resolve();
        return dead;
      };
      if (moment === 'after the claim') {
        let tokens = 0;
        world.beforeToken = async () => ((tokens += 1) === 2 ? die() : undefined);
      }
      if (moment === 'after the request') graph.faults.push({ lost: 'after' });
      if (moment !== 'after the claim') {
        world.beforeStore = async (text) =>
          text.includes('"applied"') || graph.effects.length > 0 ? die() : undefined;
      }
      void visit(0);
      await Promise.race([begins.promise, clock.advance(1_000).then(() => clock.advance(1_000))]);
      world.beforeStore = async () => undefined;
      world.beforeToken = async () => undefined;
      world.memory = createApplyMemory();
      expect(await stagesOf(0)).toMatchObject([{ at: 'sent' }]);
      await clock.advance(60_000);
      expect(await settle(0)).toEqual({ outcome: 'succeeded' });
      expect(await outcomesOf(0)).toEqual(['applied']);
      expect(graph.effects).toHaveLength(1);
    },
  );
});

test.each(['excluded', 'refused'])(
  'what a process sent before it died without a record has its outcome in a tenant that is %s since',
  async (how) => {
    const { graph, runLog, visit, settle, rowsOf, world } = await stageChanges({ objects, plan: () => one });
    vi.spyOn(runLog, 'recordTenant').mockRejectedValueOnce(new Error('died'));
    await visit(0);
    expect(graph.effects).toHaveLength(1);
    world.memory = createApplyMemory();
    if (how === 'excluded') world.excluded.add(tenantId(0));
    else graph.refusesReads = 403;
    expect(await settle(0)).toEqual({ outcome: 'failed', code: 'change_unconfirmed' });
    expect(await rowsOf(0)).toMatchObject([{ outcome: 'accepted', detail: expect.stringContaining('cannot be read') }]);
  },
);

describe('nothing is begun', () => {
  const isUntouched = async ({ graph, stagesOf }: Awaited<ReturnType<typeof stageChanges>>) => {
    expect(graph.effects).toEqual([]);
    expect(await stagesOf(0)).toEqual([]);
  };

  test('with rows of the plan that somebody has changed', async () => {
    const stage = await stageChanges({ objects, plan: () => one });
    const { rowsName = '' } = (await stage.runLog.findTenant(planId, tenantId(0))) ?? {};
    const text = (await Array.fromAsync(stage.results.rows(planId, rowsName))).join('');
    await stage.results.putRows(planId, rowsName, text.replaceAll('new', 'bad'));
    expect(await stage.visit(0)).toEqual({ outcome: 'not_attempted', code: 'plan_changed' });
    expect((await stage.runLog.find(applyId))?.stoppedBy?.code).toBe('plan_changed');
    await isUntouched(stage);
  });

  test.each<[string, (text: string) => string | undefined]>([
    ['is gone', () => undefined],
    [
      'lacks a change',
      (text) => JSON.stringify({ stages: (JSON.parse(text) as { stages: unknown[] }).stages.slice(1) }),
    ],
  ])('a second time, if what is stored of the first %s', async (_, change) => {
    const plan = () => [act(`${user}/revokeSignInSessions`), update(user, { department: 'new' })];
    for (const visits of ['on its way', 'ended']) {
      const stage = await stageChanges({ objects, plan });
      await (visits === 'ended' ? stage.settle(0) : stage.visit(0));
      const sent = stage.graph.effects.length;
      const document = stage.results.document.bind(stage.results);
      stage.results.document = async (...given) => {
        const stored = await document(...given);
        const text = change(stored?.text ?? '');
        return stored && text !== undefined ? { ...stored, text } : undefined;
      };
      await stage.clock.advance(3_000);
      expect(await stage.visit(0, { again: true })).toEqual({ outcome: 'not_attempted', code: 'plan_changed' });
      expect((await stage.runLog.find(applyId))?.stoppedBy?.code).toBe('plan_changed');
      expect(stage.graph.effects).toHaveLength(sent);
    }
  });

  test('after the plan has expired', async () => {
    const stage = await stageChanges({ objects, plan: () => one });
    await stage.clock.advance(86_400_000);
    for (const again of [false, true]) {
      expect(await stage.visit(0, { again })).toEqual({
        outcome: again ? 'failed' : 'not_attempted',
        code: again ? 'change_failed' : 'plan_expired',
      });
      expect(stage.graph.effects).toEqual([]);
    }
  });

  test('by a look after the plan has expired', async () => {
    const stage = await stageChanges({ objects, plan: () => one });
    await stage.clock.advance(86_400_000);
    expect(await stage.visit(0, { again: true })).toEqual({ outcome: 'not_attempted', code: 'plan_expired' });
    await isUntouched(stage);
  });

  test('while the apply is held, also by a look', async () => {
    const stage = await stageChanges({ objects, plan: () => one });
    await stage.runLog.change(applyId, { hold: { id: 'h', atMs: 0, code: 'apply_held', detail: 'Held.' } });
    for (const again of [false, true])
      expect(await stage.visit(0, { again })).toEqual({ outcome: 'not_attempted', code: 'apply_held' });
    await isUntouched(stage);
    await stage.runLog.change(applyId, {
      goneOn: { hold: 'h', wave: 0, bad: { failed: 1, unclear: 0, unconfirmed: 0 }, by: 'x' },
    });
    expect(await stage.settle(0)).toEqual({ outcome: 'succeeded' });
  });

  test('after a person has ended the apply', async () => {
    const stage = await stageChanges({ objects, plan: () => one });
    await stage.runLog.change(applyId, { cancelRequestedAtMs: 1 });
    expect(await stage.visit(0)).toEqual({ outcome: 'not_attempted', code: 'run_cancelled' });
    await isUntouched(stage);
    // It counts as left, so the apply is told as ended and not as finished.
    expect(await stage.settle(0, { again: true })).toEqual({ outcome: 'failed', code: 'run_cancelled' });
    expect(await stage.outcomesOf(0)).toEqual(['not attempted']);
  });

  test('while the apply is held between the read of the tenant and the request', async () => {
    const stage = await stageChanges({ objects, plan: () => one });
    const hold = { id: 'h', atMs: 0, code: 'apply_held', detail: 'Held.' } as const;
    stage.world.beforeToken = () => stage.runLog.change(applyId, { hold });
    expect(await stage.visit(0)).toEqual({ outcome: 'not_attempted', code: 'apply_held' });
    await isUntouched(stage);
  });

  test('in a tenant that was excluded', async () => {
    const stage = await stageChanges({ objects, plan: () => one });
    stage.world.excluded.add(tenantId(0));
    expect(await stage.visit(0)).toEqual({ outcome: 'skipped', code: 'tenant_excluded' });
    await isUntouched(stage);
  });

  test('without a rule of the policy', async () => {
    const { graph, settle, rowsOf, world } = await stageChanges({ objects, plan: () => one });
    world.rules = [];
    await settle(0);
    expect(graph.effects).toEqual([]);
    expect(await rowsOf(0)).toMatchObject([
      {
        outcome: 'not attempted',
        detail: 'The rule that allowed the apply is gone, was changed, or does not cover this tenant any more.',
      },
    ]);
  });

  test('under a rule that asks for an approval since', async () => {
    const { graph, settle, outcomesOf, world } = await stageChanges({ objects, plan: () => one });
    world.rules = [{ ...world.rules[0], approval: {} }];
    await settle(0);
    expect(graph.effects).toEqual([]);
    expect(await outcomesOf(0)).toEqual(['not attempted']);
  });
});

describe('the end of an apply', () => {
  test('while a change is confirmed reads it a last time', async () => {
    for (const lateMs of [0, 500_000]) {
      const { graph, runLog, settle, visit, outcomesOf, stagesOf } = await stageChanges({ objects, plan: () => two });
      graph.lateMs = lateMs;
      await visit(0);
      await runLog.change(applyId, { cancelRequestedAtMs: 1 });
      await settle(0, { again: true });
      const outcome = lateMs === 0 ? 'applied' : 'accepted';
      expect(await outcomesOf(0)).toEqual([outcome, outcome]);
      expect(await stagesOf(0)).toMatchObject([{ outcome }, { outcome }]);
    }
  });

  test.each([503, 401] as const)('gives what was sent an outcome although reads fail with %i', async (status) => {
    const { clock, graph, runLog, visit, outcomesOf } = await stageChanges({ objects, plan: () => two });
    /** Reads are repeated after pauses. */
    const look = async (more: { readonly last?: boolean }): Promise<unknown> => {
      const looking = visit(0, { again: true, ...more });
      let isDone = false;
      void looking.finally(() => (isDone = true));
      for (;;) {
        await clock.advance(10_000);
        if (isDone) return looking;
      }
    };
    await visit(0);
    await runLog.change(applyId, { cancelRequestedAtMs: 1 });
    graph.refusesReads = status;
    if (status === 503) expect(await look({})).toMatchObject({ outcome: 'retrying' });
    expect(await look({ last: true })).toEqual({ outcome: 'failed', code: 'change_unconfirmed' });
    expect(await outcomesOf(0)).toEqual(['accepted', 'accepted']);
  });

  test('keeps the id of what was created', async () => {
    const plan = () => [create('/groups', { displayName: 'Pilot' }, { key: ['displayName'] })];
    const { runLog, settle, visit, stagesOf } = await stageChanges({ objects, plan });
    await visit(0);
    await runLog.change(applyId, { cancelRequestedAtMs: 1 });
    await settle(0, { again: true });
    expect(await stagesOf(0)).toMatchObject([{ outcome: 'applied', createdId: 'new-1' }]);
  });

  test('leaves a change without an answer unclear, and sends nothing more', async () => {
    const { graph, runLog, settle, visit, outcomesOf } = await stageChanges({ objects, plan: () => two });
    graph.faults.push({ lost: 'before' });
    await visit(0);
    await runLog.change(applyId, { cancelRequestedAtMs: 1 });
    await settle(0, { again: true });
    expect(await outcomesOf(0)).toEqual(['unclear', 'not attempted']);
    expect(graph.effects).toEqual([]);
  });

  test('gives each change an outcome in the last visit of a wave', async () => {
    const { graph, visit, outcomesOf } = await stageChanges({ objects, plan: () => two });
    graph.faults.push({ lost: 'before' });
    await visit(0);
    expect(await visit(0, { last: true })).toEqual({ outcome: 'failed', code: 'change_unclear' });
    expect(await outcomesOf(0)).toEqual(['unclear', 'not attempted']);
  });
});

describe('storage that fails', () => {
  test.each([1, 2, 3, 4, 5, 6])('at write %i leaves no change that takes effect twice', async (failing) => {
    const { graph, clock, visit, settle, outcomesOf, world } = await stageChanges({ objects, plan: () => two });
    let writes = 0;
    world.beforeStore = async () => {
      writes += 1;
      if (writes === failing) throw new Error('storage is away');
    };
    await visit(0);
    await clock.advance(5_000);
    expect(await settle(0)).toEqual({ outcome: 'succeeded' });
    expect(await outcomesOf(0)).toEqual(['applied', 'applied']);
    expect(graph.effects).toHaveLength(2);
  });
});

describe('an undo', () => {
  const undoId = 'adjust@undo';
  const group = create('/groups', { displayName: 'Pilot' }, { key: ['displayName'], as: 'group' });
  const some = { ...objects, '/groups/x': { id: 'x', displayName: 'Staff' } };
  const undone = async (stage: Awaited<ReturnType<typeof stageChanges>>) => {
    await stage.startRun(undoId, { kind: 'undo', apply: applyId });
    expect(await stage.visit(0, {}, undoId)).toEqual({ outcome: 'succeeded' });
    return stage.rowsOf(0, undoId);
  };
  const note = async ({ runLog }: Awaited<ReturnType<typeof stageChanges>>) =>
    (await runLog.findTenant(undoId, tenantId(0)))?.detail;

  test('plans the opposite of what was applied, newest first', async () => {
    const stage = await stageChanges({ objects: some, plan: () => [...two, group] });
    await stage.settle(0);
    expect(await undone(stage)).toMatchObject([
      { action: 'remove', target: '/groups/new-1' },
      { action: 'update', target: other, before: '{"department":"new"}', after: '{"department":"old"}' },
      { action: 'update', target: user, before: '{"department":"new"}', after: '{"department":"old"}' },
    ]);
    expect(await note(stage)).toBeUndefined();
    expect(stage.graph.effects).toHaveLength(3);
  });

  test('leaves alone what has changed since and what cannot be undone, and counts them', async () => {
    const plan = () => [...two, act(`${user}/revokeSignInSessions`)];
    const stage = await stageChanges({ objects: some, plan });
    await stage.settle(0);
    stage.graph.put(user, { id: 'a', department: 'third' });
    expect(await undone(stage)).toMatchObject([{ target: other }]);
    expect(await note(stage)).toBe('1 changed since and left alone. 1 cannot be undone.');
  });

  test('plans nothing for what was unchanged, refused, unclear or never attempted', async () => {
    const stage = await stageChanges({ objects: some, plan: () => [...two, group] });
    stage.graph.put(user, { id: 'a', department: 'new' });
    stage.graph.faults.push({ status: 403 });
    await stage.settle(0);
    expect(await stage.outcomesOf(0)).toEqual(['unchanged', 'refused', 'not attempted']);
    expect(await undone(stage)).toEqual([]);
  });

  test('removes nothing whose id no answer has named', async () => {
    const stage = await stageChanges({ objects: some, plan: () => [group] });
    stage.graph.faults.push({ lost: 'after' });
    await stage.settle(0);
    expect(await stage.outcomesOf(0)).toEqual(['applied']);
    expect(await undone(stage)).toEqual([]);
    expect(await note(stage)).toBe('1 cannot be undone.');
  });

  const policy = '/identity/conditionalAccess/policies/p1';
  const deleted = '/directory/deletedItems/microsoft.graph.servicePrincipal';

  test.each([
    ['Application.Read.All', ['restore /servicePrincipals/s1'], undefined],
    ['User.Read.All', [], 'What belongs to a restored object stays removed: The request was not sent.'],
  ])(
    'restores a policy that was on for reports only, and the principal of an application, with %s',
    async (permission, principals, why) => {
      const stage = await stageChanges({
        objects: {
          [policy]: { id: 'p1', state: 'enabled' },
          '/applications/a1': { id: 'a1', appId: 'app' },
          '/servicePrincipals/s1': { id: 's1', appId: 'app' },
          [`${deleted}/s2`]: { id: 's2', appId: 'another' },
        },
        plan: () => [remove(policy), remove('/applications/a1')],
        permission,
      });
      stage.graph.put('/servicePrincipals/s1', undefined);
      stage.graph.put(`${deleted}/s1`, { id: 's1', appId: 'app' });
      await stage.settle(0);
      expect(await stage.outcomesOf(0)).toEqual(['applied', 'applied']);
      expect((await undone(stage)).map(({ action, target }) => `${action} ${target}`)).toEqual([
        'restore /applications/a1',
        ...principals,
        `restore ${policy}`,
        `update ${policy}`,
      ]);
      expect((await note(stage))?.slice(0, why?.length)).toBe(why);
    },
  );

  /** An apply that restores a policy, as an undo plans it. */
  const stageRestore = async (state: string) => {
    const stage = await stageChanges({
      objects: { '/groups/g': { id: 'g', state: 'x' } },
      plan: () => [
        { action: 'restore', path: policy, by: '/beta/identity/conditionalAccess/deletedItems/policies/p1/restore' },
        update(policy, { state: 'enabledForReportingButNotEnforced' }),
      ],
    });
    stage.graph.put(policy, { id: 'p1', state });
    stage.graph.put(policy, undefined);
    return stage;
  };

  test.each(['enabled', 'disabled'])(
    'of a Conditional Access policy that was %s is applied in two steps',
    async (state) => {
      const stage = await stageRestore(state);
      expect(await stage.settle(0)).toEqual({ outcome: 'succeeded' });
      expect(await stage.outcomesOf(0)).toEqual(['applied', 'applied']);
      expect(stage.graph.objects[policy]).toEqual({ id: 'p1', state: 'enabledForReportingButNotEnforced' });
    },
  );

  test('of a Conditional Access policy does not leave it in force while the restore is confirmed', async () => {
    const stage = await stageRestore('enabled');
    await stage.visit(0);
    expect(stage.graph.objects[policy]).toEqual({ id: 'p1', state: 'enabledForReportingButNotEnforced' });
  });

  test('of a Conditional Access policy says that it is in force if a person ends the apply in between', async () => {
    const stage = await stageRestore('enabled');
    stage.graph.faults.push(undefined, { status: 429, headers: { 'retry-after': '60' } });
    await stage.visit(0);
    await stage.runLog.change(applyId, { cancelRequestedAtMs: stage.clock.nowMs() });
    await stage.settle(0, { again: true });
    expect((await stage.rowsOf(0)).at(1)).toMatchObject({
      outcome: 'not attempted',
      detail: expect.stringContaining('is in force: change it by hand'),
    });
  });

  test('of an undo restores what the apply did', async () => {
    const stage = await stageChanges({ objects: some, plan: () => two });
    await stage.settle(0);
    const first = await undone(stage);
    expect(first).toHaveLength(2);
    const again = await stageChanges({
      objects: { [user]: { department: 'new' } },
      plan: () => [update(user, { department: 'old' })],
    });
    await again.settle(0);
    expect(await undone(again)).toMatchObject([
      { action: 'update', before: '{"department":"old"}', after: '{"department":"new"}' },
    ]);
  });
});
