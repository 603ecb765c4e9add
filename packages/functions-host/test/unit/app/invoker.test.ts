import { describe, expect, it } from 'vitest';
import { Invoker } from '../../../src/app/invoker.ts';
import { type RegisteredFunction, Registry } from '../../../src/app/registry.ts';
import type { CoreInvocationContext, FunctionCallback } from '../../../src/app/rpc.ts';

interface Stage {
  readonly invoker: Invoker;
  readonly registry: Registry;
  readonly logged: string[];
  readonly contexts: CoreInvocationContext[];
}

/** A host whose programming model passes the inputs to the function and wraps its result. */
function stage(): Stage {
  const logged: string[] = [];
  const contexts: CoreInvocationContext[] = [];
  const registry = new Registry((...entry) => logged.push(entry.join(' ')));
  registry.model = {
    name: 'test',
    version: '1',
    getInvocationModel: (context) => {
      contexts.push(context);
      return {
        getArguments: () => Promise.resolve({ context: 'library context', inputs: ['input'] }),
        invokeFunction: async (_context, inputs, callback) => callback(...inputs),
        getResponse: (_context, result) =>
          Promise.resolve({ invocationId: context.invocationId, returnValue: { string: `sent ${String(result)}` } }),
      };
    },
  };
  return { invoker: new Invoker(registry), registry, logged, contexts };
}

const target = (callback: FunctionCallback): RegisteredFunction => ({
  metadata: { name: 'tested', bindings: { t: { type: 'timerTrigger' } } },
  callback,
});

describe('Invoker', () => {
  it('passes inputs, metadata, trace and id, and returns what leaves the worker and what the function returned', async () => {
    const { invoker, contexts } = stage();
    const outcome = await invoker.invoke(
      target((input) => `got ${String(input)}`),
      {
        inputData: [{ name: 'a', data: { string: '1' } }],
        triggerMetadata: { b: { string: '2' } },
        invocationId: 'my id',
        retryContext: { retryCount: 1, maxRetryCount: 2 },
      },
    );
    expect(outcome).toEqual({
      ok: true,
      raw: 'got input',
      response: { invocationId: 'my id', returnValue: { string: 'sent got input' } },
    });
    expect(contexts[0]?.request).toMatchObject({
      invocationId: 'my id',
      functionId: 'tested',
      inputData: [{ name: 'a', data: { string: '1' } }],
      triggerMetadata: { b: { string: '2' } },
      retryContext: { retryCount: 1, maxRetryCount: 2 },
    });
  });

  it('gives each invocation an id of its own and no retry context', async () => {
    const { invoker, contexts } = stage();
    for (let run = 0; run < 2; run += 1)
      await invoker.invoke(
        target(() => 1),
        { inputData: [] },
      );
    expect(contexts[0]?.invocationId).toMatch(/^[0-9a-f-]{36}$/);
    expect(contexts[0]?.invocationId).not.toBe(contexts[1]?.invocationId);
    expect(contexts[0]?.request).toMatchObject({ triggerMetadata: {} });
    expect(contexts[0]?.request).not.toHaveProperty('retryContext');
  });

  it.each([
    [new Error('an error'), 'an error'],
    ['a text', 'a text'],
    [{ code: 1 }, '{"code":1}'],
    [undefined, 'Unknown error'],
    [null, 'Unknown error'],
  ])('makes %s that a function throws an outcome', async (error, message) => {
    const outcome = await stage().invoker.invoke(
      target(() => {
        throw error as Error;
      }),
      { inputData: [] },
    );
    expect(outcome).toMatchObject({ ok: false, error: { message } });
  });

  it('fails without a programming model', async () => {
    const { invoker, registry } = stage();
    registry.model = undefined;
    expect(
      await invoker.invoke(
        target(() => 1),
        { inputData: [] },
      ),
    ).toMatchObject({ ok: false });
  });

  it('lets hooks change inputs, function, result and error, in the state that the worker has then', async () => {
    const { invoker, registry, contexts } = stage();
    const states: unknown[] = [];
    registry.registerHook('preInvocation', (context) => {
      states.push(contexts[0]?.state, context['invocationContext']);
      (context['hookData'] as Record<string, unknown>)['kept'] = 'here';
      (context['appHookData'] as Record<string, unknown>)['kept'] = 'there';
      context['inputs'] = ['changed'];
      const inner = context['functionCallback'] as FunctionCallback;
      context['functionCallback'] = (...inputs: unknown[]) => `wrapped ${String(inner(...inputs))}`;
    });
    registry.registerHook('postInvocation', (context) => {
      states.push(contexts[0]?.state, context['hookData'], context['appHookData'], context['inputs'], context['error']);
      context['result'] = `${String(context['result'])} twice`;
    });
    const outcome = await invoker.invoke(
      target((input) => {
        states.push(contexts[0]?.state);
        return input;
      }),
      { inputData: [] },
    );
    expect(outcome).toMatchObject({ ok: true, raw: 'wrapped changed twice' });
    expect(states).toEqual([
      'preInvocationHooks',
      'library context',
      'invocation',
      'postInvocationHooks',
      { kept: 'here' },
      { kept: 'there' },
      ['changed'],
      null,
    ]);
    expect(contexts[0]?.state).toBeUndefined();
    expect(registry.appHooks.appHookData).toEqual({ kept: 'there' });
  });

  it('lets a hook forgive an error, and raise one', async () => {
    const { invoker, registry } = stage();
    const undo = registry.registerHook('postInvocation', (context) => {
      context['error'] = null;
      context['result'] = 'forgiven';
    });
    const failing = target(() => {
      throw new Error('thrown');
    });
    expect(await invoker.invoke(failing, { inputData: [] })).toMatchObject({ ok: true, raw: 'forgiven' });
    undo();
    registry.registerHook('postInvocation', (context) => {
      context['error'] = new Error('raised');
    });
    expect(
      await invoker.invoke(
        target(() => 1),
        { inputData: [] },
      ),
    ).toMatchObject({ error: { message: 'raised' } });
  });

  it('logs what the function writes as its own, as hooks change it, and nothing after its end', async () => {
    const { invoker, registry, logged, contexts } = stage();
    registry.registerHook('log', (entry) => {
      entry['message'] = `${String(entry['message'])} in ${String(entry['invocationContext'])}`;
      entry['level'] = 'warning';
    });
    await invoker.invoke(
      target(() => contexts[0]?.log('information', 'user', 'hello')),
      { inputData: [] },
    );
    contexts[0]?.log('information', 'user', 'too late');
    expect(logged).toEqual([
      'warning user hello in library context tested',
      'debug system Dropped a line that was logged after the invocation. tested',
    ]);
  });

  it('is idle when no invocation is running, and does not wait for a forgotten one', async () => {
    const { invoker } = stage();
    const { promise, resolve } = Promise.withResolvers<void>();
    const never = invoker.invoke(
      target(() => new Promise(() => undefined)),
      { inputData: [] },
    );
    const running = invoker.invoke(
      target(() => promise),
      { inputData: [] },
    );
    let idle = false;
    invoker.forget(never);
    const waiting = invoker.idle().then(() => {
      idle = true;
    });
    await new Promise(setImmediate);
    expect(idle).toBe(false);
    resolve();
    await Promise.all([running, waiting]);
    expect(idle).toBe(true);
  });
});
