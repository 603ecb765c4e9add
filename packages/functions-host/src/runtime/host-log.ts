/** Log levels of the Functions host. */
export type HostLogLevel = 'trace' | 'debug' | 'information' | 'warning' | 'error' | 'critical';

/** `user` for entries that the app writes, `system` for entries of the host and of the library. */
export type HostLogCategory = 'user' | 'system';

/** Receives every log entry. `functionName` is absent for entries outside an invocation. */
export type HostLog = (level: HostLogLevel, category: HostLogCategory, message: string, functionName?: string) => void;

const writtenLevels: readonly HostLogLevel[] = ['information', 'warning', 'error', 'critical'];

/**
 * Returns a log that writes one line per entry: time, level, source, message. Line breaks in a message are written as
 * `\n`. Entries below `information` are dropped.
 */
export function lineLog(write: (line: string) => void, now: () => Date = () => new Date()): HostLog {
  return (level, category, message, functionName) => {
    if (!writtenLevels.includes(level)) return;
    const source = functionName ?? (category === 'system' ? 'host' : 'app');
    write(`${now().toISOString()} ${level} ${source}: ${message.replace(/\r?\n/g, '\\n')}\n`);
  };
}
