import type { FailureView, RunView } from '../demo/api.ts';

/** What progress needs to know of a run. */
export type ProgressRun = Pick<RunView, 'job' | 'status' | 'tenants' | 'durationMs'> & {
  readonly failures: readonly FailureView[];
};

/** Where progress goes: one line that is written over on a terminal, plain lines elsewhere; failures as they come. */
export interface Progress {
  update(run: ProgressRun): void;
  done(run: ProgressRun): void;
}

const barWidth = 24;

/** A plain line at most this often, so that a log of a long run stays readable. */
const plainEveryMs = 2_000;

/** Beyond these, failures are counted and not named while the run goes on. */
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
      stream.write(`${clear}  ${name}: ${code}\n`);
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
    done: (run) => {
      nameFailures(run);
      stream.write(`${clear}${line(run)}\n`);
    },
  };
}

/** One line: bar, counts once it is known of how many, and the time that is left at the pace so far. */
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
