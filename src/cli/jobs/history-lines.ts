import type { JobHistoryAnswer, TenantHistoryAnswer } from '../../lib/api/answers/history.ts';
import { runOutcome } from '../../lib/core/outcomes.ts';
import { parametersText } from '../../lib/core/parameters.ts';
import { counted } from '../counted.ts';
import type { Line, Piece } from '../line.ts';
import { outcomePiece } from '../outcome-piece.ts';
import { UsageError } from '../run-program.ts';
import { table } from '../table.ts';
import { exactTime } from '../times.ts';

type History = JobHistoryAnswer | TenantHistoryAnswer;
type Point = History['runs'][number];

const started = { head: 'started', min: 16 };
const outcome = { head: 'outcome', min: 17 };
const reached = { head: 'tenants', min: 14 };

/** A number that is not known. */
const unknown = '-';

/** The history for people. @param wanted names of columns. @throws UsageError for one that the history does not have. */
export function historyLines(history: History, wanted: readonly string[] | undefined): Line[] {
  const { runs, columns, split } = history;
  if (runs.length === 0) return ['There are no such runs.', ...leftOut(history)];
  const names = chosenNames(
    columns.map(({ name }) => name),
    wanted,
  );
  // A number that is cut is another number.
  const heads = names.map((head) => ({ head, min: 16, optional: wanted === undefined }));
  const rows = runs.map((run) => [...aboutRun(run), ...names.map((name) => numberOf(run, name))]);
  return [
    ...table([started, outcome, ...('tenantId' in history ? [] : [reached]), ...heads], rows),
    ...(split === undefined || split.values.length === 0
      ? []
      : ['', `Values of ${split.column} for --value: ${split.values.join(', ')}`]),
    ...leftOut(history),
  ];
}

/** `rows` is the number of rows, unless a column has this name. */
function chosenNames(columns: readonly string[], wanted: readonly string[] | undefined): readonly string[] {
  const names = columns.includes('rows') ? columns : ['rows', ...columns];
  if (wanted === undefined) return names;
  const missing = wanted.find((name) => !names.includes(name));
  if (missing === undefined) return wanted;
  throw new UsageError(`The history has no column "${missing}". It has ${names.join(', ')}.`);
}

function aboutRun(run: Point): Piece[] {
  const started = exactTime(run.startedAt);
  if (!('tenants' in run)) return [started, outcomePiece(run.outcome)];
  const reached = `${run.counted}/${run.tenants.total}`;
  return [started, outcomePiece(runOutcome(run)), run.scope === 'all' ? reached : `${reached} selected`];
}

function numberOf({ rows, numbers }: Point, name: string): string {
  const number = numbers !== undefined && Object.hasOwn(numbers, name) ? numbers[name] : undefined;
  return String(number ?? (name === 'rows' ? rows : undefined) ?? unknown);
}

function leftOut({ otherParameters, parameters, truncated, since }: History): Line[] {
  return [
    ...(otherParameters === 0
      ? []
      : [
          '',
          `Left out: ${counted(otherParameters, 'run')} with other parameters${parameters === undefined ? '' : ` than ${parametersText(parameters)}`}.`,
        ]),
    ...(truncated ? ['', `There are older runs: --until ${since}`] : []),
  ];
}
