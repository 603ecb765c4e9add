import { describe, expect, it } from 'vitest';
import type { LogLevel } from '../../../../src/lib/core/log.ts';
import { createInvocationLog } from '../../../../src/lib/core/invocation-log.ts';

function setUp() {
  const orphaned: string[] = [];
  const log = createInvocationLog((line) => orphaned.push(line));
  const invocation = () => {
    const lines: string[] = [];
    const write = (level: LogLevel) => (line: string) => void lines.push(`${level} ${line}`);
    return {
      lines,
      context: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
    };
  };
  return { log, orphaned, invocation };
}

describe('createInvocationLog', () => {
  it('writes a line without an invocation to the other output', () => {
    const { log, orphaned } = setUp();
    log.sink('error', 'start');
    expect(orphaned).toEqual(['start']);
  });

  it('writes each line to its own invocation, with its level', async () => {
    const { log, orphaned, invocation } = setUp();
    const [first, second] = [invocation(), invocation()];
    const work = (name: string) => async () => {
      log.sink('warn', name);
      await Promise.resolve();
      log.sink('info', name);
    };
    await Promise.all([log.during(first.context, work('a')), log.during(second.context, work('b'))]);
    expect(first.lines).toEqual(['warn a', 'info a']);
    expect(second.lines).toEqual(['warn b', 'info b']);
    expect(orphaned).toEqual([]);
  });

  it.each([
    ['returned', () => Promise.resolve()],
    ['thrown', () => Promise.reject(new Error('failed'))],
  ])('writes lines of work that continues after the handler has %s to the other output', async (_how, end) => {
    const { log, orphaned, invocation } = setUp();
    const { lines, context } = invocation();
    const gate = Promise.withResolvers<void>();
    let later: Promise<void> | undefined;
    await log
      .during(context, () => {
        later = gate.promise.then(() => log.sink('warn', 'late'));
        log.sink('info', 'early');
        return end();
      })
      .catch(() => undefined);
    gate.resolve();
    await later;
    expect(lines).toEqual(['info early']);
    expect(orphaned).toEqual(['late']);
  });

  it('treats a handler that throws before its first await as ended', async () => {
    const { log, orphaned, invocation } = setUp();
    const { context } = invocation();
    const gate = Promise.withResolvers<void>();
    let later: Promise<void> | undefined;
    const handler = (): Promise<void> => {
      later = gate.promise.then(() => log.sink('warn', 'late'));
      throw new Error('failed');
    };
    await expect(log.during(context, handler)).rejects.toThrow('failed');
    gate.resolve();
    await later;
    expect(orphaned).toEqual(['late']);
  });

  it('keeps work outside of the invocation from writing into it', async () => {
    const { log, orphaned, invocation } = setUp();
    const { lines, context } = invocation();
    await log.during(context, async () => log.outside(() => log.sink('info', 'shared')));
    expect(lines).toEqual([]);
    expect(orphaned).toEqual(['shared']);
  });
});
