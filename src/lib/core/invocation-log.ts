import { AsyncLocalStorage } from 'node:async_hooks';
import type { LogLevel, LogSink } from './log.ts';

/** The part of the platform's invocation context that takes log lines. */
type InvocationOutput = Readonly<Record<LogLevel, (line: string) => void>>;

/** Sends each log line to the invocation that wrote it, and lines without a running invocation to another output. */
export interface InvocationLog {
  readonly sink: LogSink;
  /** Ties the lines of `work` to its invocation until the returned promise settles. */
  during<T>(context: InvocationOutput, work: () => Promise<T>): Promise<T>;
  /** Runs work that does not belong to the current invocation, such as a load that several invocations share. */
  readonly outside: (work: () => void) => void;
}

/**
 * The Functions host drops lines of an invocation that has ended. Work that continues after the answer therefore writes
 * to `orphaned`.
 * @param orphaned takes lines without a running invocation. For the standard error stream the host guesses the level
 * from words in the line, so alerts read the field `level` of the line.
 */
export function createInvocationLog(orphaned: (line: string) => void): InvocationLog {
  const current = new AsyncLocalStorage<{ readonly context: InvocationOutput; ended: boolean }>();
  return {
    sink: (level, line) => {
      const invocation = current.getStore();
      if (invocation === undefined || invocation.ended) orphaned(line);
      else invocation.context[level](line);
    },
    during: (context, work) => {
      const invocation = { context, ended: false };
      return current.run(invocation, async () => {
        try {
          return await work();
        } finally {
          invocation.ended = true;
        }
      });
    },
    outside: (work) => current.exit(work),
  };
}
