/*
 * The text format of Prometheus, version 0.0.4 (Prometheus documentation, "Exposition formats").
 */

/** Media type of the text. */
export const expositionType = 'text/plain; version=0.0.4; charset=utf-8';

/** One line: a suffix of the metric's name, its labels and its value. */
export interface Line {
  readonly suffix?: '_bucket' | '_sum' | '_count';
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric with its lines. */
export interface Family {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** One sentence. */
  readonly help: string;
  readonly lines: readonly Line[];
}

/** The text of all families that have a line. */
export const exposition = (families: readonly Family[]): string =>
  families
    .filter(({ lines }) => lines.length > 0)
    .map(
      ({ name, type, help, lines }) =>
        `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.map((line) => textOf(name, line)).join('')}`,
    )
    .join('');

function textOf(name: string, { suffix, labels, value }: Line): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
  return `${name}${suffix ?? ''}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${numberText(value)}\n`;
}

const escaped = (text: string): string =>
  text.replaceAll('\\', String.raw`\\`).replaceAll('"', String.raw`\"`).replaceAll('\n', String.raw`\n`);

const numberText = (value: number): string =>
  value === Number.POSITIVE_INFINITY ? '+Inf' : value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);
