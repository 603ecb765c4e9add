import { describe, expect, it, vi } from 'vitest';
import { stopHost } from '../../src/stop-host.ts';

const never = new Promise<void>(() => undefined);

/** Stops a host whose parts report what they are asked for. The ten seconds pass at once if `late`. */
async function stop(parts: { closed?: Promise<void>; idle?: Promise<void>; late?: boolean; hook?: () => void }) {
  const done: string[] = [];
  const timer = new AbortController();
  const timeout = vi.spyOn(AbortSignal, 'timeout').mockReturnValue(timer.signal);
  const note = (name: string) => (): void => void done.push(name);
  const deps = {
    log: (level: string, category: string, message: string) => done.push(`${level} ${category}: ${message}`),
    server: { close: () => parts.closed ?? Promise.resolve(), abort: note('abort') },
    store: { close: note('close store') },
    registry: { hooks: () => [parts.hook ?? note('hook')], appHooks: {} },
    runner: {
      stop: note('stop runner'),
      close: (idle: boolean) => done.push(`close runner ${idle ? 'idle' : 'busy'}`),
    },
    invoker: { idle: () => parts.idle ?? Promise.resolve() },
    journal: { commit: note('commit'), close: note('close journal') },
  };
  const stopping = stopHost(deps as unknown as Parameters<typeof stopHost>[0]);
  if (parts.late) timer.abort();
  await stopping;
  expect(timeout.mock.calls).toEqual([[10_000]]);
  return done;
}

const begin = ['stop runner'];
const close = ['commit', 'close journal', 'close store'];
const late = 'warning system: Stopped after 10 s, before all invocations and requests had ended.';

describe('stopHost', () => {
  it('stops the orchestrations and timers first and closes the store last', async () => {
    expect(await stop({})).toEqual([...begin, 'abort', 'hook', 'close runner idle', ...close]);
  });

  it('waits ten seconds for an invocation, says so, and keeps the mark of a host that was killed', async () => {
    expect(await stop({ idle: never, late: true })).toEqual([
      ...begin,
      late,
      'abort',
      'hook',
      'close runner busy',
      ...close,
    ]);
  });

  it('waits ten seconds for a request, and says so', async () => {
    expect(await stop({ closed: never, late: true })).toEqual(expect.arrayContaining([late, 'close runner idle']));
  });

  it('logs a failing terminate hook, and goes on', async () => {
    const hook = (): never => {
      throw new Error('hook broke');
    };
    const failed = 'error system: An appTerminate hook failed: Error: hook broke';
    expect(await stop({ hook })).toEqual([...begin, 'abort', failed, 'close runner idle', ...close]);
  });
});
