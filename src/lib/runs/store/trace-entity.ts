import * as z from 'zod';
import type { TenantTrace } from '../job/tenant-trace.ts';

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
