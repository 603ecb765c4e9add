import type { TenantHistoryAnswer } from '../answers/history.ts';
import type { JobsAnswer } from '../answers/jobs.ts';
import type { RunChangesAnswer } from '../answers/runs.ts';
import type { TenantDetailsAnswer } from '../answers/tenants.ts';
import { dayMs } from '../../core/clock.ts';
import type { ErrorCode } from '../../core/errors.ts';
import { parseGuid } from '../../core/identifiers.ts';
import { defined, type JsonObject } from '../../core/objects.ts';
import { outcomeWord } from '../../core/outcomes.ts';
import { countsAlike } from '../counts-alike.ts';
import { endsSoon } from '../trouble.ts';
import { ageText, type Finding, jobsWithRules, type Rule, rules, worstOf } from './findings.ts';
import { comparedDays, type PartnerWork, type ReadAudit, readWork, reportTitle } from './partner-work.ts';

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

interface Needing {
  readonly count: number;
  /** The first ones. */
  readonly rows: readonly JsonObject[];
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
  /** The rows that need somebody, by the findings. Absent: nobody knows what rows of this job mean. */
  readonly needing?: Needing;
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
  /** `asOf`: of older rows, which are in the report. */
  readonly jobs: readonly { readonly job: string; readonly title: string; readonly asOf?: string }[];
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
  /** The worst that the rows say. */
  readonly findings: readonly Finding[];
  /** What the partner did here in the days that are compared. Absent: the audit log could not be read. */
  readonly work?: PartnerWork;
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
  /** A page of the audit log. Absent if the reader may not see it. */
  audit?: ReadAudit | undefined;
}

type RowsSource = Pick<ReportSource, 'tenantHistory' | 'rowPages'>;

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
  const found = new Map<Rule, Finding>();
  for (let start = 0; start < reporting.length; start += concurrentJobs) {
    const read = reporting
      .slice(start, start + concurrentJobs)
      .map((job) => readSection(source, { job, limit, details, found, nowMs }));
    sections.push(...(await Promise.all(read)).flatMap((section) => section ?? []));
  }
  const { tenantId, name, defaultDomain, explanation: access, relationshipEndsAt, warnings } = details;
  const since = new Date(nowMs - comparedDays * dayMs).toISOString();
  const read = async () => source.audit && readWork(source.audit, { tenantId, since, jobs });
  const work = await unless(undefined, read);
  return defined({
    tenantId,
    name,
    defaultDomain,
    access,
    relationshipEndsAt,
    createdAt: new Date(nowMs).toISOString(),
    findings: worstOf(found, endsSoon(details) ? relationshipEndsAt : undefined),
    work,
    sections: sections.filter((section) => sections.length === 1 || !isReached(section)),
    gaps: gapsOf(reporting, details, sections),
    warnings,
  });
}

/** A check of access that reached everything. A report with other sections leaves it out: a customer expects it, and their rows show it. */
const isReached = ({ job, rows, rowCount }: Section): boolean =>
  job === 'access-check' && rowCount > 0 && rows.length === rowCount && rows.every((row) => row['reachable'] === true);

interface SectionRequest {
  readonly job: Job;
  readonly limit: number;
  readonly details: TenantDetailsAnswer;
  /** Takes what the rows say. */
  readonly found: Map<Rule, Finding>;
  readonly nowMs: number;
}

/** Undefined: no run of the job has rows of the customer. */
async function readSection(source: ReportSource, request: SectionRequest): Promise<Section | undefined> {
  const { job, details } = request;
  const { tenantId } = details;
  const last = await readLatest(source, request);
  if (last === undefined) return undefined;
  const { history, latest, read } = last;
  const base = baseOf(history.runs, latest);
  const compared =
    base &&
    (await unless('run_not_found', () => source.changesSince(latest.runId, { with: base.runId, tenants: tenantId })));
  const { name, topic, description, columns = [] } = job;
  const changes = compared?.changes.flatMap((change) => changeFor(name, change));
  return defined({
    job: name,
    title: reportTitle(job),
    topic,
    description,
    runId: latest.runId,
    asOf: latest.startedAt,
    rowCount: read.count,
    columns: shownColumns(
      columns.flatMap((column) => columnFor(name, column)),
      read.rows,
      (changes ?? []).flatMap(rowsOfChange),
    ),
    rows: read.rows,
    needing: jobsWithRules.has(name) ? read.needing : undefined,
    counts: history.split && {
      title: titleFor(name, history.split.column, history.split.title) ?? history.split.title,
      values: [...read.values].toSorted(([, one], [, other]) => other - one),
    },
    since: base?.startedAt,
    figures: figuresOf(name, history, latest, base),
    changes: changes && countsOf(changes),
    changesCut: compared?.truncated === true ? true : undefined,
    changed: (changes ?? []).slice(0, request.limit),
  });
}

/** The latest rows of a job, and what they say. Undefined: no run of the job has rows of the customer. */
async function readLatest(source: RowsSource, { job, limit, details, found, nowMs }: SectionRequest) {
  const { tenantId, lastResults = [] } = details;
  const history = await source.tenantHistory(tenantId, job.name);
  const latest = history.runs.find(({ outcome }) => outcome === 'succeeded') ?? unlistedRun(job.name, lastResults);
  if (latest === undefined) return undefined;
  const ofJob = rules.filter((rule) => rule.job === job.name);
  const read = await readRows(source, latest.runId, { tenantId, limit, split: history.split?.column, ofJob, nowMs });
  if (read === undefined) return undefined;
  const age = ageText(latest.startedAt, nowMs);
  for (const [rule, rows] of read.concerned)
    found.set(rule, { job: job.name, text: `${rule.text(rows)}${age}`, consequence: rule.consequence });
  return { history, latest, read };
}

/** What the latest rows of a customer say. */
interface RowFindings {
  readonly findings: readonly Finding[];
  /** Titles of the jobs whose rows could not be read. */
  readonly unread: readonly string[];
}

/**
 * The worst that the latest rows of a customer say: what its report begins with, without the end of the relationship, read from
 * these rows alone.
 * @throws as the list of jobs does.
 */
export async function readFindings(
  source: RowsSource & Pick<ReportSource, 'jobs'>,
  details: TenantDetailsAnswer,
  nowMs: number,
): Promise<RowFindings> {
  const { jobs } = await source.jobs();
  const found = new Map<Rule, Finding>();
  const looked = jobs.filter(({ name }) => jobsWithRules.has(name));
  const read = await Promise.allSettled(
    looked.map((job) => readLatest(source, { job, limit: 0, details, found, nowMs })),
  );
  const unread = looked.filter((_, at) => read[at]?.status === 'rejected').map(reportTitle);
  return { findings: worstOf(found, undefined), unread };
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
  /** The rows that rules concern. */
  readonly concerned: ReadonlyMap<Rule, readonly JsonObject[]>;
  readonly needing: Needing;
}

interface RowsRequest {
  readonly tenantId: string;
  readonly limit: number;
  readonly split: string | undefined;
  readonly ofJob: readonly Rule[];
  readonly nowMs: number;
}

/** Counts all rows, and keeps the first, also of those that rules concern. Undefined if they are not kept any more. */
async function readRows(
  source: RowsSource,
  runId: string,
  { tenantId, limit, split, ofJob, nowMs }: RowsRequest,
): Promise<FoundRows | undefined> {
  const rows: JsonObject[] = [];
  const values = new Map<string, number>();
  const concerned = new Map<Rule, JsonObject[]>();
  const needing = { count: 0, rows: new Array<JsonObject>() };
  let count = 0;
  // Histories are kept longer than runs.
  return unless('run_not_found', async () => {
    for await (const page of source.rowPages(runId, tenantId)) {
      for (const row of page) {
        count += 1;
        if (rows.length < limit) rows.push(row);
        const value = split === undefined ? undefined : row[split];
        if (typeof value === 'string') values.set(value, (values.get(value) ?? 0) + 1);
        const concerning = ofJob.filter((rule) => rule.concerns(row, nowMs));
        if (concerning.length > 0) {
          needing.count += 1;
          if (needing.rows.length < limit) needing.rows.push(row);
        }
        for (const rule of concerning) {
          const before = concerned.get(rule);
          if (before === undefined) concerned.set(rule, [row]);
          else before.push(row);
        }
      }
    }
    return { count, rows, values, concerned, needing };
  });
}

/** Undefined if it fails with this code of the API, or with any. */
async function unless<T>(code: ErrorCode | undefined, read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (thrown) {
    const { code: found } = thrown as { readonly code?: unknown };
    if (found !== undefined && found === (code ?? found)) return undefined;
    throw thrown;
  }
}

/** The rows of a change, with the values that people compare. */
const rowsOfChange = (change: Change): readonly JsonObject[] =>
  change.change === 'removed' ? [change.before] : [change.after];

/** What columns of the broker's own jobs are called here. Those of `false` say what another column says, or nothing to a customer. */
const customerTitles: Readonly<Record<string, Readonly<Record<string, string | false>>>> = {
  'mfa-report': {
    registered: false,
    capable: false,
    passwordless: false,
    strength: 'Second factor',
    updatedAt: false,
  },
};

/** Undefined: the column is not shown. */
function titleFor(job: string, column: string, title: string): string | undefined {
  const known = customerTitles[job]?.[column] ?? title;
  return known === false ? undefined : known;
}

function columnFor(job: string, column: Column): readonly Column[] {
  const title = titleFor(job, column.name, column.title);
  return title === undefined ? [] : [{ ...column, title }];
}

/** A change without columns that are not shown; nothing if there are no others. */
function changeFor(job: string, change: Change): readonly Change[] {
  if (change.change !== 'changed') return [change];
  const columns = change.columns.filter((name) => titleFor(job, name, name) !== undefined);
  return columns.length === 0 ? [] : [{ ...change, columns }];
}

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
function figuresOf(
  job: string,
  { columns, runs }: TenantHistoryAnswer,
  latest: Point,
  base: Point | undefined,
): Figure[] {
  if (!runs.includes(latest)) return [];
  // `registered=true` counts values of a column.
  const shown = columns.filter(({ name }) => titleFor(job, name.split('=')[0] ?? name, name) !== undefined);
  const all = [{ name: undefined, title: 'Rows' }, ...shown].flatMap(({ name, title }): Figure[] => {
    const [now, before] = [latest, base].map((point) => (name === undefined ? point?.rows : point?.numbers?.[name]));
    const isKnown = base !== undefined && before !== undefined && countsAlike(latest, base, name);
    return now === undefined ? [] : [{ title, now, ...(isKnown ? { before } : {}) }];
  });
  return all.filter(({ now, before = 0 }) => now !== 0 || before !== 0);
}

/** Jobs with the same reason are one gap. */
function gapsOf(jobs: readonly Job[], details: TenantDetailsAnswer, sections: readonly Section[]): Gap[] {
  const read = new Map(sections.map(({ job, asOf }) => [job, asOf]));
  const gaps = jobs.flatMap((job) => gapOf(job, details, read.get(job.name)) ?? []);
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
  of: Job,
  { lastResults, codes, defaultDomain, tenantId }: TenantDetailsAnswer,
  asOf: string | undefined,
): Gap | undefined {
  const last = lastResults?.find(({ job }) => job === of.name);
  const jobs = [defined({ job: of.name, title: reportTitle(of), asOf })];
  const start = `Run it: ptb run JOB --tenant ${defaultDomain ?? tenantId} --wait`;
  if (last === undefined || last.outcome === 'succeeded') {
    if (asOf !== undefined) return undefined;
    const reason = last === undefined ? 'Not read yet.' : 'The rows are not kept any more.';
    return { jobs, reason, advice: start };
  }
  const { outcome, code, finishedAt: at } = last;
  const known = codes.find((each) => each.code === code);
  const reason = known?.title ?? code ?? `The last visit: ${outcomeWord(outcome)}.`;
  return defined({ jobs, outcome, code, at, reason, advice: known?.advice ?? start });
}
