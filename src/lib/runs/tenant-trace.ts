import type { Secret } from '../model/secret.ts';
import type { Clock } from '../runtime/clock.ts';
import { createLogger, type Logger, type LogLevel, type LogValue, scrub } from '../runtime/log.ts';
import { secretForms } from './secret-forms.ts';

/** One line that a job logged. */
export interface TracedLine {
  readonly atMs: number;
  readonly level: LogLevel;
  readonly event: string;
  readonly fields: Readonly<Record<string, string | number | boolean>>;
}

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
  readonly #lines: TracedLine[] = [];
  #dropped = 0;
  #error: string | undefined;

  constructor(deps: TraceDeps) {
    this.#deps = deps;
  }

  /** A logger that also keeps each line. Fields of `log` itself are in the app's log only. */
  logger(log: Logger): Logger {
    const kept = createLogger((level, line) => this.#keep(level, line));
    return both(log, kept);
  }

  /** Keeps what the job threw. */
  threw(thrown: unknown): void {
    this.#error = this.#deps.jobPositions(errorText(thrown));
  }

  /**
   * The trace without secrets; undefined if there is nothing to show.
   * @param handedOut the tokens that the job received, in whatever form it quoted them.
   */
  result(handedOut: readonly Secret[]): TenantTrace | undefined {
    if (this.#error === undefined && this.#lines.length === 0) return undefined;
    const forms = handedOut.flatMap(secretForms);
    const clean = (text: string): string =>
      scrub(forms.reduce((rest, form) => rest.replaceAll(form, '[secret]'), text));
    const log: TracedLine[] = [];
    let length = 0;
    for (const line of this.#lines.toReversed()) {
      const text = clean(JSON.stringify(line));
      length += text.length;
      if (length > maxLogLength) break;
      log.unshift(JSON.parse(text) as TracedLine);
    }
    const droppedLines = this.#dropped + this.#lines.length - log.length;
    const error = this.#error === undefined ? {} : { error: clean(this.#error).slice(0, maxErrorLength) };
    return { ...error, log, droppedLines };
  }

  #keep(level: LogLevel, line: string): void {
    const { event, level: _, ...fields } = JSON.parse(line) as { event: string } & TracedLine['fields'];
    this.#lines.push({ atMs: this.#deps.clock.nowMs(), level, event, fields });
    if (this.#lines.length <= maxLines) return;
    this.#lines.shift();
    this.#dropped += 1;
  }
}

function both(first: Logger, second: Logger): Logger {
  return {
    log: (level, event, fields) => {
      first.log(level, event, fields);
      second.log(level, event, fields);
    },
    child: (fields: Readonly<Record<string, LogValue>>) => both(first.child(fields), second.child(fields)),
  };
}

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
  try {
    return JSON.stringify(value) ?? typeof value;
  } catch {
    return typeof value;
  }
}
