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
  /** Runs work that does not belong to the current invocation or its spans, such as a load that several invocations share. */
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
    outside: AsyncLocalStorage.snapshot(),
  };
}

/** End of a position in a bundle that contains jobs: `…/dist/jobs.js:22:141075`. */
const bundlePosition = /(?:^|[/\\])((?:built-in-)?jobs)\.js:(\d+):(\d+)$/;

/** Returns undefined for a damaged map: the error of a job matters more than its position. */
function parsed(map: string | undefined): SourceMap | undefined {
  try {
    return map === undefined ? undefined : new SourceMap(JSON.parse(map) as SourceMapPayload);
  } catch {
    return undefined;
  }
}

/**
 * Replaces positions in the bundles of jobs by positions in their sources: `jobs/licence-report.ts:41:22`. Positions in other
 * code stay.
 * @param mapOf the source map of `jobs`, and in a project with jobs of its own of `built-in-jobs`, that the build writes;
 * without it the positions stay.
 */
export function withJobPositions(stack: string, mapOf: (bundle: string) => string | undefined): string {
  const maps = new Map<string, SourceMap | undefined>();
  const located = (word: string): string => {
    const [, bundle, line, column] = bundlePosition.exec(word) ?? [];
    if (bundle === undefined) return word;
    if (!maps.has(bundle)) maps.set(bundle, parsed(mapOf(bundle)));
    // Stacks count from 1, source maps from 0.
    const entry = maps.get(bundle)?.findEntry(Number(line) - 1, Number(column) - 1);
    return entry !== undefined && 'originalSource' in entry && entry.originalSource !== undefined
      ? `${entry.originalSource}:${entry.originalLine + 1}:${entry.originalColumn + 1}`
      : word;
  };
  // Words, not one pattern for the whole position: that one would take quadratic time for a long text without spaces.
  return stack
    .split(/([\s()])/)
    .map(located)
    .join('');
}
