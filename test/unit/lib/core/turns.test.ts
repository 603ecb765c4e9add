import { beforeEach, expect, it } from 'vitest';
import { Turns } from '../../../../src/lib/core/turns.ts';
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
