import type { JobsAnswer } from '../../src/lib/api/answers/jobs.ts';
import type { ResultRow } from '../../src/lib/api/answers/runs.ts';
import { type ColumnType, isGuid, type RowValue, shownValue, typeOf } from './row-values.ts';

export type DeclaredColumns = JobsAnswer['jobs'][number]['columns'];

export interface ResultColumn {
  /** Name in the rows. */
  readonly name: string;
  readonly title: string;
  readonly type: ColumnType;
  /** Width in rem that fits most of the values. */
  readonly width: number;
  /** A column of ids. */
  readonly isId: boolean;
  /** Whether the table shows it until the reader chooses. Names come before ids: these are in the details of a row. */
  readonly isShown: boolean;
}

/** Rows that types and widths are taken from. They are spread over all rows. */
const sampled = 500;
const minWidth = 5;
const maxWidth = 22;
/** Width of one character, and of the space around a value, in rem. */
const characterWidth = 0.58;
const headingWidth = 0.5;
const spaceWidth = 1.6;

const tenantTitles: Readonly<Record<string, string>> = {
  tenantName: 'Tenant',
  tenantDomain: 'Domain',
  tenantId: 'Tenant id',
};

/**
 * The columns of a result: the name of the tenant, the columns that the job declares in their order, columns that only
 * the rows have, and last the other columns of the tenant.
 */
export function columnsOf(rows: readonly ResultRow[], declared: DeclaredColumns = []): readonly ResultColumn[] {
  const sample = sampleOf(rows);
  const known = new Map(declared.map((column) => [column.name, column]));
  const others = new Set(sample.flatMap(Object.keys));
  for (const name of [...known.keys(), ...Object.keys(tenantTitles)]) others.delete(name);
  return ['tenantName', ...known.keys(), ...others, 'tenantDomain', 'tenantId'].map((name): ResultColumn => {
    const values = sample.map((row): RowValue => row[name] ?? null);
    const title = tenantTitles[name] ?? known.get(name)?.title ?? name;
    const type = known.get(name)?.type ?? typeOf(values);
    const isId = name === 'tenantId' || areIds(values);
    return { name, title, type, width: widthOf(title, values, type), isId, isShown: !isId && name !== 'tenantDomain' };
  });
}

function sampleOf(rows: readonly ResultRow[]): readonly ResultRow[] {
  const step = Math.max(1, Math.floor(rows.length / sampled));
  return rows.filter((_, index) => index % step === 0);
}

/** Whether all values are GUIDs, and there are some. */
function areIds(values: readonly RowValue[]): boolean {
  const given = values.filter((value) => value !== null);
  return given.length > 0 && given.every(isGuid);
}

/** Fits the title and nine of ten values, within limits. */
function widthOf(title: string, values: readonly RowValue[], type: ColumnType): number {
  const lengths = values.map((value) => shownValue(value, type).length).toSorted((a, b) => a - b);
  const usual = lengths[Math.floor(lengths.length * 0.9)] ?? 0;
  // A heading is smaller, and has room for the sign of its order.
  const inside = Math.max(usual * characterWidth, (title.length + 1) * headingWidth);
  return Math.min(maxWidth, Math.max(minWidth, Math.ceil(inside + spaceWidth)));
}
