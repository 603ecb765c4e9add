import { AsyncLocalStorage } from 'node:async_hooks';
import { SourceMap, type SourceMapPayload } from 'node:module';
import type { LogLevel, LogSink } from './log.ts';

/** The part of the platform's invocation context that takes log lines. */
type InvocationOutput = Readonly<Record<LogLevel, (line: string) => void>>;

/** Sends each log line to the invocation that wrote it, and lines without a running invocation to another output. */
interface InvocationLog {
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

/** End of a position in the bundle that contains the jobs: `…/dist/jobs.js:22:141075`. */
const bundlePosition = /\bjobs\.js:(\d+):(\d+)$/;

/** Returns undefined for a damaged map: the error of a job matters more than its position. */
function parsed(map: string | undefined): SourceMap | undefined {
  try {
    return map === undefined ? undefined : new SourceMap(JSON.parse(map) as SourceMapPayload);
  } catch {
    return undefined;
  }
}

/**
 * Replaces positions in the bundle by positions in the sources of jobs: `jobs/licence-report.ts:41:22`. Positions in other
 * code stay.
 * @param map the source map of the jobs that the build writes; without it the text stays.
 */
export function withJobPositions(stack: string, map: string | undefined): string {
  const sourceMap = stack.includes('jobs.js:') ? parsed(map) : undefined;
  if (sourceMap === undefined) return stack;
  const located = (word: string): string => {
    const found = bundlePosition.exec(word);
    if (found === null) return word;
    // Stacks count from 1, source maps from 0.
    const entry = sourceMap.findEntry(Number(found[1]) - 1, Number(found[2]) - 1);
    return 'originalSource' in entry && entry.originalSource !== undefined
      ? `${entry.originalSource}:${entry.originalLine + 1}:${entry.originalColumn + 1}`
      : word;
  };
  // Words, not one pattern for the whole position: that one would take quadratic time for a long text without spaces.
  return stack
    .split(/([\s()])/)
    .map(located)
    .join('');
}
