import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { parseTenantId } from '../../lib/core/identifiers.ts';
import type { ConsentJournal, JournalEntry } from '../../lib/consent/customer-grants.ts';
import { CommandFailure } from '../command-failure.ts';

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Where the command line keeps what must survive it: `XDG_STATE_HOME` if it is set (XDG Base Directory Specification),
 * otherwise `%LOCALAPPDATA%` on Windows and `~/.local/state` elsewhere.
 */
export function stateFolder(environment: Variables, platform: NodeJS.Platform): string {
  const localState = platform === 'win32' ? environment['LOCALAPPDATA'] : undefined;
  const base = environment['XDG_STATE_HOME'] || localState || join(homedir(), '.local', 'state');
  return join(base, 'partner-token-broker');
}

const resources = z.array(z.object({ appId: z.string(), name: z.string(), scopes: z.array(z.string()) }));
const entrySchema = z.object({
  tenantId: z.string().transform((text, context) => {
    const id = parseTenantId(text);
    if (id !== undefined) return id;
    context.addIssue({ code: 'custom', message: 'is not a tenant id' });
    return z.NEVER;
  }),
  name: z.string(),
  startedAtMs: z.number(),
  before: resources,
  after: resources,
});

/** A journal of one application: one file per customer, which holds permission names and no secret. */
export function createJournalFiles(folder: string, clientId: string): ConsentJournal {
  const place = join(folder, 'consent', clientId);
  const fileOf = (tenantId: string): string => join(place, `${tenantId}.json`);
  return {
    save: async (entry) => {
      await mkdir(place, { recursive: true, mode: 0o700 });
      const file = fileOf(entry.tenantId);
      // Written in full before it gets its name, so that a killed command leaves no half of a file.
      const handle = await open(`${file}.new`, 'w', 0o600);
      try {
        await handle.writeFile(`${JSON.stringify(entry, undefined, 2)}\n`);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(`${file}.new`, file);
    },
    list: async () => {
      const names = await readdir(place).catch((error: NodeJS.ErrnoException): readonly string[] => {
        if (error.code === 'ENOENT') return [];
        const step = 'Make the folder readable: it lists consents that an interrupted command withdrew.';
        throw new CommandFailure('config_invalid', `${place}: cannot be read.`, step, { cause: error });
      });
      return Promise.all(names.filter((name) => name.endsWith('.json')).map((name) => readEntry(join(place, name))));
    },
    drop: (tenantId) => rm(fileOf(tenantId), { force: true }),
  };
}

async function readEntry(file: string): Promise<JournalEntry> {
  try {
    return entrySchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    throw new CommandFailure(
      'config_invalid',
      `${file}: cannot be read. It lists the permissions of a customer whose consent an interrupted command withdrew.`,
      'Delete the file, then run `ptb tenants consent --check`.',
    );
  }
}
