import { BrokerError, CodedError } from './errors.ts';
import { Secret } from './secrets.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogValue = string | number | boolean | undefined | Secret;

/**
 * Writes one event per line, with a stable name in dotted lower case (`token.issued`) and fields other than `event` and
 * `level`.
 */
export interface Logger {
  log(level: LogLevel, event: string, fields?: Readonly<Record<string, LogValue>>): void;
  /** A logger that adds these fields to every line. */
  child(fields: Readonly<Record<string, LogValue>>): Logger;
}

/** The destination of the lines: the invocation's `context.log`, or the standard error stream. */
export type LogSink = (level: LogLevel, line: string) => void;

/** Maximum length of one text in a line, and of all texts in it. Application Insights cuts a message at 32,768 characters. */
const maxTextLength = 4_000;
const maxLineLength = 16_000;
/** Maximum length of the causes of an error. */
const maxCauseLength = 2_000;

// The last line of defence, for foreign text (an SDK's message, a reply's body): Entra's refresh tokens ("0." or "1."
// with a long rest), its client secrets (three characters, a digit, "Q~" and a rest), form fields, JSON fields and
// headers. Each pattern takes linear time, because the text may be an attacker's:
// test/unit/tools/regular-expressions.test.ts.
const tokenPatterns: readonly [RegExp, string][] = [
  [/\b[01]\.A[A-Za-z0-9_-]{40,}(?:\.[A-Za-z0-9_-]+)*/g, '[secret]'],
  [/[A-Za-z0-9_.~+-]{3}\dQ~[A-Za-z0-9_.~+-]{24,}/g, '[secret]'],
  [
    /\b(refresh_token|client_secret|client_assertion|access_token|assertion)(["']?\s*[=:]\s*["']?)[^&\s"',}]+/gi,
    '$1$2[secret]',
  ],
  // An authorization code, only as a parameter, because "code" is a common word.
  [/([?&"]code(?:=|":\s*"))[^&\s"]{16,}/g, '$1[secret]'],
  [/\bBearer\s+[A-Za-z0-9._~+/=-]{16,}/gi, 'Bearer [secret]'],
];

/** What every text has that a pattern here or {@link scrubJwts} matches. Most texts are ids and paths, and have none of it. */
const sign = /\.A|Q~|eyJ|[=:]|bearer/i;

/**
 * What follows the first part of a JWT (RFC 7519 section 3). That part starts with `eyJ`, the base64url of `{"`; a JWE has four
 * more. The pattern starts at the dot and looks back: one that starts at `eyJ` starts again at each `eyJ` of a long run, which
 * takes quadratic time.
 */
const jwtRest = /\.(?<=(eyJ[\w-]{8,})\.)[\w-]{8,}(?:\.[\w-]*){0,3}/g;

/** Replaces everything that looks like a token or a secret by `[secret]`. Takes time linear in the length of the text. */
export function scrub(text: string): string {
  if (!sign.test(text)) return text;
  return tokenPatterns.reduce(
    (scrubbed, [pattern, replacement]) => scrubbed.replace(pattern, replacement),
    scrubJwts(text),
  );
}

function scrubJwts(text: string): string {
  let scrubbed = '';
  let end = 0;
  jwtRest.lastIndex = 0;
  for (let found = jwtRest.exec(text); found !== null; found = jwtRest.exec(text)) {
    const { index, 0: rest, 1: first = '' } = found;
    const start = index - first.length;
    if (start >= end) {
      scrubbed += `${text.slice(end, start)}[secret]`;
      end = index + rest.length;
    } else {
      // This match begins in a part that is removed already. A later dot may still end the first part of another token.
      jwtRest.lastIndex = index + 1;
    }
  }
  return scrubbed + text.slice(end);
}

/** Longer than two joined GUIDs, which are the id of a delegated relationship. */
const opaqueRun = /[A-Za-z0-9_-]{80,}/g;

/**
 * Scrubs a text of a reply that is only logged, and cuts it to `maxLength` characters. A damaged token is not recognized
 * as a whole, so every long run of its characters goes too.
 */
export const scrubReply = (text: string, maxLength: number): string =>
  scrub(text).replace(opaqueRun, '[secret]').slice(0, maxLength);

/** Scrubs a text before it is cut, because half a secret is not recognized. */
function loggable(text: string, maxLength: number): string {
  const scrubbed = scrub(text);
  return scrubbed.length <= maxLength ? scrubbed : `${scrubbed.slice(0, maxLength)}…`;
}

/** A logger that writes JSON lines to `sink`. All text in them is scrubbed, and cut if it is too long. */
export function createLogger(sink: LogSink, fields: Readonly<Record<string, LogValue>> = {}): Logger {
  return {
    log: (level, event, more = {}) => {
      // Alert rules search for `{"event":`, and read the level here.
      const line: Record<string, string | number | boolean> = { event, level };
      let left = maxLineLength;
      for (const [name, value] of Object.entries({ ...fields, ...more })) {
        if (value === undefined) continue;
        const text = typeof value === 'string' ? loggable(value, Math.min(left, maxTextLength)) : value;
        line[name] = text instanceof Secret ? text.toString() : text;
        if (typeof text === 'string') left = Math.max(0, left - text.length);
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
  const cause_ = causes.length === 0 ? {} : { cause: loggable(causes.join(' <- '), maxCauseLength) };
  if (!(thrown instanceof CodedError)) return { code: 'internal', ...cause_ };
  const scope = thrown instanceof BrokerError ? { scope: thrown.scope } : {};
  return { code: thrown.code, detail: thrown.detail, ...scope, ...thrown.logFields, ...cause_ };
}
