import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { LargeAnswers } from '../../../../../src/lib/gateway/send/upstream.ts';
import { json, stage } from './stage.ts';

const { signal } = new AbortController();

/** Whether a place is free for a moment. */
async function isFree(answers: LargeAnswers): Promise<boolean> {
  const place = answers.slot('somebody');
  const taken = await Promise.race([place.take(signal).then(() => true), turn(false)]);
  place.leave();
  return taken;
}

it('a place is taken once, and free when it is left', async () => {
  const answers = new LargeAnswers(2);
  const [one, other] = [answers.slot('a'), answers.slot('b')];
  await one.take(signal);
  await one.take(signal);
  await other.take(signal);
  expect(await isFree(answers)).toBe(false);
  one.leave();
  expect(await isFree(answers)).toBe(true);
  other.leave();
});

it('a place that is left before its turn comes is not kept', async () => {
  const answers = new LargeAnswers(1);
  const [one, waiting] = [answers.slot('a'), answers.slot('b')];
  await one.take(signal);
  void waiting.take(signal);
  waiting.leave();
  one.leave();
  await turn();
  expect(await isFree(answers)).toBe(true);
});

it('one caller gets half of the places, and leaves the others to others', async () => {
  const answers = new LargeAnswers(4);
  const order: string[] = [];
  const take = (caller: string) => {
    const place = answers.slot(caller);
    void place.take(signal).then(() => order.push(caller));
    return place;
  };
  const places = ['a', 'a', 'a', 'a', 'b', 'c', 'c'].map(take);
  await turn();
  expect(order).toEqual(['a', 'a', 'b', 'c']);
  places[0]?.leave();
  await turn();
  expect(order).toEqual(['a', 'a', 'b', 'c', 'a']);
  for (const place of places) place.leave();
});

it('the wait ends with the signal', async () => {
  const answers = new LargeAnswers(1);
  const one = answers.slot('a');
  await one.take(signal);
  const controller = new AbortController();
  const waiting = answers.slot('b').take(controller.signal);
  controller.abort(new Error('over'));
  await expect(waiting).rejects.toThrow('over');
  one.leave();
  expect(await isFree(answers)).toBe(true);
});

it.each([
  ['returned', json({ value: [] })],
  ['refused', json('', { headers: {} })],
  ['missing', new Error('broken')],
])('a request whose answer is %s leaves its place', async (_, answer) => {
  const { deps, send } = stage();
  const answers = new LargeAnswers(1);
  let isTaken = false;
  Object.assign(deps, {
    largeAnswers: answers,
    upstream: async ({ large }: { large: () => Promise<void> }) => {
      await large();
      isTaken = !(await isFree(answers));
      if (answer instanceof Error) throw answer;
      return answer;
    },
  });
  await send('/v1.0/users').catch(() => undefined);
  expect([isTaken, await isFree(answers)]).toEqual([true, true]);
});
