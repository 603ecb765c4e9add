import { isJsonObject } from '../graph/reply.ts';
import { BrokerError } from '../model/errors.ts';
import { scrub } from '../runtime/log.ts';
import { objectRow } from '../runs/object-row.ts';
import type { StoredRow } from '../runs/row.ts';
import type { QueryRows } from '../runs/tenant-run.ts';

/** What a query keeps of a tenant at most, so that 20 tenants at a time fit into the memory of a small instance. */
export const rowLimits = { rows: 50_000, bytes: 16 * 1024 * 1024, rowBytes: 1024 * 1024 } as const;

/** A page of an answer. */
export interface AnswerPage {
  readonly rows: readonly StoredRow[];
  /** Link to the next page, as the gateway rewrote it. */
  readonly next: string | undefined;
}

/**
 * The rows of an answer: the members of `value`, or the one object.
 * @throws BrokerError request_invalid for an answer that has no rows.
 */
export function pageOf(contentType: string | undefined, body: Uint8Array): AnswerPage {
  if (body.length === 0) return { rows: [], next: undefined };
  const answer = parsed(
    contentType,
    Buffer.from(body)
      .toString('utf8')
      .replace(/^\uFEFF/, ''),
  );
  if (!isJsonObject(answer)) return { rows: listOf(answer).map(rowOf), next: undefined };
  const { value } = answer;
  if (!Array.isArray(value)) return { rows: [rowOf(answer)], next: undefined };
  const next = answer['@odata.nextLink'] ?? answer['@nextLink'];
  return { rows: value.map(rowOf), next: typeof next === 'string' ? next : undefined };
}

const listOf = (answer: unknown): readonly unknown[] => (Array.isArray(answer) ? answer : [answer]);

function parsed(contentType = '', text: string): unknown {
  // `/users/$count` is a plain number.
  if (/^text\/plain\b/i.test(contentType) && /^\d{1,15}$/.test(text.trim())) return Number(text);
  if (!/^application\/(?:[\w.-]+\+)?json\b/i.test(contentType)) {
    const type = scrub(contentType).slice(0, 60) || 'no type';
    throw new BrokerError('request_invalid', `Microsoft Graph answers with ${type}; a query reads JSON only.`);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new BrokerError('resource_error', 'Microsoft Graph answers with JSON that cannot be read.', { cause });
  }
}

const rowOf = (item: unknown): StoredRow => (isJsonObject(item) ? objectRow(item) : { value: item });

/** Collects the rows of one tenant, as they are stored. */
export class RowCollector {
  readonly #lines: string[] = [];
  readonly #columns = new Set<string>();
  #bytes = 0;

  get count(): number {
    return this.#lines.length;
  }

  /** @returns false if a row was left out because it is too large, or there are too many. */
  add(rows: readonly StoredRow[]): boolean {
    for (const row of rows) {
      const line = lineOf(row);
      if (line === undefined || this.#lines.length >= rowLimits.rows) return false;
      const bytes = Buffer.byteLength(line) + 1;
      if (this.#bytes + bytes > rowLimits.bytes) return false;
      for (const name of Object.keys(row)) this.#columns.add(scrub(name));
      this.#lines.push(line);
      this.#bytes += bytes;
    }
    return true;
  }

  /** @param missing why rows are missing. */
  done(missing?: string): QueryRows {
    return {
      jsonLines: this.#lines.map((line) => `${line}\n`).join(''),
      count: this.#lines.length,
      columns: [...this.#columns],
      ...(missing === undefined ? {} : { missing }),
    };
  }
}

/**
 * Text that looks like a token is replaced: rows are kept, and whoever reads them may not be allowed to hold tokens.
 * @returns undefined for a row that is too large.
 */
function lineOf(row: StoredRow): string | undefined {
  const line = JSON.stringify(row);
  if (line.length > rowLimits.rowBytes) return undefined;
  return scrub(line) === line ? line : JSON.stringify(scrubbed(row));
}

function scrubbed(value: unknown): unknown {
  if (typeof value === 'string') return scrub(value);
  if (Array.isArray(value)) return value.map(scrubbed);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [scrub(name), scrubbed(inner)]));
}
