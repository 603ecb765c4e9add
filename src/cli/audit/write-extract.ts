import { access, mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { AuditExtractAnswer } from '../../lib/api/answers/audit.ts';
import type { TenantsAnswer } from '../../lib/api/answers/tenants.ts';
import { defined } from '../../lib/core/objects.ts';
import type { BrokerClient } from '../remote/broker-client.ts';
import { progress, say } from '../sign-in/output.ts';

/** What an extract has, as given on the command line. */
export interface ExtractContent {
  readonly since: string;
  readonly until: string;
  /** Records before this time are withheld. */
  readonly withholdBefore?: string;
  /** So are those with one of these texts. */
  readonly withhold?: readonly string[];
}

/**
 * Writes the extract of a tenant to a new file, as the broker sends it. The file is there once it is whole.
 * @returns how many records it has that are proven, and that no checkpoint covers.
 * @throws BrokerError, or an error of the file system.
 */
export async function writeExtract(
  client: BrokerClient,
  file: string,
  { tenant, since, until, withholdBefore, withhold }: ExtractContent & { readonly tenant: string },
): Promise<{ readonly records: number; readonly unsigned: number }> {
  const isThere = await access(file).then(
    () => true,
    () => false,
  );
  if (isThere) throw Object.assign(new Error(`EEXIST: file already exists: ${file}`), { code: 'EEXIST' });
  const part = `${file}.part`;
  // Only the owner may read it: it says who did what. What a stopped run has left is replaced, whoever may read it.
  await rm(part, { force: true });
  const handle = await open(part, 'wx', 0o600);
  try {
    const iso = (text: string | undefined): string | undefined =>
      text === undefined ? undefined : new Date(text).toISOString();
    const period = { since: iso(since), until: iso(until), withholdBefore: iso(withholdBefore) };
    const query = defined({ tenant, ...period, withhold: withhold?.join(',') });
    let page: AuditExtractAnswer | undefined;
    do {
      page = (await client.get('/audit/extract', { ...query, continuation: page?.continuation })) as AuditExtractAnswer;
      await handle.appendFile(page.lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    } while (page.continuation !== undefined);
    await handle.close();
    await rename(part, file);
    const end = page.lines.at(-1);
    return end?.type === 'end'
      ? { records: end.records + end.withheld, unsigned: end.unsigned }
      : { records: 0, unsigned: 0 };
  } catch (thrown) {
    await handle.close();
    await rm(part, { force: true });
    throw thrown;
  }
}

/** Extracts that are written at the same time. */
const atOnce = 4;

/**
 * Writes an extract for each of some tenants, as TENANTID.jsonl in a folder. Files that are there stay: the command can be
 * repeated after a failure.
 * @param set `*`, `group:NAME` or `tag:NAME`.
 * @throws BrokerError if the tenants cannot be read.
 */
export async function writeExtracts(
  client: BrokerClient,
  folder: string,
  set: string,
  content: ExtractContent,
): Promise<{ readonly written: number; readonly present: number; readonly failed: number }> {
  const { tenants } = (await client.get('/tenants', set === '*' ? {} : { tenants: set })) as TenantsAnswer;
  await mkdir(folder, { recursive: true });
  const waiting = tenants.map(({ tenantId }) => tenantId);
  const counts = { written: 0, present: 0, failed: 0 };
  const total = tenants.length;
  const work = async (): Promise<void> => {
    for (let tenant = waiting.shift(); tenant !== undefined; tenant = waiting.shift()) {
      try {
        await writeExtract(client, join(folder, `${tenant}.jsonl`), { ...content, tenant });
        counts.written += 1;
      } catch (thrown) {
        const isThere = (thrown as NodeJS.ErrnoException).code === 'EEXIST';
        counts[isThere ? 'present' : 'failed'] += 1;
        if (!isThere) say(`${tenant}: ${thrown instanceof Error ? thrown.message : 'failed'}`);
      }
      const done = counts.written + counts.present + counts.failed;
      if (done % 50 === 0) progress(`${done} of ${total} tenants.`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return counts;
}
