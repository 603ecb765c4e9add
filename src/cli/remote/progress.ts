import { visibleText } from '../../lib/core/text.ts';
import type { RunAnswer } from '../../lib/api/answers/runs.ts';
import { outcomeWord } from '../../lib/core/outcomes.ts';

/** The part of a run that progress shows. */
export type ProgressRun = Pick<RunAnswer, 'job' | 'outcome' | 'tenants' | 'durationMs' | 'failures'>;

/** Shows progress: one updated line on a terminal, plain lines elsewhere. Prints each failure when it occurs. */
export interface Progress {
  update(run: ProgressRun): void;
  /** Shows a sentence above the line. */
  note(text: string): void;
  done(run: ProgressRun): void;
}

const longestBar = 24;
const shortestBar = 5;

/** Width of a line that no terminal shows, in characters. */
const plainWidth = 200;

/** Minimum time between plain lines, so that the log of a long run stays readable. */
const plainEveryMs = 2_000;

/** Failures after these are counted but not named while the run is in progress. */
const namedFailures = 10;

export function createProgress(
  stream: NodeJS.WriteStream,
  nowMs: () => number,
  options: { readonly failures?: boolean } = {},
): Progress {
  const live = stream.isTTY && process.env['TERM'] !== 'dumb';
  // The width changes with the size of the window.
  // Some terminals do not tell it.
  const text = (run: ProgressRun): string => line(run, live && stream.columns > 0 ? stream.columns : plainWidth);
  const clear = live ? '\r\u001b[2K' : '';
  const named = new Set<string>();
  let lastPlainMs = 0;
  const nameFailures = (run: ProgressRun): void => {
    if (options.failures !== true) return;
    for (const { tenantId, name, title } of run.failures) {
      if (named.has(tenantId) || named.size >= namedFailures) continue;
      named.add(tenantId);
      stream.write(`${clear}  ${visibleText(name)}: ${visibleText(title)}\n`);
    }
  };
  return {
    update: (run) => {
      nameFailures(run);
      if (live) stream.write(clear + text(run));
      else if (nowMs() - lastPlainMs >= plainEveryMs) {
        lastPlainMs = nowMs();
        stream.write(`${text(run)}\n`);
      }
    },
    note: (text) => stream.write(`${clear}${visibleText(text)}\n`),
    done: (run) => {
      nameFailures(run);
      stream.write(`${clear}${text(run)}\n`);
    },
  };
}

/**
 * Formats one line: bar, counts once the number of tenants is known, and the estimated remaining time. The bar becomes
 * shorter, and then the text, if the line would not fit.
 * @param width of the terminal, in characters.
 */
export function line(run: ProgressRun, width: number): string {
  const { total, succeeded, failed, skipped, notAttempted } = run.tenants;
  const done = succeeded + failed + skipped + notAttempted;
  const counts = run.outcome === 'starting' ? 'listing the tenants, ' : `${done}/${total} tenants, ${failed} failed, `;
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
  const left =
    run.outcome === 'running' && done > 0 && done < total
      ? `, about ${seconds((run.durationMs / done) * (total - done))} left`
      : '';
  const text = `${counts}${outcomeWord(run.outcome)}, ${seconds(run.durationMs)}${left}`;
  const job = run.job.padEnd(16);
  // The last column stays empty, because some terminals wrap a full line.
  const room = width - 1 - `${job} [] ${text}`.length;
  const bar = room < shortestBar ? '' : `[${barText(total === 0 ? 0 : done / total, Math.min(longestBar, room))}] `;
  return `${job} ${bar}${text}`.slice(0, Math.max(0, width - 1));
}

/** A bar of `#` and `-`. @param part 0 to 1. */
export function barText(part: number, length: number): string {
  const filled = Math.round(part * length);
  return '#'.repeat(filled) + '-'.repeat(length - filled);
}
