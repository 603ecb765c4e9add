import type { JobHistoryAnswer, TenantHistoryAnswer } from '../../src/lib/api/answers/history.ts';
import { countsAlike } from '../../src/lib/api/counts-alike.ts';
import { outcomeStyle, outcomeWord } from '../../src/lib/core/outcomes.ts';
import { count, countOf, localTime } from './format.ts';
import { rowsColumn } from './history-choice.ts';

/** A run in a chart. */
export interface HistoryPoint {
  readonly runId: string;
  readonly startedAt: string;
  /** Undefined: not known, which is not zero. */
  readonly number: number | undefined;
  readonly rows: number | undefined;
  /** The sum that the number is a part of. */
  readonly sum?: number | undefined;
  /** Why there is no number, or over how many tenants it is. */
  readonly about: string;
  readonly tone: ReturnType<typeof outcomeStyle>['tone'];
  /** Tenants by outcome. Absent in the history of one tenant. */
  readonly tenants?: JobHistoryAnswer['runs'][number]['tenants'];
}

type Counted = Pick<TenantHistoryAnswer['runs'][number], 'rows' | 'numbers'>;

export function numberOf(run: Counted, column: string, newest: Counted = run): number | undefined {
  const { rows, numbers } = run;
  if (!countsAlike(newest, run, column)) return undefined;
  if (numbers !== undefined && Object.hasOwn(numbers, column)) return numbers[column];
  return column === rowsColumn ? rows : undefined;
}

/** The newest run with numbers. @param runs the newest first. */
const newestOf = <R extends Counted>(runs: readonly R[]): R | undefined =>
  runs.find(({ numbers }) => numbers !== undefined);

/** The runs of one tenant, oldest first. */
export const tenantPoints = ({ runs }: TenantHistoryAnswer, column: string): readonly HistoryPoint[] =>
  runs.toReversed().map((run) => {
    const { runId, startedAt, outcome, rows } = run;
    return {
      runId,
      startedAt,
      rows,
      number: numberOf(run, column, newestOf(runs)),
      about: outcomeWord(outcome),
      tone: outcomeStyle(outcome).tone,
    };
  });

/**
 * The runs over all tenants of a job, oldest first; if there are none, those over selected tenants. The sum of a run that did
 * not complete would look like a fall, so it has no number.
 * @see perTenant for a chart: a sum also falls when more tenants fail.
 */
export function jobPoints({ runs }: JobHistoryAnswer, column: string) {
  const overAll = runs.filter(({ scope }) => scope === 'all');
  return (overAll.length > 0 ? overAll : runs).toReversed().map((run) => {
    const { runId, startedAt, status, tenants, counted, rows } = run;
    const isComplete = status === 'completed';
    const over = `over ${countOf(counted, tenants.total, 'tenant')}`;
    return {
      runId,
      startedAt,
      counted,
      rows: isComplete ? rows : undefined,
      number: isComplete ? numberOf(run, column, newestOf(runs)) : undefined,
      about: isComplete ? over : `${outcomeWord(status === 'failed' ? 'stopped' : status)} ${over}`,
      tone: outcomeStyle(isComplete ? 'succeeded' : status).tone,
      tenants,
    };
  });
}

/** The same, a tenant that answered, in three digits, with the sum. */
export const perTenant = (history: JobHistoryAnswer, column: string): readonly HistoryPoint[] =>
  jobPoints(history, column).map(({ counted, ...point }) =>
    point.number === undefined || counted === 0
      ? { ...point, number: undefined }
      : {
          ...point,
          sum: point.number,
          number: Number((point.number / counted).toPrecision(3)),
        },
  );

/** What a number counts, behind it: `5 not registered`. Of a column with yes and no, a title ends with one of them. */
export function countedWords(title: string): string {
  const [, name = title, answer] = /^(.*): (yes|no)$/.exec(title) ?? [];
  const words = /^.[A-Z]/.test(name) ? name : `${name.slice(0, 1).toLowerCase()}${name.slice(1)}`;
  return answer === 'no' ? `not ${words}` : words;
}

/** Also that of a few among thousands of tenants. */
export const numberText = (number: number): string => number.toLocaleString('en', { maximumFractionDigits: 6 });

/** Runs one after another that all have a number. A line leads only through these. */
export function unbroken(points: readonly HistoryPoint[]): readonly (readonly HistoryPoint[])[] {
  const parts: HistoryPoint[][] = [];
  let open: HistoryPoint[] | undefined;
  for (const point of points) {
    if (point.number === undefined) {
      open = undefined;
      continue;
    }
    if (open === undefined) parts.push((open = []));
    open.push(point);
  }
  return parts;
}

/** From the lowest to the highest value of the axis. */
export interface NumberScale {
  readonly ticks: readonly number[];
  readonly min: number;
  readonly max: number;
}

/**
 * An axis with round numbers that has all numbers, and zero, so that a small change does not look like a large one.
 * @param areWhole no step is below 1.
 */
export function scaleOf(numbers: readonly number[], areWhole = true): NumberScale {
  const low = Math.min(0, ...numbers);
  const high = Math.max(0, ...numbers);
  const step = roundStep((high - low) / 4, areWhole);
  const [first, last] = [Math.floor(low / step), Math.max(1, Math.ceil(high / step))];
  const ticks = Array.from({ length: last - first + 1 }, (_, at) => (first + at) * step);
  return { ticks, min: first * step, max: last * step };
}

/** The smallest of 1, 2, 5, 10, 20 … that is not less, or of 0.1, 0.2, 0.5 … */
function roundStep(wanted: number, isWhole: boolean): number {
  const least = isWhole || wanted === 0 ? 1 : 10 ** Math.floor(Math.log10(wanted));
  for (let power = least; ; power *= 10) for (const step of [1, 2, 5]) if (step * power >= wanted) return step * power;
}

/** What the chart shows, in sentences. */
export function summaryOf(points: readonly HistoryPoint[]): string {
  const known = points.filter((point) => point.number !== undefined);
  const missing = points.length - known.length;
  const gaps = missing === 0 ? '' : ` ${count(missing, 'run')} ${missing === 1 ? 'has' : 'have'} no number.`;
  const [first, last] = [known[0], known.at(-1)];
  if (first === undefined || last === undefined) return `No run has this number.${gaps}`;
  const numbers = known.map(({ number = 0 }) => number);
  const text = (number: number | undefined = 0): string => numberText(number);
  if (known.length === 1) return `One run, ${localTime(first.startedAt)}: ${text(first.number)}.${gaps}`;
  return `${count(known.length, 'run')}, from ${text(first.number)} on ${localTime(first.startedAt)} to ${text(last.number)} on ${localTime(last.startedAt)}; lowest ${text(Math.min(...numbers))}, highest ${text(Math.max(...numbers))}.${gaps}`;
}
