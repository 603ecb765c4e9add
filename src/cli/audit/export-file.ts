import type { JWK } from 'jose';
import * as z from 'zod';
import type { StoredRecord } from '../../lib/audit/chain/checkpoint.ts';
import type { Period } from '../../operator/audit/period.ts';
import type { Evidence } from '../../operator/audit/verify-export.ts';
import { minuteMs } from '../../lib/core/clock.ts';
import { asObject } from '../../lib/core/objects.ts';
import { parseJson } from '../../lib/core/outbound.ts';
import { UsageError } from '../run-program.ts';
import { fileLines } from './file-lines.ts';

/*
 * The file of `ptb audit export`: JSON Lines. First what the export is, then checkpoints and public keys, then the records,
 * last how many there are. docs/audit-evidence.md describes it, so that others can read it too.
 */

const keySchema = z.looseObject({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: z.string(),
  y: z.string(),
  kid: z.string(),
});
const lineSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('audit-export'),
    v: z.literal(1),
    /** The tenant id of the partner; of older brokers, the address. */
    broker: z.string(),
    /** Absent if the export has all records. */
    from: z.iso.datetime().optional(),
    to: z.iso.datetime().optional(),
  }),
  z.strictObject({ type: z.literal('checkpoint'), jws: z.string() }),
  z.strictObject({ type: z.literal('key'), jwk: keySchema }),
  z.strictObject({
    type: z.literal('record'),
    record: z.looseObject({ PartitionKey: z.string(), RowKey: z.string() }),
  }),
  z.strictObject({
    type: z.literal('end'),
    records: z.int(),
    /** The end of the records, by the clock of the broker. Older exports lack it. */
    to: z.iso.datetime().optional(),
    exportedAt: z.iso.datetime(),
  }),
]);
/** One line of the file. */
export type ExportLine = z.input<typeof lineSchema>;

/** Clocks of machines may differ by this much. */
const toleratedMs = 2 * minuteMs;

/**
 * Opens an export for verification.
 * @param wanted the part of its period that matters.
 * @param nowMs an export that claims to be of later is refused: records seem old enough to be purged to it that are not.
 * @throws UsageError for a file that is not a whole export.
 */
export async function openExport(file: string, wanted: Period, nowMs: number): Promise<Evidence> {
  const checkpoints: string[] = [];
  const keys: JWK[] = [];
  let header: Extract<ExportLine, { type: 'audit-export' }> | undefined;
  let end: Extract<ExportLine, { type: 'end' }> | undefined;
  let records = 0;
  for await (const line of linesOf(file)) {
    if (header === undefined && line.type !== 'audit-export')
      throw new UsageError(`${file}: is not an export of \`ptb audit export\`.`);
    if (end !== undefined || (header !== undefined && line.type === 'audit-export'))
      throw new UsageError(`${file}: is more than one export.`);
    if (line.type === 'audit-export') header = line;
    else if (line.type === 'checkpoint') checkpoints.push(line.jws);
    else if (line.type === 'key') keys.push(line.jwk);
    else if (line.type === 'end') end = line;
    else records += 1;
  }
  if (header === undefined || end === undefined || end.records !== records)
    throw new UsageError(`${file}: is not complete. Export again.`);
  const exportedMs = Date.parse(end.exportedAt);
  if (exportedMs > nowMs + toleratedMs)
    throw new UsageError(
      `${file}: says that it was written at ${end.exportedAt}, which is in the future. The file was changed, or a clock is wrong.`,
    );
  const limits = {
    fromMs: Math.max(wanted.fromMs, timeOf(header.from, Number.NEGATIVE_INFINITY)),
    toMs: Math.min(wanted.toMs, timeOf(header.to, Number.POSITIVE_INFINITY), timeOf(end.to, Number.POSITIVE_INFINITY)),
  };
  return {
    ...limits,
    broker: header.broker,
    exportedMs: Math.min(exportedMs, nowMs),
    checkpoints,
    keys,
    records: () => recordsOf(file),
  };
}

const timeOf = (text: string | undefined, otherwise: number): number =>
  text === undefined ? otherwise : Date.parse(text);

async function* recordsOf(file: string): AsyncIterable<StoredRecord> {
  // `openExport` has checked each line.
  for await (const text of fileLines(file)) {
    const line = parseJson(text) as ExportLine;
    if (line.type === 'record') yield line.record;
  }
}

/** Whether a line, or what is in it, has a member of this name, which some readers take for something else. */
const hasProto = (line: unknown): boolean =>
  [line, ...Object.values(asObject(line))].some((each) => Object.hasOwn(asObject(each), '__proto__'));

async function* linesOf(file: string): AsyncIterable<ExportLine> {
  let number = 0;
  for await (const text of fileLines(file)) {
    number += 1;
    const value = parseJson(text);
    const parsed = lineSchema.safeParse(value);
    // Two members of one name do not survive this, and two readers could take different ones of them.
    if (!parsed.success || JSON.stringify(value) !== text || hasProto(value))
      throw new UsageError(`${file}: line ${number} is not a line of an export.`);
    yield parsed.data;
  }
}
