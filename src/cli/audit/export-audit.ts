import { open, rm } from 'node:fs/promises';
import type { AuditCheckpointsAnswer, AuditRecordsAnswer } from '../../lib/api/answers/audit.ts';
import { overlapMs } from '../../lib/audit/chain/checkpoint.ts';
import { readPrevious } from '../../lib/audit/chain/write-checkpoint.ts';
import type { BrokerClient } from '../remote/broker-client.ts';
import type { ExportLine } from './export-file.ts';

export interface ExportCounts {
  readonly records: number;
  readonly checkpoints: number;
  readonly keys: number;
}

/** The period as it was given on the command line. */
export interface GivenPeriod {
  readonly from?: string;
  readonly to?: string;
}

/**
 * Writes an export to a new file. Checkpoints are read first, so that each record that they name is there.
 * @throws BrokerError, or an error of the file system.
 */
export async function exportAudit(
  client: BrokerClient,
  file: string,
  { from, to }: GivenPeriod,
): Promise<ExportCounts> {
  // Only the owner may read it: it says who did what in which tenant.
  const handle = await open(file, 'wx', 0o600);
  const write = (lines: readonly ExportLine[]): Promise<unknown> =>
    handle.appendFile(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  try {
    const period = { ...(from === undefined ? {} : { from: iso(from) }), ...(to === undefined ? {} : { to: iso(to) }) };
    const signed = await exportCheckpoints(client, period, write);
    let records = 0;
    let page: AuditRecordsAnswer | undefined;
    do {
      // All pages must cover the same period, and "now" moves on.
      const range = page === undefined ? period : { from: page.from, to: page.to };
      page = (await client.get('/audit/records', { ...range, continuation: page?.continuation })) as AuditRecordsAnswer;
      records += page.records.length;
      await write(page.records.map((record) => ({ type: 'record', record })));
    } while (page.continuation !== undefined);
    // The clock of this machine may be ahead of the broker's, which has limited the records.
    await write([{ type: 'end', records, to: page.to, exportedAt: new Date().toISOString() }]);
    await handle.close();
    return { records, ...signed };
  } catch (thrown) {
    await handle.close();
    // Half of an export proves nothing, and its name would be taken.
    await rm(file, { force: true });
    throw thrown;
  }
}

const iso = (text: string): string => new Date(text).toISOString();

async function exportCheckpoints(
  client: BrokerClient,
  period: GivenPeriod,
  write: (lines: readonly ExportLine[]) => Promise<unknown>,
): Promise<Omit<ExportCounts, 'records'>> {
  const { from, to } = period;
  const keys = new Map<string, Readonly<Record<string, unknown>>>();
  const endMs = to === undefined ? Number.POSITIVE_INFINITY : Date.parse(to) + overlapMs;
  let checkpoints = 0;
  let page: AuditCheckpointsAnswer | undefined;
  let isBeyond = false;
  do {
    const isFirst = page === undefined;
    page = (await client.get('/audit/checkpoints', {
      from,
      continuation: page?.continuation,
    })) as AuditCheckpointsAnswer;
    // An older broker does not say whose it is, and its checkpoints do not sign it.
    const { broker = client.url } = page as Partial<AuditCheckpointsAnswer>;
    if (isFirst) await write([{ type: 'audit-export', v: 1, broker, ...period }]);
    for (const key of page.keys) keys.set(String(key['kid']), key);
    for (const jws of page.checkpoints) {
      if (isBeyond) break;
      isBeyond = coveredFrom(jws) > endMs;
      checkpoints += 1;
      await write([{ type: 'checkpoint', jws }]);
    }
  } while (page.continuation !== undefined && !isBeyond);
  await write([...keys.values()].map((jwk) => ({ type: 'key', jwk }) as ExportLine));
  return { checkpoints, keys: keys.size };
}

/** From when on a checkpoint covers records. A line that cannot be read is exported too: verification names it. */
function coveredFrom(jws: string): number {
  try {
    return Date.parse(readPrevious(jws).checkpoint.from);
  } catch {
    return Number.NEGATIVE_INFINITY;
  }
}
