import type { TenantHistoryAnswer } from '../answers/history.ts';
import type { JobsAnswer } from '../answers/jobs.ts';
import type { RunChangesAnswer } from '../answers/runs.ts';
import type { TenantDetailsAnswer } from '../answers/tenants.ts';
import { dayMs } from '../../core/clock.ts';
import { parseGuid } from '../../core/identifiers.ts';
import { defined, type JsonObject } from '../../core/objects.ts';
import { outcomeWord } from '../../core/outcomes.ts';

type Job = JobsAnswer['jobs'][number];
type Column = NonNullable<Job['columns']>[number];
type Point = TenantHistoryAnswer['runs'][number];
type Change = RunChangesAnswer['changes'][number];

/** A number of a report, now and then. */
export interface Figure {
  readonly title: string;
  readonly now: number;
  /** Absent: not known, which is not zero. */
  readonly before?: number;
}

/** What one job says about a customer. */
export interface Section {
  readonly job: string;
  readonly title: string;
  readonly topic?: string;
  readonly description?: string;
  readonly runId: string;
  /** When the run of these rows started. */
  readonly asOf: string;
  readonly rowCount: number;
  /** The columns that have values and say something to people. Ids and codes are among them only if rows differ by nothing else. */
  readonly columns: readonly Column[];
  /** The first rows, in the order of the job. */
  readonly rows: readonly JsonObject[];
  /** The rows by the column that splits the history of the job, the most frequent value first. */
  readonly counts?: { readonly title: string; readonly values: readonly (readonly [string, number])[] };
  /** The earlier run that this one is compared with. */
  readonly since?: string;
  readonly figures: readonly Figure[];
  /** Absent: there is no earlier run, or its rows are not kept any more. */
  readonly changes?: Readonly<Record<Change['change'], number>>;
  /** The broker compares 10,000 changes at most, and there are more. */
  readonly changesCut?: true;
  /** The first changes. */
  readonly changed: readonly Change[];
}

/** Why some jobs say nothing about the customer, or nothing new. */
export interface Gap {
  readonly jobs: readonly { readonly job: string; readonly title: string }[];
  /** Of the last visit. Absent: no run has visited the customer. */
  readonly outcome?: string;
  readonly code?: string;
  /** The last of these visits. */
  readonly at?: string;
  readonly reason: string;
  /** The next step. */
  readonly advice: string;
}

/** All that the jobs of a broker say about one customer. */
export interface TenantReport {
  readonly tenantId: string;
  readonly name: string;
  readonly defaultDomain?: string;
  /** Whether and how the broker reaches the customer. */
  readonly access: string;
  readonly relationshipEndsAt?: string;
  readonly createdAt: string;
  readonly sections: readonly Section[];
  readonly gaps: readonly Gap[];
  readonly warnings: readonly string[];
}

/** The API of a broker, as a report needs it. Each method rejects with an error that has the `code` of the API. */
export interface ReportSource {
  /** @param tenant id or domain. */
  tenant(tenant: string): Promise<TenantDetailsAnswer>;
  jobs(): Promise<JobsAnswer>;
  tenantHistory(tenantId: string, job: string): Promise<TenantHistoryAnswer>;
  /** The rows of a run in one tenant, page by page. */
  rowPages(runId: string, tenantId: string): AsyncIterable<readonly JsonObject[]>;
  /** What differs in one tenant from another run. */
  changesSince(
    runId: string,
    other: { readonly with: string; readonly tenants: string },
  ): Promise<Pick<RunChangesAnswer, 'changes' | 'truncated'>>;
}

/** Reports compare with the run nearest to this time before their own. */
export const comparedDays = 30;
/** Jobs that are read at a time. */
const concurrentJobs = 4;

/**
 * Reads the latest rows of every job that has columns, and what changed in them in about a month.
 * @param tenant id or domain.
 * @param limit rows and changes of each job.
 * @throws BrokerError
 */
export async function readReport(
  source: ReportSource,
  { tenant, limit, nowMs }: { readonly tenant: string; readonly limit: number; readonly nowMs: number },
): Promise<TenantReport> {
  const details = await source.tenant(tenant);
  const { jobs } = await source.jobs();
  // The rows of a plan are changes.
  const reporting = jobs.filter(({ columns, changes }) => columns !== undefined && changes !== true);
  const sections: Section[] = [];
  for (let start = 0; start < reporting.length; start += concurrentJobs) {
    const read = reporting
      .slice(start, start + concurrentJobs)
      .map((job) => readSection(source, { job, limit, details }));
    sections.push(...(await Promise.all(read)).flatMap((section) => section ?? []));
  }
  const { tenantId, name, defaultDomain, explanation: access, relationshipEndsAt, warnings } = details;
  return defined({
    tenantId,
    name,
    defaultDomain,
    access,
    relationshipEndsAt,
    createdAt: new Date(nowMs).toISOString(),
    sections,
    gaps: gapsOf(reporting, details, sections),
    warnings,
  });
}

interface SectionRequest {
  readonly job: Job;
  readonly limit: number;
  readonly details: TenantDetailsAnswer;
}

/** Undefined: no run of the job has rows of the customer. */
async function readSection(
  source: ReportSource,
  { job, limit, details: { tenantId, lastResults = [] } }: SectionRequest,
): Promise<Section | undefined> {
  const history = await source.tenantHistory(tenantId, job.name);
  const latest = history.runs.find(({ outcome }) => outcome === 'succeeded') ?? unlistedRun(job.name, lastResults);
  if (latest === undefined) return undefined;
  const found = await readRows(source, latest.runId, { tenantId, limit, split: history.split?.column });
  if (found === undefined) return undefined;
  const base = baseOf(history.runs, latest);
  const compared =
    base && (await unlessGone(() => source.changesSince(latest.runId, { with: base.runId, tenants: tenantId })));
  const { name, title, topic, description, columns = [] } = job;
  return defined({
    job: name,
    title,
    topic,
    description,
    runId: latest.runId,
    asOf: latest.startedAt,
    rowCount: found.count,
    columns: shownColumns(columns, found.rows, (compared?.changes ?? []).flatMap(rowsOfChange)),
    rows: found.rows,
    counts: history.split && {
      title: history.split.title,
      values: [...found.values].toSorted(([, one], [, other]) => other - one),
    },
    since: base?.startedAt,
    figures: figuresOf(history, latest, base),
    changes: compared && countsOf(compared.changes),
    changesCut: compared?.truncated === true ? true : undefined,
    changed: (compared?.changes ?? []).slice(0, limit),
  });
}

/** A run that the history leaves out: with other parameters than usual, or in progress. There is nothing to compare it with. */
function unlistedRun(job: string, lastResults: NonNullable<TenantDetailsAnswer['lastResults']>): Point | undefined {
  const last = lastResults.find((result) => result.job === job);
  if (last?.outcome !== 'succeeded') return undefined;
  return { runId: last.runId, startedAt: last.finishedAt, outcome: 'succeeded' };
}

/** The earlier run of the customer that is nearest to a month before the latest one. */
function baseOf(runs: readonly Point[], latest: Point): Point | undefined {
  const latestMs = Date.parse(latest.startedAt);
  const distance = ({ startedAt }: Point): number => Math.abs(latestMs - comparedDays * dayMs - Date.parse(startedAt));
  return runs
    .filter(({ outcome, startedAt }) => outcome === 'succeeded' && Date.parse(startedAt) < latestMs)
    .toSorted((one, other) => distance(one) - distance(other))[0];
}

interface FoundRows {
  readonly count: number;
  readonly rows: readonly JsonObject[];
  readonly values: ReadonlyMap<string, number>;
}

/** Counts all rows, and keeps the first. Undefined if they are not kept any more. */
async function readRows(
  source: ReportSource,
  runId: string,
  { tenantId, limit, split }: { tenantId: string; limit: number; split: string | undefined },
): Promise<FoundRows | undefined> {
  const rows: JsonObject[] = [];
  const values = new Map<string, number>();
  let count = 0;
  return unlessGone(async () => {
    for await (const page of source.rowPages(runId, tenantId)) {
      for (const row of page) {
        count += 1;
        if (rows.length < limit) rows.push(row);
        const value = split === undefined ? undefined : row[split];
        if (typeof value === 'string') values.set(value, (values.get(value) ?? 0) + 1);
      }
    }
    return { count, rows, values };
  });
}

/** Histories are kept longer than runs. */
async function unlessGone<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (thrown) {
    if ((thrown as { readonly code?: unknown }).code === 'run_not_found') return undefined;
    throw thrown;
  }
}

/** The rows of a change, with the values that people compare. */
const rowsOfChange = (change: Change): readonly JsonObject[] =>
  change.change === 'removed' ? [change.before] : [change.after];

/** Columns with Microsoft's codes for what another column names. */
const codes: ReadonlySet<string> = new Set(['skuPartNumber']);

const isMissing = (value: unknown): boolean => value === undefined || value === null || value === '';

/** The columns with values that people know. If rows are equal in them, also the ids by which these rows differ. */
function shownColumns(
  columns: readonly Column[],
  rows: readonly JsonObject[],
  others: readonly JsonObject[],
): Column[] {
  const known = columns.filter(({ name }) => {
    const values = [...rows, ...others].flatMap((row) => (isMissing(row[name]) ? [] : [row[name]]));
    return !codes.has(name) && values.some((value) => typeof value !== 'string' || parseGuid(value) === undefined);
  });
  const equal = Map.groupBy(rows, (row) => JSON.stringify(known.map(({ name }) => row[name])));
  const differ = ({ name }: Column): boolean =>
    [...equal.values()].some((group) => new Set(group.map((row) => row[name])).size > 1);
  return columns.filter((column) => known.includes(column) || differ(column));
}

function countsOf(changes: readonly Change[]): Readonly<Record<Change['change'], number>> {
  const counts = { added: 0, removed: 0, changed: 0 };
  for (const { change } of changes) counts[change] += 1;
  return counts;
}

/** The numbers that are, or were, not zero. */
function figuresOf({ columns, runs }: TenantHistoryAnswer, latest: Point, base: Point | undefined): Figure[] {
  if (!runs.includes(latest)) return [];
  // The licence report once counted what is assigned of free products among the assigned licences, so they would seem to fall.
  const [isApart, wasApart] = [latest, base].map((point) => point?.numbers?.['assignedAtNoCost'] !== undefined);
  const countedFree = isApart === true && wasApart !== true;
  const all = [{ name: undefined, title: 'Rows' }, ...columns].flatMap(({ name, title }): Figure[] => {
    const [now, before] = [latest, base].map((point) => (name === undefined ? point?.rows : point?.numbers?.[name]));
    const isKnown = before !== undefined && (name !== 'assigned' || !countedFree);
    return now === undefined ? [] : [{ title, now, ...(isKnown ? { before } : {}) }];
  });
  return all.filter(({ now, before = 0 }) => now !== 0 || before !== 0);
}

/** Jobs with the same reason are one gap. */
function gapsOf(jobs: readonly Job[], details: TenantDetailsAnswer, sections: readonly Section[]): Gap[] {
  const read = new Set(sections.map(({ job }) => job));
  const gaps = jobs.flatMap((job) => gapOf(job, details, read.has(job.name)) ?? []);
  const same = Map.groupBy(gaps, ({ outcome, reason, advice }) => JSON.stringify([outcome, reason, advice]));
  return [...same.values()].map((group) => {
    const at = group
      .flatMap((gap) => gap.at ?? [])
      .toSorted()
      .at(-1);
    return defined({ ...group[0]!, jobs: group.flatMap(({ jobs }) => jobs), at });
  });
}

function gapOf(
  { name: job, title }: Job,
  { lastResults, codes, defaultDomain, tenantId }: TenantDetailsAnswer,
  isRead: boolean,
): Gap | undefined {
  const last = lastResults?.find((result) => result.job === job);
  const jobs = [{ job, title }];
  const start = `Run it: ptb run JOB --tenant ${defaultDomain ?? tenantId} --wait`;
  if (last === undefined || last.outcome === 'succeeded') {
    if (isRead) return undefined;
    const reason = last === undefined ? 'No run has visited this customer.' : 'The rows are not kept any more.';
    return { jobs, reason, advice: start };
  }
  const { outcome, code, finishedAt: at } = last;
  const known = codes.find((each) => each.code === code);
  const reason = known?.title ?? code ?? `The last visit: ${outcomeWord(outcome)}.`;
  return defined({ jobs, outcome, code, at, reason, advice: known?.advice ?? start });
}
