import type { RunView } from './api.ts';

/** Where progress goes: one line that is written over on a terminal, plain lines elsewhere. */
export interface Progress {
  update(run: RunView): void;
  done(run: RunView): void;
}

const barWidth = 24;

/** A plain line at most this often, so that a log of a long run stays readable. */
const plainEveryMs = 2_000;

export function createProgress(stream: NodeJS.WriteStream, nowMs: () => number): Progress {
  const live = stream.isTTY && process.env['NO_COLOR'] === undefined;
  let lastPlainMs = 0;
  return {
    update: (run) => {
      if (live) stream.write(`\r\u001b[2K${line(run)}`);
      else if (nowMs() - lastPlainMs >= plainEveryMs) {
        lastPlainMs = nowMs();
        stream.write(`${line(run)}\n`);
      }
    },
    done: (run) => {
      stream.write(`${live ? '\r\u001b[2K' : ''}${line(run)}\n`);
    },
  };
}

function line(run: RunView): string {
  const { total, succeeded, failed, skipped, notAttempted = 0 } = run.tenants;
  const done = succeeded + failed + skipped + notAttempted;
  const filled = total === 0 ? 0 : Math.round((done / total) * barWidth);
  const bar = '#'.repeat(filled) + '-'.repeat(barWidth - filled);
  const seconds = (run.durationMs / 1000).toFixed(1);
  return `${run.job.padEnd(16)} [${bar}] ${done}/${total} tenants, ${failed} failed, ${run.status}, ${seconds} s`;
}
