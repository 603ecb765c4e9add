import { setImmediate as nextPass } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Dispatcher } from '../../../src/durable/dispatcher.ts';
import type { Instance } from '../../../src/durable/instance.ts';

const instance = (inbox: unknown[] = []): Instance => ({ inbox }) as unknown as Instance;

function stage(maxConcurrent = 10) {
  const turns: Instance[] = [];
  const ends: { resolve: (worked: boolean) => void; reject: (error: unknown) => void }[] = [];
  const errors: unknown[] = [];
  let rounds = 0;
  const dispatcher = new Dispatcher({
    maxConcurrent,
    turn: (target) => {
      turns.push(target);
      return new Promise((resolve, reject) => ends.push({ resolve, reject }));
    },
    afterRound: () => {
      rounds += 1;
    },
    onError: (target, error) => errors.push([target, error]),
  });
  return { dispatcher, turns, ends, errors, rounds: () => rounds };
}

async function settled(): Promise<void> {
  for (let pass = 0; pass < 5; pass += 1) await nextPass();
}

describe('Dispatcher', () => {
  it('runs one turn for everything that arrives in one pass of the event loop', async () => {
    const { dispatcher, turns, rounds } = stage();
    const [one, two] = [instance(), instance()];
    for (const woken of [one, two, one, one]) dispatcher.wake(woken);
    expect(turns).toEqual([]);
    await settled();
    expect(turns).toEqual([one, two]);
    expect([turns[0] === one, turns[1] === two, rounds()]).toEqual([true, true, 1]);
  });

  it('never runs two turns of an instance at the same time, and runs another one for what arrived meanwhile', async () => {
    const { dispatcher, turns, ends } = stage();
    const one = instance();
    dispatcher.wake(one);
    await settled();
    dispatcher.wake(one);
    dispatcher.wake(one);
    await settled();
    expect(turns).toHaveLength(1);
    ends[0]?.resolve(true);
    await settled();
    expect(turns).toHaveLength(2);
    ends[1]?.resolve(true);
    await settled();
    expect(turns).toHaveLength(2);
  });

  it('goes on while the inbox is not empty, unless nothing could be done', async () => {
    const { dispatcher, turns, ends } = stage();
    const full = instance(['message']);
    dispatcher.wake(full);
    await settled();
    ends[0]?.resolve(true);
    await settled();
    expect(turns).toHaveLength(2);
    ends[1]?.resolve(false);
    await settled();
    expect(turns).toHaveLength(2);
  });

  it('runs no more turns at a time than allowed, and the others in order', async () => {
    const { dispatcher, turns, ends } = stage(2);
    const all = [instance(), instance(), instance(), instance()];
    for (const one of all) dispatcher.wake(one);
    await settled();
    expect(turns).toHaveLength(2);
    ends[1]?.resolve(true);
    await settled();
    expect(turns).toHaveLength(3);
    ends[0]?.resolve(true);
    await settled();
    expect(turns.map((turn) => all.indexOf(turn))).toEqual([0, 1, 2, 3]);
  });

  it('reports a failed turn, does not repeat it, and goes on with the next message', async () => {
    const { dispatcher, turns, ends, errors } = stage(1);
    const [one, two] = [instance(['message']), instance()];
    dispatcher.wake(one);
    dispatcher.wake(two);
    await settled();
    const error = new Error('a broken turn');
    ends[0]?.reject(error);
    await settled();
    expect(errors).toEqual([[one, error]]);
    expect(turns).toHaveLength(2);
    ends[1]?.resolve(true);
    dispatcher.wake(one);
    await settled();
    expect(turns.at(-1)).toBe(one);
  });

  it('starts no turn after stop', async () => {
    const { dispatcher, turns, ends } = stage(1);
    dispatcher.wake(instance());
    dispatcher.wake(instance());
    await settled();
    dispatcher.stop();
    ends[0]?.resolve(true);
    dispatcher.wake(instance());
    await settled();
    expect(turns).toHaveLength(1);
  });
});
