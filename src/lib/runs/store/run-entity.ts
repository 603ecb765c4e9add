import type { TableEntityResult } from '@azure/data-tables';
import * as z from 'zod';
import type { AskedTenants } from '../../access/tenants/selected-tenants.ts';
import type { Actor } from '../../core/caller.ts';
import { BrokerError, type ErrorCode, isErrorCode } from '../../core/errors.ts';
import { parseTenantId } from '../../core/identifiers.ts';
import { scrub } from '../../core/log.ts';
import { type ParameterValues, parameterValuesSchema } from '../../core/parameters.ts';
import { askedTenantsSchema, runRequestSchema } from '../engine/run-schemas.ts';
import { numbersText, readNumbersText } from '../history/tenant-numbers.ts';
import type { TenantTrace } from '../job/tenant-trace.ts';
import type { RunChange } from './run-log.ts';
import {
  parseRunId,
  type Run,
  type RunId,
  type RunRequest,
  type RunStatus,
  runStatuses,
  type TenantOutcome,
  tenantOutcomes,
  type TenantRun,
} from './run.ts';

/** A property holds at most 32,768 characters. */
const maxLength = 30_000;

/** The parameters apart from the request, which may name thousands of tenants. Absent if the run has none. */
export function parametersProperties(parameters: RunRequest['parameters']): Record<string, string> {
  const text = JSON.stringify(parameters);
  if (text.length > maxLength)
    throw new BrokerError('request_invalid', `The parameters take more than ${maxLength} characters.`);
  return text === '{}' ? {} : { parameters: text };
}

/** @returns undefined for a run without parameters, and one of an earlier version. */
const readParametersText = (text: string | undefined): ParameterValues | undefined =>
  parameterValuesSchema.safeParse(jsonOf(text)).data;

/** What was asked for, to be shown. Absent if it does not fit, because nothing is decided by it. */
export function askedProperties(asked: AskedTenants | undefined): Record<string, string> {
  const text = asked === undefined ? '' : JSON.stringify(asked);
  return text === '' || text.length > maxLength ? {} : { asked: text };
}

const readAskedText = (text: string | undefined): AskedTenants | undefined =>
  askedTenantsSchema.safeParse(jsonOf(text)).data;

function jsonOf(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}

/** Longest text of a list, in characters. A property of a table holds at most 32,768. */
export const maxListLength = 30_000;

/** Serializes a list of texts as JSON. Texts that do not fit into one property are dropped. */
export function listText(texts: readonly string[]): string {
  let length = 2;
  const fitting = texts.filter((text) => (length += JSON.stringify(text).length + 1) <= maxListLength);
  return JSON.stringify(fitting);
}

export function readList(text: string | undefined): string[] {
  try {
    const list: unknown = JSON.parse(text ?? '[]');
    return Array.isArray(list) ? list.filter((item) => typeof item === 'string') : [];
  } catch {
    return [];
  }
}

/** The properties of the table TenantRuns that hold a trace (docs/storage-schema.md). */
export function traceProperties(trace: TenantTrace | undefined): Record<string, string | number> {
  if (trace === undefined) return {};
  const { error, log, droppedLines } = trace;
  return { ...(error === undefined ? {} : { error }), log: JSON.stringify(log), droppedLines };
}

const lineSchema = z.object({
  atMs: z.number(),
  level: z.enum(['debug', 'info', 'warn', 'error']),
  event: z.string(),
  fields: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
});

const propertiesSchema = z.object({
  error: z.string().optional().catch(undefined),
  log: z.array(lineSchema).catch([]),
  droppedLines: z.number().catch(0),
});

/** Reads a trace. @returns undefined without one. A log that somebody changed counts as empty. */
export function readTrace(entity: Readonly<Record<string, unknown>>): TenantTrace | undefined {
  if (entity['log'] === undefined) return undefined;
  return propertiesSchema.parse({ ...entity, log: parsed(entity['log']) });
}

function parsed(text: unknown): unknown {
  try {
    return typeof text === 'string' ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}

/** An entity of the tables Runs and TenantRuns (docs/storage-schema.md). Times are ISO 8601. */
type Entity = { partitionKey: string; rowKey: string } & Record<string, string | number>;
type Read = TableEntityResult<Record<string, unknown>>;

export interface Keys {
  readonly partitionKey: string;
  readonly rowKey: string;
}

/** Returns the keys of a run's row, or undefined if the text is not a run id. */
export function keysOf(runId: RunId): Keys | undefined {
  const parts = parseRunId(runId);
  return parts && { partitionKey: parts.job, rowKey: parts.window };
}

/** A property holds at most 32,768 characters, so a request with thousands of tenants needs several. */
const chunkLength = 30_000;
const maxChunks = 12;
/** Maximum length of a stored error detail or warning, in characters. */
const maxDetailLength = 1000;
/** 12 × 30,000 characters: an entity may take 1 MiB, at two bytes per character. */
export const maxRequestLength = chunkLength * maxChunks;

export function requestProperties(request: RunRequest): Record<string, string> {
  const text = requestText(request);
  const chunks = Array.from({ length: Math.ceil(text.length / chunkLength) }, (_, index) =>
    text.slice(index * chunkLength, (index + 1) * chunkLength),
  );
  return Object.fromEntries(chunks.map((chunk, index) => [`request${index}`, chunk]));
}

/**
 * An earlier version must not plan a request with a choice, because it would visit all tenants. It refuses a request
 * without `parameters`, so these have another name here.
 */
export const requestText = ({ parameters, ...request }: RunRequest): string =>
  JSON.stringify(request.choice === undefined ? { ...request, parameters } : { ...request, given: parameters });

export function readRequest(entity: Read): RunRequest | undefined {
  const text = Array.from({ length: maxChunks }, (_, index) => textAt(entity, `request${index}`) ?? '').join('');
  if (text === '') return undefined;
  return runRequestSchema.parse(JSON.parse(text));
}

/** All properties except the request; enough to list and show runs. */
export const runProperties = [
  'partitionKey',
  'rowKey',
  'status',
  'startedBy',
  'starterObject',
  'starterName',
  'correlationId',
  'createdAt',
  'scope',
  'startedAt',
  'finishedAt',
  'total',
  'succeeded',
  'failed',
  'skipped',
  'notAttempted',
  'stopCode',
  'stopDetail',
  'cancelRequestedAt',
  'warnings',
  'planDigest',
  'query',
] as const;

export function changeProperties(change: RunChange): Record<string, string | number> {
  const { status, startedAtMs, finishedAtMs, tenants, stoppedBy, cancelRequestedAtMs, warnings, planDigest } = change;
  return {
    ...(status === undefined ? {} : { status }),
    ...(startedAtMs === undefined ? {} : { startedAt: iso(startedAtMs) }),
    ...(finishedAtMs === undefined ? {} : { finishedAt: iso(finishedAtMs) }),
    ...tenants,
    ...(stoppedBy === undefined
      ? {}
      : { stopCode: stoppedBy.code, stopDetail: scrub(stoppedBy.detail).slice(0, maxDetailLength) }),
    ...(cancelRequestedAtMs === undefined ? {} : { cancelRequestedAt: iso(cancelRequestedAtMs) }),
    ...(warnings === undefined
      ? {}
      : { warnings: listText(warnings.map((text) => scrub(text).slice(0, maxDetailLength))) }),
    ...(planDigest === undefined ? {} : { planDigest }),
  };
}

/** A name comes from a token and has no limit of its own. */
const maxNameLength = 256;

export const starterProperties = (starter: Actor | undefined): Record<string, string> => ({
  ...(starter === undefined ? {} : { starterObject: starter.objectId }),
  ...(starter?.name === undefined ? {} : { starterName: starter.name.slice(0, maxNameLength) }),
});

function starterAt(entity: Read): Actor | undefined {
  const [objectId, name] = [textAt(entity, 'starterObject'), textAt(entity, 'starterName')];
  return objectId === undefined ? undefined : { objectId, ...(name === undefined ? {} : { name }) };
}

export function readRun(entity: Read): Run {
  const { partitionKey: job = '', rowKey: window = '' } = entity;
  const stopCode = codeAt(entity, 'stopCode');
  return {
    runId: `${job}@${window}`,
    job,
    window,
    status: statusOf(textAt(entity, 'status')),
    startedBy: textAt(entity, 'startedBy') ?? '',
    starter: starterAt(entity),
    correlationId: textAt(entity, 'correlationId'),
    createdAtMs: timeAt(entity, 'createdAt') ?? 0,
    scope: textAt(entity, 'scope') === 'selected' ? 'selected' : 'all',
    startedAtMs: timeAt(entity, 'startedAt'),
    finishedAtMs: timeAt(entity, 'finishedAt'),
    tenants: {
      total: numberAt(entity, 'total'),
      succeeded: numberAt(entity, 'succeeded'),
      failed: numberAt(entity, 'failed'),
      skipped: numberAt(entity, 'skipped'),
      notAttempted: numberAt(entity, 'notAttempted'),
    },
    stoppedBy: stopCode && { code: stopCode, detail: textAt(entity, 'stopDetail') ?? '' },
    cancelRequestedAtMs: timeAt(entity, 'cancelRequestedAt'),
    warnings: isAbsent(entity, 'warnings') ? undefined : readList(textAt(entity, 'warnings')),
    parameters: readParametersText(textAt(entity, 'parameters')),
    asked: readAskedText(textAt(entity, 'asked')),
    planDigest: textAt(entity, 'planDigest'),
    query: textAt(entity, 'query'),
  };
}

export const tenantRunEntity = (runId: string, record: TenantRun): Entity => ({
  partitionKey: runId,
  rowKey: record.tenantId,
  name: record.name.slice(0, 500),
  outcome: record.outcome,
  ...(record.code === undefined ? {} : { code: record.code }),
  ...(record.detail === undefined ? {} : { detail: scrub(record.detail).slice(0, maxDetailLength) }),
  round: record.round,
  ...(record.attempts === undefined ? {} : { attempts: record.attempts }),
  rows: record.rows,
  ...(record.more === undefined ? {} : { more: 1 }),
  ...(record.rowsName === undefined ? {} : { rowsName: record.rowsName }),
  ...(record.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: record.retryAfterSeconds }),
  columns: listText(record.columns),
  ...(record.numbers === undefined ? {} : { numbers: numbersText(record.numbers) }),
  startedAt: iso(record.startedAtMs),
  finishedAt: iso(record.finishedAtMs),
  ...traceProperties(record.trace),
});

/** All properties of a tenant's record except its trace; enough to list and count tenants. */
export const tenantRunProperties = [
  'rowKey',
  'name',
  'outcome',
  'code',
  'detail',
  'round',
  'attempts',
  'rows',
  'more',
  'rowsName',
  'retryAfterSeconds',
  'columns',
  'startedAt',
  'finishedAt',
] as const;

/** What the history keeps of a tenant's record. */
export const numbersProperties = ['rowKey', 'outcome', 'rows', 'numbers'] as const;

/** @returns undefined if the row key is not a tenant id. */
export function readTenantRun(entity: Read): TenantRun | undefined {
  const tenantId = parseTenantId(entity.rowKey);
  if (tenantId === undefined) return undefined;
  return {
    tenantId,
    name: textAt(entity, 'name') ?? tenantId,
    outcome: outcomeOf(textAt(entity, 'outcome')),
    code: codeAt(entity, 'code'),
    detail: textAt(entity, 'detail'),
    round: numberAt(entity, 'round'),
    attempts: isAbsent(entity, 'attempts') ? undefined : numberAt(entity, 'attempts'),
    rows: numberAt(entity, 'rows'),
    ...(isAbsent(entity, 'more') ? {} : { more: true }),
    rowsName: textAt(entity, 'rowsName'),
    retryAfterSeconds: isAbsent(entity, 'retryAfterSeconds') ? undefined : numberAt(entity, 'retryAfterSeconds'),
    columns: readList(textAt(entity, 'columns')),
    ...(isAbsent(entity, 'numbers') ? {} : { numbers: readNumbersText(textAt(entity, 'numbers')) }),
    startedAtMs: timeAt(entity, 'startedAt') ?? 0,
    finishedAtMs: timeAt(entity, 'finishedAt') ?? 0,
    trace: readTrace(entity),
  };
}

export const outcomeOf = (text: string | undefined): TenantOutcome =>
  tenantOutcomes.find((outcome) => outcome === text) ?? 'failed';
const statusOf = (text: string | undefined): RunStatus => runStatuses.find((status) => status === text) ?? 'pending';

const iso = (ms: number): string => new Date(ms).toISOString();

/** Azure answers null for a selected property that a row lacks (Azure/azure-sdk-for-js, issue 17407). Azurite leaves it out. */
const isAbsent = (entity: Read, name: string): boolean => (entity[name] ?? undefined) === undefined;

export function textAt(entity: Read, name: string): string | undefined {
  const value = entity[name];
  return typeof value === 'string' ? value : undefined;
}

function numberAt(entity: Read, name: string): number {
  const value = entity[name];
  return typeof value === 'number' ? value : 0;
}

function timeAt(entity: Read, name: string): number | undefined {
  const ms = Date.parse(textAt(entity, name) ?? '');
  return Number.isNaN(ms) ? undefined : ms;
}

function codeAt(entity: Read, name: string): ErrorCode | undefined {
  const code = textAt(entity, name);
  return isErrorCode(code) ? code : undefined;
}
