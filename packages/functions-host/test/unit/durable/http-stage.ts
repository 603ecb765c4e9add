import type { Context } from './library-types.ts';
import { expect } from 'vitest';
import { type EngineUnderTest, testApp, type TestApp } from './test-app.ts';
import { StepClock } from '../step-clock.ts';
import { type Answer, type Ask, ask } from '../http/request.ts';
import { end, keys, serve, type Served } from '../http/served.ts';

export const base = '/runtime/webhooks/durabletask';
export const json = { 'content-type': 'application/json; charset=utf-8' };
/** When the clock of a stage starts, milliseconds since 1970. */
const startMs = Date.parse('2026-01-01T00:00:00.600Z');

/** The HTTP API of a host with four functions, on a clock that the test moves. */
export interface Stage {
  readonly served: Served;
  readonly engine: EngineUnderTest;
  readonly clock: StepClock;
  /** Sends a request with the system key. @param path below the base path. */
  call(method: string, path: string, more?: Ask): Promise<Answer>;
  statusOf(method: string, path: string, more?: Ask): Promise<number>;
  /** The status of an instance. */
  state(id: string, query?: string): Promise<Record<string, unknown>>;
  /** Starts an orchestration that waits for the event `go`. */
  running(id: string): Promise<void>;
  readonly stop: () => Promise<void>;
}

/** The status of an answer and its JSON. */
export const parsed = ({ status, body }: Answer): unknown => [status, body === '' ? '' : (JSON.parse(body) as unknown)];

/** Call it once per test file. */
export async function durableStage(): Promise<Stage> {
  const app = await testApp();
  register(app);
  const clock = new StepClock(startMs);
  const settings = { defaultVersion: '1.0', storeInputsInOrchestrationHistory: true };
  const engine = app.newEngine({ clock, settings });
  const served = await serve({
    durable: {
      operations: engine.operations,
      links: { origin: 'http://host.test', hubName: 'My Hub', systemKey: 'a key' },
      maxBodyBytes: 1_000,
    },
  });
  const call: Stage['call'] = (method, path, more = {}) =>
    ask(served.port, `${base}${path}`, {
      ...more,
      method,
      headers: { 'x-functions-key': keys.system, ...more.headers },
    });
  return {
    served,
    engine,
    clock,
    call,
    statusOf: async (...request) => (await call(...request)).status,
    state: async (id, query = '') =>
      JSON.parse((await call('GET', `/instances/${id}${query}`)).body) as Record<string, unknown>,
    running: async (id) => {
      engine.start('waiting', 'in', id);
      await expect.poll(() => engine.operations.get(id)?.record.status).toBe('Running');
    },
    stop: async () => {
      engine.engine.stop();
      await end(served);
    },
  };
}

function register({ df }: TestApp): void {
  df.app.activity('double', { handler: (value: number) => value * 2 });
  df.app.orchestration('doubling', function* (context: Context) {
    context.df.setCustomStatus({ step: 1 });
    return yield context.df.callActivity('double', context.df.getInput());
  });
  df.app.orchestration('waiting', function* (context: Context) {
    return yield context.df.waitForExternalEvent('go');
  });
  // oxlint-disable-next-line require-yield
  df.app.orchestration('breaking', function* () {
    throw new Error('broken on purpose');
  });
  df.app.entity('Counter', (context) => {
    if (context.df.operationName === 'delete') context.df.destructOnExit();
    else context.df.setState((context.df.getState(() => 0) as number) + (context.df.getInput<number>() ?? 1));
  });
}
