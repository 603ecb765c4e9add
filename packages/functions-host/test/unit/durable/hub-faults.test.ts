import { setImmediate as nextPass } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Journal } from '../../../src/durable/journal.ts';
import type { Member, MemberOptions } from './hub-member.ts';
import { hubStage } from './hub-stage.ts';
import type { Context } from './library-types.ts';
import type { ChaosOutput } from './random-orchestration.ts';
import { seeded } from './test-app.ts';

const {
  members,
  notes,
  join: joinHub,
} = hubStage(({ df }) => {
  df.app.orchestration('parent', function* (context: Context) {
    try {
      return yield context.df.callSubOrchestrator('listener', null, 'child');
    } catch (error) {
      return (error as Error).message;
    }
  });
});
afterEach(() => {
  vi.useRealTimers();
});

const partitions = ({ store }: Member): number[] => store.partitionsOf(store.hostId);

const failure = (): Error => new Error('disk I/O error');

describe('a hub whose store fails', () => {
  it('loses nothing when one call in ten fails', async () => {
    const random = seeded(11);
    let failures = 0;
    const [first, second, third] = [joinHub(), joinHub(), joinHub()];
    const starters = [first, second, third];
    const ids = Array.from({ length: 15 }, (_, index) =>
      (starters[index % 3] as Member).start('chaos', { seed: 700_000 + index, rounds: 4 }, `chaos-${index}`),
    );
    for (const { store } of members) {
      store.before = () => {
        if (random() >= 0.1) return;
        failures += 1;
        throw failure();
      };
    }
    const ended = await Promise.all(ids.map((id) => first.finished(id)));
    const outputs = ended.map(({ output }) => JSON.parse(output ?? 'null') as ChaosOutput);
    expect(outputs.flatMap(({ mismatches }) => mismatches)).toEqual([]);
    expect(failures).toBeGreaterThan(20);
  });

  it('keeps the outcome of an activity until it is stored, and does not repeat the activity', async () => {
    const host = joinHub();
    let failures = 0;
    host.store.before = (call) => {
      if (call !== 'finishWork' || failures === 5) return;
      failures += 1;
      throw failure();
    };
    host.start('notes', 20, 'notes');
    expect(await host.finished('notes')).toMatchObject({ status: 'Completed' });
    expect(failures).toBe(5);
    expect(notes.toSorted()).toEqual(Array.from({ length: 20 }, (_, index) => `notes ${index}`).toSorted());
  });

  it('runs the partitions of another host although it could not be read when they were taken over', async () => {
    const [leaving, staying] = [joinHub(), joinHub()];
    await expect.poll(() => partitions(staying).length).toBe(2);
    const ids = Array.from({ length: 8 }, (_, index) => staying.start('listener', null, `listener-${index}`));
    await expect
      .poll(() => ids.map((id) => staying.operations.get(id)?.record.status))
      .toEqual(ids.map(() => 'Running'));
    let failures = 0;
    staying.store.before = (call) => {
      if (call !== 'loadPartitions' || failures === 2) return;
      failures += 1;
      throw failure();
    };
    leaving.leave();
    for (const id of ids) expect(staying.operations.raiseEvent(id, 'word', '"hello"')).toBe('accepted');
    for (const id of ids) expect(await staying.finished(id)).toMatchObject({ output: '"hello"' });
    expect(failures).toBe(2);
  });

  it('is written no more by an engine after a commit that was refused', async () => {
    // The host looks at the hub only when the test lets it. Turns go on in between.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const host = joinHub();
    const looks = async (): Promise<void> => {
      for (let look = 0; look < 5; look += 1) {
        vi.advanceTimersByTime(10);
        for (let pass = 0; pass < 20; pass += 1) await nextPass();
      }
    };
    let conflicts = 0;
    host.store.before = (_call, changes) => {
      // Another host creates the child while the turn of its parent is on its way.
      if (conflicts > 0 || !changes?.shared.created.has('child')) return;
      conflicts += 1;
      expect(host.operations.start('listener', { instanceId: 'child', input: 'null' }).kind).toBe('started');
    };
    // Both arrive together: the turn that creates the child, and one that suspends the parent.
    host.start('parent', null, 'parent');
    expect(host.operations.control('parent', 'suspend', 'test')).toBe('accepted');
    await looks();
    expect(host.operations.get('parent')?.record.status).toBe('Suspended');
    expect(host.operations.control('parent', 'resume', 'test')).toBe('accepted');
    await looks();
    expect(host.operations.get('parent')?.record.output).toContain('already exists');
    expect(conflicts).toBe(1);
  });
});

describe('a host that joins its hub again', () => {
  it('starts its timer triggers again, which then keep their status', async () => {
    const journals: Journal[] = [];
    let stopped = 0;
    const newTriggers: MemberOptions['newTriggers'] = (journal) => ({
      start: () => void journals.push(journal),
      stop: () => void (stopped += 1),
    });
    const host = joinHub({ newTriggers });
    await expect.poll(() => partitions(host)).toEqual([0, 1, 2, 3]);
    const declareDead = (): boolean => host.store.hosts().every((row) => host.store.remove(row));
    expect(declareDead()).toBe(true);
    await expect.poll(() => journals.length).toBe(2);
    expect(stopped).toBe(1);
    for (const [place, value] of ['old', 'new'].entries()) {
      journals[place]?.saveValue(`timer ${value}`, value);
      journals[place]?.commit();
    }
    expect(['timer old', 'timer new'].map((key) => host.store.readValue(key))).toEqual([undefined, 'new']);
  });
});

describe('a host of the previous version', () => {
  it('runs no newer orchestrations, and leaves them to the new host when it ends', async () => {
    const [older, newer] = [joinHub({ defaultVersion: '1.0.0' }), joinHub({ defaultVersion: '2.0.0' })];
    await expect.poll(() => [older, newer].map((member) => partitions(member).length)).toEqual([2, 2]);
    const ids = Array.from({ length: 8 }, (_, index) => newer.start('notes', 20, `newer-${index}`));
    const old = older.start('notes', 20, 'older');
    expect(await newer.finished(old)).toMatchObject({ status: 'Completed', version: '1.0.0' });
    const statuses = (): Set<string | undefined> => new Set(ids.map((id) => newer.operations.get(id)?.record.status));
    await expect.poll(statuses).toEqual(new Set(['Completed', 'Pending']));
    older.leave();
    for (const id of ids) expect(await newer.finished(id)).toMatchObject({ status: 'Completed', version: '2.0.0' });
    expect(new Set(notes).size).toBe(9 * 20);
  });
});
