import * as z from 'zod';
import { Secret } from '../../core/secrets.ts';
import type { Clock } from '../../core/clock.ts';
import { defined } from '../../core/objects.ts';
import { type Logger, type LogLevel, type LogValue, scrub } from '../../core/log.ts';
import { secretForms } from './row.ts';

/** One line that a job logged. */
export const tracedLineSchema = z.object({
  atMs: z.number(),
  level: z.enum(['debug', 'info', 'warn', 'error']),
  event: z.string(),
  fields: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
});
type TracedLine = Readonly<z.output<typeof tracedLineSchema>>;

/** What the author of a job needs to see why it failed. Nothing in it is a token of the job. */
export interface TenantTrace {
  /** Text, stack and causes of what the job threw, at most 8,000 characters. */
  readonly error?: string | undefined;
  /** The last lines that the job logged, at most 20,000 characters as JSON. */
  readonly log: readonly TracedLine[];
  /** Number of earlier lines that were not kept. */
  readonly droppedLines: number;
}

const maxErrorLength = 8_000;
/** A property of a table holds 32,768 characters. */
const maxLogLength = 20_000;
/** Maximum length of one text in a line. */
const maxTextLength = 4_000;
/** Maximum length of one line as JSON. A longer one is kept without its fields. */
const maxLineLength = 10_000;
/** Maximum lines in memory. More would not fit into the stored text. */
const maxLines = 400;
const maxCauses = 5;

export interface TraceDeps {
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Replaces positions in the bundle by positions in the sources of jobs. */
  readonly jobPositions: (stack: string) => string;
}

/** Collects the trace of one attempt. */
export class TraceRecorder {
  readonly #deps: TraceDeps;
  readonly #handedOut: readonly Secret[];
  readonly #lines: TracedLine[] = [];
  #dropped = 0;
  #error: string | undefined;

  /** @param handedOut the tokens that the job has received. More may be added while the job runs. */
  constructor(deps: TraceDeps, handedOut: readonly Secret[]) {
    this.#deps = deps;
    this.#handedOut = handedOut;
  }

  /** A logger that also keeps each line. Fields of `log` itself are in the app's log only. */
  logger(log: Logger, own: Readonly<Record<string, LogValue>> = {}): Logger {
    return {
      log: (level, event, fields = {}) => {
        log.log(level, event, fields);
        this.#keep(level, event, { ...own, ...fields });
      },
      child: (fields) => this.logger(log.child(fields), { ...own, ...fields }),
    };
  }

  /** Keeps what the job threw. */
  threw(thrown: unknown): void {
    this.#error = this.#clean(this.#deps.jobPositions(errorText(thrown)), maxErrorLength);
  }

  /** The trace; undefined if there is nothing to show. */
  result(): TenantTrace | undefined {
    if (this.#error === undefined && this.#lines.length === 0) return undefined;
    const log: TracedLine[] = [];
    let length = 0;
    for (const line of this.#lines.toReversed()) {
      length += JSON.stringify(line).length + 1;
      if (length > maxLogLength) break;
      log.unshift(line);
    }
    const droppedLines = this.#dropped + this.#lines.length - log.length;
    return defined({ error: this.#error, log, droppedLines });
  }

  #keep(level: LogLevel, event: string, fields: Readonly<Record<string, LogValue>>): void {
    const clean = (text: string): string => this.#clean(text, maxTextLength);
    const kept = Object.entries(fields).flatMap(([name, value]): [string, string | number | boolean][] => {
      if (value === undefined) return [];
      // JSON has no NaN and no infinity.
      const isPlain = typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value));
      return [[clean(name), isPlain ? value : clean(textOf(value))]];
    });
    const line = { atMs: this.#deps.clock.nowMs(), level, event: clean(event), fields: Object.fromEntries(kept) };
    this.#lines.push(shortened(line));
    if (this.#lines.length <= maxLines) return;
    this.#lines.shift();
    this.#dropped += 1;
  }

  /** Removes secrets, then cuts: half a token is not recognized. */
  #clean(text: string, maxLength: number): string {
    const forms = this.#handedOut.flatMap(secretForms);
    return scrub(forms.reduce((rest, form) => rest.replaceAll(form, '[secret]'), text)).slice(0, maxLength);
  }
}

const shortened = (line: TracedLine): TracedLine =>
  JSON.stringify(line).length <= maxLineLength ? line : { ...line, fields: { shortened: true } };

/** The stack of an error, which starts with its text, and those of its causes. */
function errorText(thrown: unknown): string {
  if (!(thrown instanceof Error)) return `The job threw a value that is no error: ${textOf(thrown)}`;
  const texts: string[] = [];
  let current: unknown = thrown;
  for (let depth = 0; depth < maxCauses && current instanceof Error; depth += 1) {
    texts.push(current.stack ?? `${current.name}: ${current.message}`);
    current = current.cause;
  }
  return texts.join('\nCaused by: ');
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value instanceof Secret || typeof value === 'number') return String(value);
  try {
    return JSON.stringify(value) ?? typeof value;
  } catch {
    return typeof value;
  }
}
