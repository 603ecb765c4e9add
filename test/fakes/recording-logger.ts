import { createLogger, type Logger, type LogLevel } from '../../src/lib/core/log.ts';

/** A real logger that keeps its lines for the test. */
export function recordingLogger(): { log: Logger; lines: { level: LogLevel; line: string }[]; events(): string[] } {
  const lines: { level: LogLevel; line: string }[] = [];
  const log = createLogger((level, line) => lines.push({ level, line }));
  return { log, lines, events: () => lines.map(({ line }) => (JSON.parse(line) as { event: string }).event) };
}
