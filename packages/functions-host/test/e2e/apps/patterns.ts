/** The patterns of Microsoft's Durable Functions documentation, written as any app would write them. */
import { appendFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { app, type HttpRequest, type HttpResponseInit, type InvocationContext } from '@azure/functions';
import * as df from 'durable-functions';

type Context = df.OrchestrationContext;

const note = (line: string): void => appendFileSync(process.env['NOTES_FILE'] ?? '/dev/null', `${line}\n`);
const inMs = (context: Context, ms: number): Date => new Date(context.df.currentUtcDateTime.getTime() + ms);

df.app.activity('hello', { handler: (city: string) => `Hello ${city}` });
df.app.activity('double', { handler: (value: number) => value * 2 });
df.app.activity('echo', { handler: (value: unknown) => value });

const failures = new Map<unknown, number>();
df.app.activity('failTimes', {
  handler: (times: number, context: InvocationContext) => {
    const instanceId = context.triggerMetadata?.['instanceId'];
    const failed = failures.get(instanceId) ?? 0;
    if (failed === times) return `done after ${failed} failures`;
    failures.set(instanceId, failed + 1);
    throw new RangeError('not yet');
  },
});
df.app.activity('alwaysFails', {
  handler: () => {
    throw new Error('always broken');
  },
});
df.app.activity('slow', {
  handler: async ({ index, ms }: { index: number; ms: number }, context: InvocationContext) => {
    await delay(ms);
    note(`slow ${index} of ${String(context.triggerMetadata?.['instanceId'])}`);
    return index;
  },
});

df.app.orchestration('chaining', function* (context: Context) {
  const greetings: string[] = [];
  for (const city of ['Tokyo', 'Seattle', 'London']) greetings.push(yield context.df.callActivity('hello', city));
  return greetings;
});

df.app.orchestration('fanOut', function* (context: Context) {
  const count = context.df.getInput<number>() ?? 0;
  const tasks = Array.from({ length: count }, (_, index) => context.df.callActivity('double', index));
  const results: number[] = yield context.df.Task.all(tasks);
  return results.reduce((sum, value) => sum + value, 0);
});

df.app.orchestration('parent', function* (context: Context) {
  const tasks = [1, 2, 3].map((value) => context.df.callSubOrchestrator('fanOut', value));
  return (yield context.df.Task.all(tasks)) as number[];
});

df.app.orchestration('failingParent', function* (context: Context) {
  try {
    yield context.df.callSubOrchestrator('failing', null);
    return 'no failure';
  } catch (error) {
    return `caught: ${(error as Error).message}`;
  }
});

df.app.orchestration('failing', function* (context: Context) {
  yield context.df.callActivity('alwaysFails');
});

df.app.orchestration('monitor', function* (context: Context) {
  for (let checks = 1; ; checks += 1) {
    context.df.setCustomStatus({ checks });
    if (checks === 4) return checks;
    yield context.df.createTimer(inMs(context, 20));
  }
});

// The phone verification sample: one timer against several events. It yields the timer repeatedly.
df.app.orchestration('approval', function* (context: Context) {
  const { timeoutMs, code } = context.df.getInput<{ timeoutMs: number; code: number }>() ?? { timeoutMs: 0, code: 0 };
  const timeout = context.df.createTimer(inMs(context, timeoutMs));
  for (let attempt = 1; attempt <= 3; attempt += 1) {
    const response = context.df.waitForExternalEvent('Code');
    const winner: df.Task = yield context.df.Task.any([response, timeout]);
    if (winner === timeout) return 'timed out';
    if (response.result === code) {
      timeout.cancel();
      return `accepted at attempt ${attempt}`;
    }
  }
  timeout.cancel();
  return 'refused';
});

df.app.orchestration('retrying', function* (context: Context) {
  const options = new df.RetryOptions(10, context.df.getInput<number>() ?? 1);
  options.backoffCoefficient = 2;
  return (yield context.df.callActivityWithRetry('failTimes', options, 2)) as string;
});

df.app.orchestration('givingUp', function* (context: Context) {
  return (yield context.df.callActivityWithRetry('alwaysFails', new df.RetryOptions(10, 3))) as string;
});

df.app.orchestration('counting', function* (context: Context) {
  const { from, total } = context.df.getInput<{ from: number; total: number }>() ?? { from: 0, total: 0 };
  const step: number = yield context.df.waitForExternalEvent('step');
  if (from + step < total) context.df.continueAsNew({ from: from + step, total });
  return from + step;
});

df.app.orchestration('survivor', function* (context: Context) {
  const { count, ms } = context.df.getInput<{ count: number; ms: number }>() ?? { count: 0, ms: 0 };
  const tasks = Array.from({ length: count }, (_, index) => context.df.callActivity('slow', { index, ms }));
  const done: number[] = yield context.df.Task.all(tasks);
  yield context.df.createTimer(inMs(context, 100));
  const approved: boolean = yield context.df.waitForExternalEvent('go');
  const child: number = yield context.df.callSubOrchestrator('fanOut', count);
  return { done: done.length, approved, child };
});

df.app.entity('Counter', (context: df.EntityContext<number>) => {
  const value = context.df.getState(() => 0) ?? 0;
  if (context.df.operationName === 'add') context.df.setState(value + (context.df.getInput<number>() ?? 0));
  else if (context.df.operationName === 'get') context.df.return(value);
  else if (context.df.operationName === 'delete') context.df.destructOnExit();
  else throw new Error('unknown operation');
});

df.app.orchestration('useCounter', function* (context: Context) {
  const entity = new df.EntityId('Counter', context.df.getInput<string>() ?? 'x');
  context.df.signalEntity(entity, 'add', 5);
  context.df.signalEntity(entity, 'add', 6);
  const value: number = yield context.df.callEntity(entity, 'get');
  try {
    yield context.df.callEntity(entity, 'explode');
  } catch {
    return { value, failed: true };
  }
  return { value, failed: false };
});

// Reads, waits and writes in a critical section. Without the lock, concurrent instances would lose updates.
df.app.orchestration('locked', function* (context: Context) {
  const [one, two] = [new df.EntityId('Counter', 'one'), new df.EntityId('Counter', 'two')];
  const lock: df.DurableLock = yield context.df.lock([one, two]);
  const before: number = yield context.df.callEntity(one, 'get');
  yield context.df.createTimer(inMs(context, 5));
  yield context.df.callEntity(one, 'add', before + 1 - before);
  yield context.df.callEntity(two, 'add', -1);
  const after: number = yield context.df.callEntity(one, 'get');
  lock.release();
  return after - before;
});

df.app.orchestration('calling', function* (context: Context) {
  const response: { statusCode: number; content?: string } = yield context.df.callHttp({
    method: 'GET',
    url: context.df.getInput<string>() ?? '',
  });
  return { status: response.statusCode, content: response.content };
});

df.app.orchestration('uncancelledTimer', function* (context: Context) {
  const winner: df.Task = yield context.df.Task.any([
    context.df.createTimer(inMs(context, context.df.getInput<number>() ?? 0)),
    context.df.callActivity('hello', 'you'),
  ]);
  return winner.result;
});

df.app.orchestration('passing', function* (context: Context) {
  const input = context.df.getInput<unknown[]>() ?? [];
  const outputs: unknown[] = [];
  for (const value of input) outputs.push(yield context.df.callActivity('echo', value));
  return outputs;
});

app.http('start', {
  route: 'start/{name}/{id?}',
  methods: ['POST'],
  extraInputs: [df.input.durableClient()],
  handler: async (request: HttpRequest, context: InvocationContext): Promise<HttpResponseInit> => {
    const client = df.getClient(context);
    const input: unknown = await request.json();
    const instanceId = request.params['id'];
    const id = await client.startNew(request.params['name'] ?? '', { input, ...(instanceId ? { instanceId } : {}) });
    return client.createCheckStatusResponse(request, id);
  },
});

// Calls a method of the durable client: { "call": "raiseEvent", "with": [ … ] }.
app.http('client', {
  methods: ['POST'],
  extraInputs: [df.input.durableClient()],
  handler: async (request: HttpRequest, context: InvocationContext): Promise<HttpResponseInit> => {
    const { call, with: args } = (await request.json()) as { call: string; with: unknown[] };
    const client = df.getClient(context) as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
    try {
      return { jsonBody: { value: await client[call]?.(...args) } };
    } catch (error) {
      return { status: 500, jsonBody: { message: (error as Error).message } };
    }
  },
});

app.timer('everyNight', {
  schedule: '0 0 3 * * *',
  handler: (timer) => note(`timer ${JSON.stringify(timer)}`),
});
