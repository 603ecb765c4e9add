import { visibleText } from '../../lib/runtime/visible-text.ts';
import type { FailureView, RunView } from '../demo/api.ts';

/** The part of a run that progress shows. */
export type ProgressRun = Pick<RunView, 'job' | 'status' | 'tenants' | 'durationMs'> & {
  readonly failures: readonly FailureView[];
};

/** Shows progress: one updated line on a terminal, plain lines elsewhere. Prints each failure when it occurs. */
export interface Progress {
  update(run: ProgressRun): void;
  /** Shows a sentence above the line. */
  note(text: string): void;
  done(run: ProgressRun): void;
}

const barWidth = 24;

/** Minimum time between plain lines, so that the log of a long run stays readable. */
const plainEveryMs = 2_000;

/** Failures after these are counted but not named while the run is in progress. */
const namedFailures = 10;

export function createProgress(
  stream: NodeJS.WriteStream,
  nowMs: () => number,
  options: { readonly failures?: boolean } = {},
): Progress {
  const live = stream.isTTY && process.env['NO_COLOR'] === undefined;
  const clear = live ? '\r\u001b[2K' : '';
  const named = new Set<string>();
  let lastPlainMs = 0;
  const nameFailures = (run: ProgressRun): void => {
    if (options.failures !== true) return;
    for (const { tenantId, name, code } of run.failures) {
      if (named.has(tenantId) || named.size >= namedFailures) continue;
      named.add(tenantId);
      stream.write(`${clear}  ${visibleText(name)}: ${code}\n`);
    }
  };
  return {
    update: (run) => {
      nameFailures(run);
      if (live) stream.write(clear + line(run));
      else if (nowMs() - lastPlainMs >= plainEveryMs) {
        lastPlainMs = nowMs();
        stream.write(`${line(run)}\n`);
      }
    },
    note: (text) => stream.write(`${clear}${text}\n`),
    done: (run) => {
      nameFailures(run);
      stream.write(`${clear}${line(run)}\n`);
    },
  };
}

/** Formats one line: bar, counts if the number of tenants is known, and the estimated remaining time. */
export function line(run: ProgressRun): string {
  const { total, succeeded, failed, skipped, notAttempted = 0 } = run.tenants;
  const done = succeeded + failed + skipped + notAttempted;
  const filled = total === 0 ? 0 : Math.round((done / total) * barWidth);
  const bar = '#'.repeat(filled) + '-'.repeat(barWidth - filled);
  const isPlanned = total > 0 || (run.status !== 'pending' && run.status !== 'running');
  const counts = isPlanned ? `${done}/${total} tenants, ${failed} failed, ` : '';
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
  const left =
    run.status === 'running' && done > 0 && done < total
      ? `, about ${seconds((run.durationMs / done) * (total - done))} left`
      : '';
  return `${run.job.padEnd(16)} [${bar}] ${counts}${run.status}, ${seconds(run.durationMs)}${left}`;
}
