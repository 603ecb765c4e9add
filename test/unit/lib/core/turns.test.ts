import fc from 'fast-check';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  atOnce,
  inTurns,
  joinSteps,
  longWork,
  pieceLength,
  sortSteps,
  turnFor,
  Turns,
  type WorkFor,
} from '../../../../src/lib/core/turns.ts';
import { settle } from '../../../fakes/fake-clock.ts';

let passes: (() => void)[];
let turns: Turns;
let taken: string[];
beforeEach(() => {
  passes = [];
  taken = [];
  turns = new Turns((work) => passes.push(work));
});

const take = (name: string): void => void turns.take().then(() => taken.push(name));

/** Ends one pass of the event loop. @returns the turns that were taken in it. */
async function pass(): Promise<string[]> {
  const before = taken.length;
  for (const work of passes.splice(0)) work();
  await settle();
  return taken.slice(before);
}

it('gives one turn in each pass, in order of arrival', async () => {
  for (const name of ['a', 'b', 'c']) take(name);
  await settle();
  expect(taken).toEqual([]);
  expect(await pass()).toEqual(['a']);
  take('d');
  expect([await pass(), await pass(), await pass()]).toEqual([['b'], ['c'], ['d']]);
});

it('waits for no pass while nobody wants a turn, and goes on with the next one', async () => {
  take('a');
  expect(await pass()).toEqual(['a']);
  expect(await pass()).toEqual([]);
  expect(passes).toEqual([]);
  take('b');
  expect(await pass()).toEqual(['b']);
});

it('gives a turn that is wanted during another one in the next pass', async () => {
  void turns.take().then(() => take('second'));
  await pass();
  expect(taken).toEqual([]);
  expect(await pass()).toEqual(['second']);
});

describe('work in steps', () => {
  /** Work whose steps take a second each, and the pass of the event loop in which each was taken. */
  function noted() {
    const steps: { readonly name: string; readonly pass: number }[] = [];
    let [nowMs, pass] = [0, 0];
    const own = new Turns(
      (over) =>
        setImmediate(() => {
          pass += 1;
          over();
        }),
      () => nowMs,
    );
    const work = (name: string, count: number, whose: WorkFor): Promise<void> => {
      const steps_ = function* (): Generator<void, void> {
        for (let step = 0; step < count; step += 1) {
          steps.push({ name, pass });
          nowMs += 1_000;
          yield;
        }
      };
      return inTurns(steps_(), whose, own);
    };
    return { steps, work };
  }

  /** Steps of a time, of which each notes how often others have had their turn before it. */
  async function run(stepMs: number) {
    let [nowMs, others] = [0, 0];
    const seen: number[] = [];
    const work = function* (): Generator<void, string> {
      for (let step = 0; step < 12; step += 1) {
        seen.push(others);
        nowMs += stepMs;
        yield;
      }
      return 'done';
    };
    const progress = { isDone: false };
    const count = async (): Promise<void> => {
      for (; !progress.isDone; others += 1) await new Promise(setImmediate);
    };
    const counting = count();
    const result = await inTurns(work(), 'background', new Turns(setImmediate, () => nowMs));
    progress.isDone = true;
    await counting;
    return { result, turns: new Set(seen).size };
  }

  it('goes on until its turn is over, and has another one then', async () => {
    expect(await run(1)).toEqual({ result: 'done', turns: 3 });
    expect(await run(0)).toEqual({ result: 'done', turns: 1 });
    expect(await run(40)).toEqual({ result: 'done', turns: 12 });
  });

  it('shares the passes of the event loop with other such work', async () => {
    const { steps, work } = noted();
    await Promise.all(['a', 'b', 'c'].map((name) => work(name, 5, 'background')));
    expect(new Set(steps.map(({ pass }) => pass)).size).toBe(15);
  });

  it('takes its turn before what nobody waits for if a caller waits for it, and lets that go on', async () => {
    const { steps, work } = noted();
    const others = ['a', 'b', 'c', 'd'].map((name) => work(name, 3, 'background'));
    await Promise.all([...others, work('caller', 3, 'caller')]);
    const names = [...Map.groupBy(steps, (step) => step.pass).values()].map((some) =>
      some.map(({ name }) => name).join(' '),
    );
    expect(names.slice(0, 4)).toEqual(['a', 'caller a', 'caller b', 'caller c']);
  });

  it('need not wait for the next pass if it is short and a caller waits for it', async () => {
    let nowMs = 0;
    const own = new Turns(
      (over) => passes.push(over),
      () => nowMs,
    );
    expect(own.isOver()).toBe(false);
    nowMs = 5;
    expect([own.isOver(), own.isOver('caller')]).toEqual([true, false]);
    nowMs = 10;
    expect(own.isOver('caller')).toBe(true);
    await pass();
    expect(own.isOver()).toBe(false);
  });

  it('is of the background unless somebody says that a caller waits', async () => {
    void turns.take('caller').then(() => taken.push('caller'));
    take('background');
    expect(await pass()).toEqual(['caller', 'background']);
    const whose: unknown[] = [];
    const own = {
      isOver: (work: unknown) => whose.push(work) > 0,
      take: async (work: unknown) => void whose.push(work),
    };
    await inTurns([].values() as never, undefined, own as unknown as Turns);
    await inTurns([].values() as never, 'caller', own as unknown as Turns);
    expect(whose).toEqual(['background', 'background', 'caller', 'caller']);
  });

  it.each(['caller', 'background'] as const)('of a native function has a turn of the %s', async (work) => {
    const took = vi.spyOn(longWork, 'take');
    onTestFinished(() => took.mockRestore());
    await turnFor(Buffer.alloc(1_000_001), work);
    expect(took.mock.calls).toEqual([[work]]);
  });

  it('has a turn of its own for what a native function makes of many bytes', async () => {
    let done: number[] = [];
    for (const bytes of [1_000_000, 1_000_001]) void turnFor(Buffer.alloc(bytes)).then(() => done.push(bytes));
    for (let step = 0; step < 5; step += 1) await Promise.resolve();
    expect(done).toEqual([1_000_000]);
    await settle();
    expect(done).toEqual([1_000_000, 1_000_001]);
  });

  it('joins bytes', () => {
    const parts = [0, 1, pieceLength, pieceLength + 1, 3 * pieceLength].map((length, at) => Buffer.alloc(length, at));
    expect(Buffer.compare(atOnce(joinSteps(parts)), Buffer.concat(parts))).toBe(0);
    expect([...joinSteps(parts)].length).toBeGreaterThan(6);
    expect(atOnce(joinSteps([]))).toHaveLength(0);
  });

  it('sorts as toSorted does, and keeps the order of equal values', () => {
    const values = fc.array(fc.record({ key: fc.nat(50), at: fc.nat() }), {
      minLength: 0,
      maxLength: 5_000,
      size: 'max',
    });
    fc.assert(
      fc.property(values, (given) => {
        const compare = (one: { key: number }, other: { key: number }): number => one.key - other.key;
        expect(atOnce(sortSteps(given, compare))).toEqual(given.toSorted(compare));
      }),
      { numRuns: 40 },
    );
  });
});
