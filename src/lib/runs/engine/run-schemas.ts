import * as z from 'zod';
import { type CallerRole, callerRoles, storedIdentity } from '../../core/caller.ts';
import { type ErrorCode, isErrorCode } from '../../core/errors.ts';
import { parseTenantId, type TenantId } from '../../core/identifiers.ts';
import {
  type Asker,
  type ChangeRequest,
  type GoneOn,
  type Hold,
  type RunId,
  type RunPlan,
  type RunRequest,
  runStatuses,
  tenantOutcomes,
  type WaveProgress,
} from '../store/run.ts';
import type { FinishRunResult } from './finish-run.ts';
import type { PlanRunResult } from './plan-run.ts';
import type { TenantRunResult } from './tenant-run.ts';

/** Input of the activity `visit-tenants`. The history stores it, so it is small and contains no secrets. */
export interface VisitTenantsInput {
  readonly runId: RunId;
  /** Indexes in the plan's `attempt`. */
  readonly indexes: readonly number[];
  /** From 1. */
  readonly round: number;
  /** Whether this is the last round, in which a transient failure is final. */
  readonly last: boolean;
  /** Visits tenants that have a final record again: an apply looks at what became of its changes. */
  readonly again?: boolean | undefined;
  /** External event for the run when an instance has taken the activity. Absent: the run does not wait for it. */
  readonly takenEvent?: string | undefined;
}

/** What an orchestration needs to know of visited tenants. The history stores it. */
export interface VisitSummary {
  /** Indexes of the tenants to retry. */
  readonly retry: readonly number[];
  /** The longest Retry-After of these tenants, in seconds. */
  readonly retryAfterSeconds: number;
  /** Why some tenants were not attempted. */
  readonly stopCode?: ErrorCode | undefined;
  /** Why some attempted tenants have no record. */
  readonly lostBy?: ErrorCode | undefined;
}

/** Output of the activity. Empty members are absent, because most tenants need none. */
export interface TenantsVisitResult extends Pick<VisitSummary, 'stopCode' | 'lostBy'> {
  readonly retry?: readonly number[] | undefined;
  readonly retryAfterSeconds?: number | undefined;
  /** Indexes of the tenants for which the activity had no time. */
  readonly left?: readonly number[] | undefined;
}

/** @param results of the tenants with these indexes, in the same order. */
export function summaryOf(indexes: readonly number[], results: readonly TenantRunResult[]): VisitSummary {
  const stopCode = results.find(({ outcome }) => outcome === 'not_attempted')?.code;
  const lostBy = results.find(({ outcome, unrecorded }) => unrecorded === true && outcome !== 'retrying')?.code;
  return {
    retry: indexes.filter((_, place) => results[place]?.outcome === 'retrying'),
    retryAfterSeconds: Math.max(0, ...results.map((result) => result.retryAfterSeconds ?? 0)),
    ...(stopCode === undefined ? {} : { stopCode }),
    ...(lostBy === undefined ? {} : { lostBy }),
  };
}

// Schemas for data read from storage and orchestration histories. An older build may have written it.

const tenantIdSchema = z.custom<TenantId>((value) => parseTenantId(value) === value);
// An error code that this build does not know counts as `internal`.
export const errorCodeSchema = z
  .custom<ErrorCode>((value) => typeof value === 'string')
  .transform((code) => (isErrorCode(code) ? code : 'internal'));
const parametersSchema = z.record(z.string(), z.unknown());

const requestedTenants = z.array(tenantIdSchema).optional();

export const requestedTenantsSchema = z.object({
  tenants: z.array(z.string()).optional(),
  except: z.array(z.string()).optional(),
});

const askerSchema: z.ZodType<Asker> = z.object({
  ...storedIdentity,
  // A role that this build does not know opens nothing.
  roles: z.array(z.string()).transform((roles) => roles.filter(isRole)),
  tenantId: tenantIdSchema,
  name: z.string(),
  client: z.string().optional(),
  correlationId: z.string().optional(),
});

const stopLimitsSchema = z.object({ failed: z.number(), unclear: z.number() });

const changeRequestSchema: z.ZodType<ChangeRequest> = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('apply'),
    plan: z.string(),
    digest: z.string(),
    waves: z.array(z.number()),
    waveNames: z.array(z.string()).optional(),
    stop: stopLimitsSchema,
    pauseMinutes: z.number(),
    confirmWaves: z.boolean(),
    expiresAtMs: z.number(),
    approvalId: z.string().optional(),
    rules: z.array(z.string()),
  }),
  z.object({ kind: z.literal('undo'), apply: z.string() }),
]);

export const holdSchema: z.ZodType<Hold> = z.object({
  id: z.string(),
  atMs: z.number(),
  code: errorCodeSchema,
  detail: z.string(),
});

export const goneOnSchema: z.ZodType<GoneOn> = z.object({
  hold: z.string().optional(),
  wave: z.number(),
  bad: stopLimitsSchema.extend({ unconfirmed: z.number() }),
  by: z.string(),
  gates: z
    .array(
      z.object({
        wave: z.number(),
        atMs: z.number(),
        by: z.string(),
        reason: z.string().optional(),
        held: z.string().optional(),
      }),
    )
    .optional(),
});

export const waveProgressSchema: z.ZodType<WaveProgress> = z.object({
  wave: z.number(),
  endedAtMs: z.number().optional(),
  waits: z.literal(true).optional(),
  isLast: z.literal(true).optional(),
});

const isRole = (role: string): role is CallerRole => callerRoles.some((known) => known === role);

/** The parameters have another name beside a choice (`requestText`). */
export const runRequestSchema: z.ZodType<RunRequest> = z.union([
  z.object({
    tenants: requestedTenants,
    parameters: parametersSchema,
    asker: askerSchema.optional(),
    change: changeRequestSchema.optional(),
  }),
  z
    .object({
      tenants: requestedTenants,
      choice: requestedTenantsSchema,
      given: parametersSchema,
      asker: askerSchema.optional(),
    })
    .transform(({ given, ...request }) => ({ ...request, parameters: given })),
]);

export const runPlanSchema: z.ZodType<RunPlan> = z.object({
  job: z.string(),
  parameters: parametersSchema,
  asker: askerSchema.optional(),
  change: changeRequestSchema.optional(),
  attempt: z.array(
    z.object({
      tenantId: tenantIdSchema,
      name: z.string(),
      defaultDomain: z.string().optional(),
      wave: z.number().optional(),
      planned: z.object({ rowsName: z.string().optional(), rowsDigest: z.string().optional() }).optional(),
    }),
  ),
  decided: z.array(
    z.object({
      tenantId: tenantIdSchema,
      name: z.string(),
      outcome: z.enum(tenantOutcomes),
      code: errorCodeSchema.optional(),
      detail: z.string().optional(),
      round: z.number(),
      rows: z.number(),
      columns: z.array(z.string()),
      startedAtMs: z.number(),
      finishedAtMs: z.number(),
    }),
  ),
  warnings: z.array(z.string()).optional(),
});

export const planRunResultSchema: z.ZodType<PlanRunResult> = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), attempt: z.number(), total: z.number(), waves: z.array(z.number()).optional() }),
  z.object({
    ok: z.literal(false),
    code: errorCodeSchema,
    detail: z.string(),
    transient: z.boolean(),
    retryAfterSeconds: z.number().optional(),
  }),
]);

export const tenantRunResultSchema: z.ZodType<TenantRunResult> = z.object({
  outcome: z.enum([...tenantOutcomes, 'not_attempted']),
  code: errorCodeSchema.optional(),
  retryAfterSeconds: z.number().optional(),
  unrecorded: z.literal(true).optional(),
});

const indexesSchema = z.array(z.number()).optional();

export const tenantsVisitResultSchema: z.ZodType<TenantsVisitResult> = z.object({
  retry: indexesSchema,
  left: indexesSchema,
  retryAfterSeconds: z.number().optional(),
  stopCode: errorCodeSchema.optional(),
  lostBy: errorCodeSchema.optional(),
});

export const finishRunResultSchema: z.ZodType<FinishRunResult> = z.object({
  status: z.enum(runStatuses),
  tenants: z.object({
    total: z.number(),
    succeeded: z.number(),
    failed: z.number(),
    skipped: z.number(),
    notAttempted: z.number(),
  }),
});
