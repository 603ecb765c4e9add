import { open, rm } from 'node:fs/promises';
import type { AuditExtractAnswer } from '../../lib/api/answers/audit.ts';
import type { BrokerClient } from '../remote/broker-client.ts';

interface ExtractOf {
  readonly tenant: string;
  readonly since: string;
  readonly until: string;
}

/**
 * Writes the extract of a tenant to a new file, as the broker sends it.
 * @returns how many records it has.
 * @throws BrokerError, or an error of the file system.
 */
export async function writeExtract(
  client: BrokerClient,
  file: string,
  { tenant, since, until }: ExtractOf,
): Promise<{ readonly records: number; readonly unsigned: number }> {
  // Only the owner may read it: it says who did what.
  const handle = await open(file, 'wx', 0o600);
  try {
    const query = { tenant, since: new Date(since).toISOString(), until: new Date(until).toISOString() };
    let page: AuditExtractAnswer | undefined;
    do {
      page = (await client.get('/audit/extract', { ...query, continuation: page?.continuation })) as AuditExtractAnswer;
      await handle.appendFile(page.lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    } while (page.continuation !== undefined);
    await handle.close();
    const { records = 0, unsigned = 0 } = (page.lines.at(-1) ?? {}) as { records?: number; unsigned?: number };
    return { records, unsigned };
  } catch (thrown) {
    await handle.close();
    // Half of an extract proves nothing, and its name would be taken.
    await rm(file, { force: true });
    throw thrown;
  }
}
