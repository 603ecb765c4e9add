import { hash } from 'node:crypto';
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { parseTenantId, type TenantId } from '../../lib/core/identifiers.ts';
import { parseJson } from '../../lib/core/outbound.ts';
import { UsageError } from '../run-program.ts';
import { privateFile, privateFolder } from '../whole-file.ts';

/** What is known of the tenants of one command, in a file beside their folders. */
export interface ExecJournal {
  /** Tenants for which the program succeeded before. */
  readonly done: ReadonlySet<string>;
  /** Adds a tenant for which the program has ended. */
  add(tenantId: string, outcome: string): Promise<void>;
}

const fileName = 'ptb-exec.jsonl';

const headSchema = z.object({ version: z.literal(1), command: z.string() });
const lineSchema = z.object({ tenantId: z.string(), outcome: z.string() });

/** Appends text to a file. */
type Append = (file: string, text: string) => Promise<void>;

/** A journal that remembers nothing, for a command without a folder. */
export const noJournal: ExecJournal = { done: new Set(), add: async () => undefined };

/**
 * Opens the journal in a folder, which need not exist.
 * @param command program and arguments. The file keeps only their digest, because an argument may be a secret.
 * @param resume whether to go on with an earlier command in this folder.
 * @throws UsageError if the folder has the results of another command, or of an earlier one and `resume` is false.
 */
export async function openJournal(
  folder: string,
  command: readonly string[],
  resume: boolean,
  append: Append = appendFile,
): Promise<ExecJournal> {
  const file = join(folder, fileName);
  const digest = hash('sha256', JSON.stringify(command), 'hex');
  const earlier = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  // Without a whole first line, no program has been started.
  const isNew = earlier?.includes('\n') !== true;
  if (isNew) {
    await mkdir(folder, privateFolder);
    await writeFile(file, `${JSON.stringify({ version: 1, command: digest })}\n`, {
      ...privateFile,
      flag: earlier === undefined ? 'wx' : 'w',
    });
  } else if (!resume)
    throw new UsageError(
      `${folder} has the results of an earlier command. Go on with it by --resume, or choose another folder.`,
    );
  else if (commandOf(earlier) !== digest)
    throw new UsageError(`${folder} has the results of another program or other arguments. Choose another folder.`);
  // A line is cut at its end if the process is killed or the disk is full. The next one must not become part of it.
  let isCut = !isNew && !earlier.endsWith('\n');
  const write = async (line: object): Promise<void> => {
    const text = `${isCut ? '\n' : ''}${JSON.stringify(line)}\n`;
    isCut = true;
    await append(file, text);
    isCut = false;
  };
  let last = Promise.resolve();
  return {
    done: isNew ? new Set() : doneIn(earlier),
    add: (tenantId, outcome) => {
      const written = last.then(() => write({ tenantId, outcome }));
      last = written.catch(() => undefined);
      return written;
    },
  };
}

const linesOf = (text: string): unknown[] => text.split('\n').map(parseJson);

const commandOf = (text: string): string | undefined => headSchema.safeParse(linesOf(text)[0]).data?.command;

/** A later line of a tenant replaces earlier ones. A line that was cut counts for nothing. */
function doneIn(text: string): Set<TenantId> {
  const done = new Set<TenantId>();
  for (const line of linesOf(text).slice(1)) {
    const { data } = lineSchema.safeParse(line);
    const tenantId = parseTenantId(data?.tenantId);
    if (tenantId === undefined) continue;
    if (data?.outcome === 'succeeded') done.add(tenantId);
    else done.delete(tenantId);
  }
  return done;
}
