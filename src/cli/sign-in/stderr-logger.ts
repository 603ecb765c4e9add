import { createLogger } from '../../lib/runtime/log.ts';

/** What is worth a word while a command runs, as lines on standard error; the plain course of things is not. */
export const stderrLogger = createLogger((level, line) => {
  if (level === 'warn' || level === 'error') process.stderr.write(`${line}\n`);
});
