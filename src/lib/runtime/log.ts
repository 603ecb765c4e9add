import { BrokerError, CodedError } from '../model/errors.ts';
import { Secret } from '../model/secret.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogValue = string | number | boolean | undefined | Secret;

/** Writes one event per line, with a stable name in dotted lower case (`token.issued`) and fields other than `event` and `level`. */
export interface Logger {
  log(level: LogLevel, event: string, fields?: Readonly<Record<string, LogValue>>): void;
  /** A logger that adds these fields to every line. */
  child(fields: Readonly<Record<string, LogValue>>): Logger;
}

/** The destination of the lines: the invocation's `context.log`, or the standard error stream. */
export type LogSink = (level: LogLevel, line: string) => void;

// The last line of defence, for foreign text (an SDK's message, a reply's body): JWTs (RFC 7519 section 3), Entra's refresh
// tokens ("0." or "1." with a long rest), form fields, JSON fields and headers.
const tokenPatterns: readonly [RegExp, string][] = [
  [/eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,3}/g, '[secret]'],
  [/\b[01]\.A[A-Za-z0-9_-]{40,}(?:\.[A-Za-z0-9_-]+)*/g, '[secret]'],
  [
    /\b(refresh_token|client_secret|client_assertion|access_token|assertion)(["']?\s*[=:]\s*["']?)[^&\s"',}]+/gi,
    '$1$2[secret]',
  ],
  // An authorization code, only as a parameter, because "code" is a common word.
  [/([?&"]code(?:=|":\s*"))[^&\s"]{16,}/g, '$1[secret]'],
  [/\bBearer\s+[A-Za-z0-9._~+/=-]{16,}/gi, 'Bearer [secret]'],
];

/** Replaces everything that looks like a token or a secret by `[secret]`. */
export function scrub(text: string): string {
  return tokenPatterns.reduce((scrubbed, [pattern, replacement]) => scrubbed.replace(pattern, replacement), text);
}

/** A logger that writes JSON lines to `sink`. All text in them is scrubbed. */
export function createLogger(sink: LogSink, fields: Readonly<Record<string, LogValue>> = {}): Logger {
  return {
    log: (level, event, more = {}) => {
      // Alert rules search for `{"event":`, and read the level here.
      const line: Record<string, string | number | boolean> = { event, level };
      for (const [name, value] of Object.entries({ ...fields, ...more })) {
        if (value === undefined) continue;
        line[name] = value instanceof Secret ? value.toString() : typeof value === 'string' ? scrub(value) : value;
      }
      sink(level, JSON.stringify(line));
    },
    child: (more) => createLogger(sink, { ...fields, ...more }),
  };
}

/** A logger that writes nothing, for tests and for the command line's quiet mode. */
export const silentLogger: Logger = { log: () => undefined, child: () => silentLogger };

/** The log fields of an error: code, detail, its own log fields and up to five causes. The logger scrubs them. */
export function errorFields(thrown: unknown): Readonly<Record<string, LogValue>> {
  const causes: string[] = [];
  let cause: unknown = thrown instanceof CodedError ? thrown.cause : thrown;
  for (let depth = 0; cause !== undefined && cause !== null && depth < 5; depth += 1) {
    causes.push(cause instanceof Error ? `${cause.name}: ${cause.message}` : typeof cause);
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  const cause_ = causes.length === 0 ? {} : { cause: causes.join(' <- ').slice(0, 2000) };
  if (!(thrown instanceof CodedError)) return { code: 'internal', ...cause_ };
  const scope = thrown instanceof BrokerError ? { scope: thrown.scope } : {};
  return { code: thrown.code, detail: thrown.detail, ...scope, ...thrown.logFields, ...cause_ };
}
