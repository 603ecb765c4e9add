import type { OrchestrationContext, Task } from './library-types.ts';
import type { TestApp } from './test-app.ts';

const dayMs = 86_400_000;

type Body = (context: OrchestrationContext) => Generator<Task, unknown, never>;
type Register = (name: string, body: Body) => void;

/** Registers the functions that the engine tests run. */
export function registerSamples(app: TestApp): void {
  const register: Register = (name, body) => {
    app.df.app.orchestration(name, body);
  };
  registerActivities(app);
  registerTaskOrchestrations(app, register);
  registerChildOrchestrations(register);
  registerEntities(app, register);
}

function registerActivities({ df }: TestApp): void {
  df.app.activity('echo', { handler: (value: unknown) => value });
  df.app.activity('fail', {
    handler: (message: string) => {
      throw new TypeError(message);
    },
  });
}

function registerTaskOrchestrations({ df }: TestApp, register: Register): void {
  register('echoing', function* (context) {
    return yield context.df.callActivity('echo', context.df.getInput());
  });
  register('retrying', function* (context) {
    const options = Object.assign(new df.RetryOptions(1000, 4), context.df.getInput());
    return yield context.df.callActivityWithRetry('fail', options, 'no luck');
  });
  register('sleeping', function* (context) {
    const { days, cancel } = context.df.getInput<{ days: number; cancel: boolean }>();
    const timer = context.df.createTimer(new Date(context.df.currentUtcDateTime.getTime() + days * dayMs));
    if (cancel) {
      yield context.df.Task.any([timer, context.df.callActivity('echo', 1)]);
      timer.cancel();
    } else yield timer;
    return yield context.df.callActivity('echo', context.df.currentUtcDateTime.toISOString());
  });
  register('failing', function* (context) {
    yield context.df.callActivity('echo', 1);
    throw new Error(context.df.getInput<string>());
  });
  register('callingActivity', function* (context) {
    return yield context.df.callActivity(context.df.getInput<string>());
  });
  register('callingHttp', function* (context) {
    return yield context.df.callHttp(context.df.getInput<Parameters<typeof context.df.callHttp>[0]>());
  });
}

function registerChildOrchestrations(register: Register): void {
  register('child', function* (context) {
    yield context.df.waitForExternalEvent('end');
    return `${context.df.instanceId} of ${context.df.parentInstanceId} ${context.df.version}`;
  });
  register('parent', function* (context) {
    const { id, version } = context.df.getInput<{ id?: string; version?: string } | null>() ?? {};
    try {
      return yield context.df.callSubOrchestrator('child', null, id, version);
    } catch (error) {
      return `failed: ${(error as Error).message}`;
    }
  });
  register('executions', function* (context) {
    const received: unknown[] = context.df.getInput<unknown[] | null>() ?? [];
    const event: unknown = yield context.df.waitForExternalEvent('next');
    if (received.length < 2) context.df.continueAsNew([...received, event]);
    return [...received, event];
  });
}

function registerEntities({ df }: TestApp, register: Register): void {
  register('lockThenWait', function* (context) {
    yield context.df.lock([new df.EntityId('Box', 'a'), new df.EntityId('Box', 'b')]);
    yield context.df.waitForExternalEvent('never');
  });
  register('lockThenCall', function* (context) {
    yield context.df.lock([new df.EntityId('Box', 'a'), new df.EntityId('Box', 'b')]);
    return yield context.df.callEntity(new df.EntityId('Box', 'b'), 'count');
  });
  register('unknownEntity', function* (context) {
    return yield context.df.callEntity(new df.EntityId('Nothing', 'x'), 'get');
  });
  df.app.entity('Box', (context) => {
    const count = (context.df.getState(() => 0) as number) + 1;
    context.df.setState(count);
    context.df.return(count);
  });
}
