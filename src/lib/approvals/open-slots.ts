import * as z from 'zod';
import { parseJson } from '../core/outbound.ts';
import { safeParse } from '../core/json.ts';

/** An open record of an asker. */
export interface OpenSlot {
  readonly id: string;
  /** When it expires, if nobody decides. */
  readonly untilMs: number;
}

const schema = z.array(z.object({ id: z.string(), untilMs: z.number() }));

/** Reads the open records in the row of an asker. An unreadable row counts as none: it limits only the number. */
export function readSlots(row: Readonly<Record<string, unknown>> | undefined): readonly OpenSlot[] {
  const text = row?.['open'];
  const parsed = safeParse(schema, typeof text === 'string' ? parseJson(text) : []);
  return parsed.success ? parsed.data : [];
}

/** The columns of the row of an asker. */
export const slotsOf = (open: readonly OpenSlot[], nowMs: number): { open: string; askedAt: string } => ({
  open: JSON.stringify(open),
  askedAt: new Date(nowMs).toISOString(),
});
