import type { TableEntity } from '@azure/data-tables';
import * as z from 'zod';
import type { RequestedTenants } from '../../access/tenants/selected-tenants.ts';
import { BrokerError, isErrorCode } from '../../core/errors.ts';
import { parseTenantId } from '../../core/identifiers.ts';
import { scrub } from '../../core/log.ts';
import { parseJson } from '../../core/outbound.ts';
import type { ParameterValues } from '../../core/parameters.ts';
import { parameterValuesSchema } from '../job/job-parameters.ts';
import {
  column,
  Columns,
  group,
  json,
  lengthOfPieces,
  mark,
  number,
  oneOf,
  pieces,
  type Properties,
  text,
  time,
} from '../../core/rows/columns.ts';
import type { Keys } from '../../core/rows/table.ts';
import {
  goneOnSchema,
  holdSchema,
  requestedTenantsSchema,
  runRequestSchema,
  waveProgressSchema,
} from '../engine/run-schemas.ts';
import { tenantNumbersSchema } from '../history/tenant-numbers.ts';
import { type TenantTrace, tracedLineSchema } from '../job/tenant-trace.ts';
import {
  type GoneOn,
  type Hold,
  type NewRun,
  parseRunId,
  type Run,
  type RunId,
  type RunRequest,
  runStatuses,
  scopeOf,
  tenantOutcomes,
  type NewTenantRun,
  type TenantRun,
  type WaveProgress,
} from './run.ts';

// The rows of the tables Runs and TenantRuns (docs/storage-schema.md). A value that somebody damaged hides no row.

/** Longest text of a list or of parameters, in characters. A property of a table holds at most 32,768. */
export const maxListLength = 30_000;
/** Maximum length of a stored error detail or warning, in characters. */
const maxDetailLength = 1000;
/** A name comes from a token and has no limit of its own. */
const maxNameLength = 256;
/** A request with thousands of tenants needs several properties. */
const maxPieces = 12;

/** Serializes a list of texts as JSON. Texts that do not fit into one property are dropped. */
export function listText(texts: readonly string[]): string {
  let length = 2;
  const fitting = texts.filter((item) => (length += JSON.stringify(item).length + 1) <= maxListLength);
  return JSON.stringify(fitting);
}

export function readList(value: unknown): readonly string[] | undefined {
  const list = typeof value === 'string' ? parseJson(value) : undefined;
  return Array.isArray(list) ? list.filter((item) => typeof item === 'string') : undefined;
}

/** With the newest gates, as many as fit. */
function fittingGates(goneOn: GoneOn): GoneOn {
  if (goneOn.gates === undefined) return goneOn;
  const gates = goneOn.gates.map((gate) => ({ ...gate, by: nameOf(gate.by) }));
  while (JSON.stringify({ ...goneOn, gates }).length > maxListLength && gates.length > 0) gates.shift();
  return { ...goneOn, gates };
}

const nameOf = (name: string): string => name.slice(0, maxNameLength);
const texts = column(readList, listText);
const detailOf = (value: string): string => scrub(value).slice(0, maxDetailLength);
const detail = text.after(detailOf);
const code = column((value) => (isErrorCode(value) ? value : undefined));
const count = number.or(0);

const listed = {
  status: oneOf(runStatuses).or('pending'),
  startedBy: text.or(''),
  starter: group({
    objectId: text.as('starterObject'),
    name: text.after(nameOf).as('starterName').lenient(),
  }).lenient(),
  correlationId: text.lenient(),
  createdAtMs: time.or(0),
  scope: oneOf(['all', 'selected'] as const).or('all'),
  startedAtMs: time.lenient(),
  finishedAtMs: time.lenient(),
  tenants: group({ total: count, succeeded: count, failed: count, skipped: count, notAttempted: count }),
  stoppedBy: group({ code: code.as('stopCode'), detail: detail.as('stopDetail').or('') }).lenient(),
  cancelRequestedAtMs: time.lenient(),
  warnings: texts
    .after((warnings) => warnings.map(detailOf))
    .damagedAs([])
    .lenient(),
  planDigest: text.lenient(),
  query: text.lenient(),
};
// Apart from the request, which may name thousands of tenants.
const shown = {
  ...listed,
  parameters: json(parameterValuesSchema).lenient(),
  asked: json<RequestedTenants>(requestedTenantsSchema).lenient(),
  requestDigest: text.lenient(),
  hold: json<Hold>(holdSchema).lenient(),
  goneOn: json<GoneOn>(goneOnSchema).after(fittingGates).lenient(),
  wave: json<WaveProgress>(waveProgressSchema).lenient(),
};

/** Enough to list runs. */
export const runNames: readonly string[] = new Columns(listed).names;
/** All but the request. */
export const runColumns = new Columns(shown);
const newRunColumns = new Columns({ ...shown, claimId: text, request: pieces(maxPieces) });

/** @returns undefined if the text is not a run id. */
export function keysOfRun(runId: RunId): Keys | undefined {
  const parts = parseRunId(runId);
  return parts && { partitionKey: parts.job, rowKey: parts.window };
}

/** @throws BrokerError request_invalid if it is too large to store. */
export function newRunRow(run: NewRun, request: RunRequest, claimId: string): Keys & TableEntity {
  const { parameters, ...others } = request;
  // An earlier version must not plan a request with a choice, because it would visit all tenants. It refuses a request
  // without `parameters`, so these have another name here.
  const stored = JSON.stringify(
    others.choice === undefined ? { ...others, parameters } : { ...others, given: parameters },
  );
  if (stored.length > lengthOfPieces(maxPieces))
    throw new BrokerError('request_invalid', 'The parameters and tenants of the run are too large to store.');
  const parametersText = JSON.stringify(parameters);
  if (parametersText.length > maxListLength)
    throw new BrokerError('request_invalid', `The parameters take more than ${maxListLength} characters.`);
  const { asked } = run;
  const fields = {
    ...run,
    claimId,
    status: 'pending',
    scope: scopeOf(request),
    request: stored,
    parameters: parametersText === '{}' ? undefined : (parameters as ParameterValues),
    // To be shown: nothing is decided by it.
    asked: JSON.stringify(asked ?? '').length > maxListLength ? undefined : asked,
  } as const;
  return { partitionKey: run.job, rowKey: run.window, ...newRunColumns.change(fields) };
}

export function readRequest(row: Properties): RunRequest | undefined {
  const stored = newRunColumns.decode({ claimId: '', ...row })?.request;
  return stored === undefined ? undefined : runRequestSchema.parse(JSON.parse(stored));
}

export function readRun(row: Partial<Keys>): Run {
  const { partitionKey: job = '', rowKey: window = '' } = row;
  return { runId: `${job}@${window}`, job, window, ...runColumns.require({ ...row }) };
}

const outcome = oneOf(tenantOutcomes).or('failed');
const listedTenant = {
  name: text.after((name) => name.slice(0, 500)).lenient(),
  outcome,
  code: code.lenient(),
  detail: detail.lenient(),
  round: count,
  attempts: number.lenient(),
  rows: count,
  more: mark,
  rowsName: text.lenient(),
  rowsDigest: text.lenient(),
  retryAfterSeconds: number.lenient(),
  columns: texts.or([]),
  startedAtMs: time.or(0),
  finishedAtMs: time.or(0),
};
/** Enough to list and count tenants: all but the trace, which is most of what is stored. */
export const tenantNames: readonly string[] = ['rowKey', ...new Columns(listedTenant).names];
/** What the history keeps of a tenant's record. */
export const numbersNames = ['rowKey', 'outcome', 'rows', 'numbers'];
export const outcomeColumns = new Columns({ outcome });

const readTenant = {
  ...listedTenant,
  numbers: json(tenantNumbersSchema).lenient(),
  trace: group({
    error: text.lenient(),
    log: json<TenantTrace['log']>(z.array(tracedLineSchema)).damagedAs([]),
    droppedLines: count,
  }).lenient(),
};
export const tenantColumns = new Columns(readTenant);
export const shortRowsColumns = new Columns({ rowsName: text, rowsText: text });
const newTenantColumns = new Columns({ ...readTenant, rowsText: text.lenient() });

export const tenantRunRow = (runId: string, record: NewTenantRun): Keys & TableEntity => ({
  partitionKey: runId,
  rowKey: record.tenantId,
  ...newTenantColumns.encode(record),
});

/** @returns undefined if the row key is not a tenant id. */
export function readTenantRun(row: Properties): TenantRun | undefined {
  const tenantId = parseTenantId(row['rowKey']);
  return tenantId && { tenantId, name: tenantId, ...tenantColumns.require(row) };
}
