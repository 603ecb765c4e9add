import * as z from 'zod';
import type { ResultsAnswer, RunAnswer } from '../answers/runs.ts';
import { BrokerError } from '../../core/errors.ts';
import { isEnded } from '../../runs/store/run.ts';
import { type Ask, jsonOf } from './ask.ts';
import { fit, maxDataBytes, shortenedNote, sizeOf } from './bounds.ts';

/** Some rows of a run. */
interface RowsPage {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  readonly continuation?: string;
}

/** The same, with what an agent must know about them. */
export interface NotedRows {
  readonly page: RowsPage;
  readonly notes: readonly string[];
}

/** Largest page in rows. */
export const maxRows = 500;

/** Of {@link RowsPage}, for the output of a tool. */
export const rowsPage = z.object({
  rows: z.array(z.record(z.string(), z.unknown())).readonly(),
  continuation: z.string().optional().meta({
    description: 'For read_rows. Present if there are more rows, or if the run has not ended.',
  }),
});

/**
 * The orders of the rows, by the letter before a continuation. A run in progress is read as tenants finish. One that has ended
 * is read in the order of the plan, whose continuations are short: a model has to copy them.
 */
const orders = { p: 'plan', a: 'arrival' } as const;
type OrderLetter = keyof typeof orders;

/** Which rows to read. */
export interface RowsRequest {
  readonly limit: number;
  /** Of an earlier page. */
  readonly continuation?: string | undefined;
}

/**
 * Reads as many rows as fit into an answer, at least one. A row that is too large alone is shortened, and a note says so.
 * @throws BrokerError request_invalid for a wrong continuation, or as the routes do.
 */
export async function readRows(ask: Ask, runId: string, { limit, continuation }: RowsRequest): Promise<NotedRows> {
  const { letter, position } =
    continuation === undefined ? { letter: await letterOf(ask, runId), position: undefined } : parse(continuation);
  for (let most = limit; ; ) {
    const query = { format: 'json', order: orders[letter], limit: String(most), continuation: position };
    const page = jsonOf(await ask({ route: 'runs-results', path: { runId }, query })) as ResultsAnswer;
    const next = page.continuation === undefined ? {} : { continuation: `${letter}.${page.continuation}` };
    if (sizeOf(page.rows) <= maxDataBytes) return { page: { rows: page.rows, ...next }, notes: [] };
    const { items } = fit(page.rows);
    if (page.rows.length === 1) return { page: { rows: items, ...next }, notes: [shortenedNote] };
    // A continuation stands after the last row of its page, so a shorter page is asked for.
    most = items.length;
  }
}

async function letterOf(ask: Ask, runId: string): Promise<OrderLetter> {
  const { status } = jsonOf(await ask({ route: 'runs-show', path: { runId } })) as RunAnswer;
  return isEnded(status) ? 'p' : 'a';
}

function parse(continuation: string): { readonly letter: OrderLetter; readonly position: string } {
  const [letter, position] = [continuation.charAt(0), continuation.slice(2)];
  if ((letter === 'p' || letter === 'a') && continuation.charAt(1) === '.' && position !== '')
    return { letter, position };
  throw new BrokerError('request_invalid', 'continuation: is none of an earlier answer.');
}
