import { createLogger } from '../../lib/core/log.ts';

/** Writes warnings and errors to standard error. */
export const stderrLogger = createLogger((level, line) => {
  if (level === 'warn' || level === 'error') process.stderr.write(`${line}\n`);
});
