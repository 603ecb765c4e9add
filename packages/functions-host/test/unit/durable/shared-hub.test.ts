import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Member } from './hub-member.ts';
import { hubStage } from './hub-stage.ts';
import type { Context } from './library-types.ts';
import type { ChaosOutput } from './random-orchestration.ts';
import { seeded } from './test-app.ts';

const hourMs = 3_600_000;

const {
  members,
  notes,
  join: joinHub,
} = hubStage(({ df }) => {
  df.app.orchestration('sleeper', function* (context: Context) {
    yield context.df.createTimer(new Date(context.df.currentUtcDateTime.getTime() + 1_000));
    return 'slept';
  });
});

async function settled(ask: () => boolean): Promise<void> {
  while (!ask()) await delay(5);
}

describe('hosts on one hub', () => {
  it('divide the partitions, and each activity runs once while nobody dies', async () => {
    const [first, second, third] = [joinHub(), joinHub(), joinHub()];
    await settled(() => [first, second, third].every(({ store }) => store.partitionsOf(store.hostId).length > 0));
    const ids = Array.from({ length: 6 }, (_, index) => first.start('notes', 40, `notes-${index}`));
    for (const id of ids) expect(await third.finished(id)).toMatchObject({ status: 'Completed' });
    expect(notes.toSorted()).toEqual([...new Set(notes)].toSorted());
    expect(notes).toHaveLength(240);
    expect(new Set(members.map((member) => member.activities() > 0))).toEqual(new Set([true]));
  });

  it('let exactly one of several simultaneous starts succeed, and deliver events from any host', async () => {
    const [first, second] = [joinHub(), joinHub()];
    const results = [first, second, first].map(({ operations }) =>
      operations.start('listener', { instanceId: 'one', input: 'null' }),
    );
    expect(results.map(({ kind }) => kind)).toEqual(['started', 'conflict', 'conflict']);
    expect(second.operations.raiseEvent('one', 'word', '"hello"')).toBe('accepted');
    expect(await first.finished('one')).toMatchObject({ status: 'Completed', output: '"hello"' });
    expect(second.operations.raiseEvent('one', 'word', '"again"')).toBe('gone');
    expect(second.operations.purge('one')).toBe(1);
    expect(first.operations.get('one')).toBeUndefined();
  });

  it('measure timers by the clock of the hub, although one host is an hour ahead and one behind', async () => {
    const [ahead, behind] = [joinHub({ skewMs: hourMs }), joinHub({ skewMs: -hourMs })];
    await settled(() => ahead.store.partitionsOf(behind.store.hostId).length > 0);
    const startedMs = performance.now();
    const ids = Array.from({ length: 8 }, (_, index) => ahead.start('sleeper', null, `sleeper-${index}`));
    // The host that set some of the timers leaves. The other one, two hours behind it, fires them.
    await delay(300);
    ahead.leave();
    for (const id of ids) expect(await behind.finished(id)).toMatchObject({ output: '"slept"' });
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(1_000);
  });

  it('finish orchestrations of random shape while hosts are killed, join, and stall', async () => {
    const random = seeded(7);
    let alive = [joinHub(), joinHub(), joinHub(), joinHub()];
    const ids = Array.from({ length: 30 }, (_, index) =>
      (alive[index % 4] as Member).start('chaos', { seed: 500_000 + index, rounds: 5 }, `chaos-${index}`),
    );
    const ended = (): number => ids.filter((id) => alive[0]?.operations.get(id)?.record.status === 'Completed').length;
    let kills = 0;
    let stalls = 0;
    while (ended() < ids.length) {
      await delay(20 + random() * 150);
      const victim = alive[Math.floor(random() * alive.length)] as Member;
      if (random() < 0.5 && kills < 12) {
        victim.kill();
        kills += 1;
        alive = [...alive.filter((member) => member !== victim), joinHub({ skewMs: (random() - 0.5) * 2 * hourMs })];
      } else if (stalls < 6) {
        stalls += 1;
        // Longer than others wait for a sign of life. Its commits are refused when it goes on.
        victim.stall(700);
      }
    }
    const outputs = ids.map((id) => JSON.parse(alive[0]?.operations.get(id)?.record.output ?? 'null') as ChaosOutput);
    expect(outputs.flatMap(({ mismatches }) => mismatches)).toEqual([]);
    expect(kills).toBeGreaterThan(4);
  });

  it('let a host join again that others have declared dead, and lose nothing', async () => {
    const [host, other] = [joinHub(), joinHub()];
    await settled(() => other.store.partitionsOf(host.store.hostId).length === 2);
    const before = host.store.hostId;
    other.store.remove(other.store.hosts().find(({ id }) => id === before) ?? { id: 0, beat: 0 });
    host.start('notes', 40, 'after');
    expect(await other.finished('after')).toMatchObject({ status: 'Completed' });
    await settled(() => host.store.hostId !== before);
  });
});
