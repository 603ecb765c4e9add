/** Log levels of the Functions host, lowest first. */
export const hostLogLevels = ['trace', 'debug', 'information', 'warning', 'error', 'critical'] as const;
export type HostLogLevel = (typeof hostLogLevels)[number];

/**
 * `user` for entries that the app writes, `system` for entries of the host and of the library, `console` for what the
 * app writes to standard output and standard error, `http` for the log of requests.
 */
export type HostLogCategory = 'user' | 'system' | 'console' | 'http';

/** Receives every log entry. `functionName` is absent for entries outside an invocation. */
export type HostLog = (level: HostLogLevel, category: HostLogCategory, message: string, functionName?: string) => void;

const sources = { user: 'app', system: 'host', console: 'console', http: 'http' } as const;

/**
 * Returns a log that writes one line per entry: time, level, source, message. Line breaks in a message are written as
 * `\n`.
 */
export function lineLog(write: (line: string) => void, now: () => Date = () => new Date()): HostLog {
  return (level, category, message, functionName) => {
    const source = functionName ?? sources[category];
    write(`${now().toISOString()} ${level} ${source}: ${message.replace(/\r?\n/g, '\\n')}\n`);
  };
}
