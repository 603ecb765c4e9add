import type { HostLog, HostLogLevel } from '../options.ts';

const shownFrom: readonly HostLogLevel[] = ['information', 'warning', 'error', 'critical'];

/** A log that writes one line per entry: time, level, function, message with its line breaks made visible. */
export function lineLog(write: (line: string) => void, now: () => Date = () => new Date()): HostLog {
  return (level, category, message, functionName) => {
    if (!shownFrom.includes(level)) return;
    const from = functionName ?? (category === 'system' ? 'host' : 'app');
    write(`${now().toISOString()} ${level} ${from}: ${message.replace(/\r?\n/g, '\\n')}\n`);
  };
}
