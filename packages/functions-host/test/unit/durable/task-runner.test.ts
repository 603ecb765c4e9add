import { setImmediate as nextPass } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Invocation, InvocationOutcome } from '../../../src/app/invoker.ts';
import type { RegisteredFunction } from '../../../src/app/registry.ts';
import type { TypedData } from '../../../src/app/rpc.ts';
import type { ActivityTask, TaskOutcome } from '../../../src/durable/instance.ts';
import { TaskRunner } from '../../../src/durable/task-runner.ts';

const task = (id: number, name = 'work', input: string | undefined = String(id)): ActivityTask => ({
  kind: 'activity',
  id,
  name,
  input,
});
const target: RegisteredFunction = {
  metadata: { name: 'Work', bindings: { value: { type: 'activityTrigger' } } },
  callback: () => undefined,
};
const success = (returnValue: TypedData | null = { json: '"done"' }): InvocationOutcome => ({
  ok: true,
  raw: undefined,
  response: { invocationId: '', returnValue },
});

function stage(maxConcurrent = 2) {
  const invocations: Invocation[] = [];
  const ends: ((outcome: InvocationOutcome) => void)[] = [];
  const outcomes: [number, TaskOutcome][] = [];
  const logged: string[] = [];
  const runner = new TaskRunner({
    invoker: {
      invoke: (_target, invocation) => {
        invocations.push(invocation);
        return new Promise((resolve) => ends.push(resolve));
      },
    },
    findActivity: (name) => (name === 'work' ? target : undefined),
    extraInputs: () => [{ name: 'client', data: { string: 'binding' } }],
    fetch: () => Promise.resolve(new Response('hello')),
    maxConcurrent,
    log: (level, _category, message) => logged.push(`${level}: ${message}`),
  });
  const run = (given: ActivityTask): void =>
    runner.run(given, 'instance 1', (outcome) => outcomes.push([given.id, outcome]));
  const started = (): (string | undefined)[] => invocations.map(({ inputData }) => inputData[0]?.data.string);
  return { runner, run, invocations, ends, outcomes, logged, started };
}

async function settled(): Promise<void> {
  for (let pass = 0; pass < 3; pass += 1) await nextPass();
}

describe('TaskRunner', () => {
  it('passes input, bindings and the id of the instance, and the result as JSON', async () => {
    const { run, invocations, ends, outcomes } = stage();
    run(task(1));
    run({ kind: 'activity', id: 2, name: 'work', input: undefined });
    expect(invocations[0]).toEqual({
      inputData: [
        { name: 'value', data: { string: '1' } },
        { name: 'client', data: { string: 'binding' } },
      ],
      triggerMetadata: { instanceId: { json: '"instance 1"' } },
    });
    expect(invocations[1]?.inputData[0]).toEqual({ name: 'value', data: {} });
    ends[0]?.(success());
    await settled();
    expect(outcomes).toEqual([[1, { ok: true, result: '"done"' }]]);
  });

  it.each<[TypedData | null, string]>([
    [null, 'null'],
    [{ json: '{"a":1}' }, '{"a":1}'],
    [{ string: 'text' }, '"text"'],
    [{ bytes: Buffer.from('abc') }, '"YWJj"'],
    [{ int: 0 }, '0'],
    [{ double: 1.5 }, '1.5'],
    [{}, 'null'],
  ])('makes the return value %j the result %s', async (value, expected) => {
    const { run, ends, outcomes } = stage();
    run(task(1));
    ends[0]?.(success(value));
    await settled();
    expect(outcomes).toEqual([[1, { ok: true, result: expected }]]);
  });

  it('runs as many tasks as allowed, and the others in order, also thousands', async () => {
    const { run, ends, started, outcomes } = stage(2);
    const count = 2_100;
    for (let id = 1; id <= count; id += 1) run(task(id));
    expect(started()).toEqual(['1', '2']);
    for (let at = 0; at < count; at += 1) {
      ends[at]?.(success());
      // oxlint-disable-next-line no-await-in-loop
      await nextPass();
      if (at % 500 === 0) expect(started()).toHaveLength(Math.min(count, at + 3));
    }
    expect(started()).toEqual(Array.from({ length: count }, (_, at) => String(at + 1)));
    expect(outcomes.map(([id]) => id)).toEqual(Array.from({ length: count }, (_, at) => at + 1));
  });

  it('reports and logs a failure, and frees its place', async () => {
    const { run, ends, outcomes, logged, started } = stage(1);
    run(task(1));
    run(task(2));
    ends[0]?.({ ok: false, error: new Error('no luck') });
    await settled();
    expect(outcomes[0]).toEqual([
      1,
      { ok: false, reason: "Activity function 'work' failed: no luck", details: expect.stringContaining('no luck') },
    ]);
    expect(logged).toEqual([expect.stringContaining('error: Executed with an error: Error: no luck')]);
    expect(started()).toEqual(['1', '2']);
  });

  it('fails a task whose function does not exist, and sends HTTP requests', async () => {
    const { runner, run, outcomes } = stage();
    run(task(1, 'nothing'));
    const request = { method: 'get', uri: 'http://x.test/' };
    runner.run({ kind: 'http', id: 2, request }, 'instance 1', (outcome) => outcomes.push([2, outcome]));
    await expect.poll(() => outcomes.length).toBe(2);
    expect(Object.fromEntries(outcomes)).toMatchObject({
      1: { ok: false, reason: expect.stringContaining("The function 'nothing' doesn't exist") },
      2: { ok: true, result: expect.stringContaining('"content":"hello"') },
    });
  });

  it('starts no task after stop, but reports those that run', async () => {
    const { runner, run, ends, outcomes, started } = stage(1);
    run(task(1));
    run(task(2));
    runner.stop();
    ends[0]?.(success());
    run(task(3));
    await settled();
    expect([started(), outcomes.map(([id]) => id)]).toEqual([['1'], [1]]);
  });
});
