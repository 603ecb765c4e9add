import { hash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { parseTenantId } from '../../lib/core/identifiers.ts';

const tenantId = z.string().transform((text, context) => {
  const id = parseTenantId(text);
  if (id !== undefined) return id;
  context.addIssue({ code: 'custom', message: 'is not a tenant id' });
  return z.NEVER;
});

const signInSchema = z.object({
  /** Address of the broker. */
  url: z.string(),
  entraEndpoint: z.string(),
  tenantId,
  clientId: z.string(),
  scope: z.string(),
  account: z.string(),
  accessToken: z.string(),
  expiresAtMs: z.number(),
  refreshToken: z.string(),
});

/** A sign-in of `ptb login`, as it is kept on this machine. */
export type KeptSignIn = z.output<typeof signInSchema>;

/** The sign-ins of this account of the machine: one file per broker, which only the account may read. */
export interface SignInFiles {
  /** Undefined: there is none, or it cannot be read. */
  find(url: string): Promise<KeptSignIn | undefined>;
  list(): Promise<readonly KeptSignIn[]>;
  save(signIn: KeptSignIn): Promise<void>;
  /** @returns whether there was one. */
  drop(url: string): Promise<boolean>;
}

/** @param stateFolder see `stateFolder`. */
export function createSignInFiles(stateFolder: string): SignInFiles {
  const place = join(stateFolder, 'sign-ins');
  const fileOf = (url: string): string => join(place, `${hash('sha256', url, 'hex').slice(0, 16)}.json`);
  return {
    find: (url) => readSignIn(fileOf(url)),
    list: async () => {
      const names = await readdir(place).catch((): readonly string[] => []);
      const all = await Promise.all(
        names.filter((name) => name.endsWith('.json')).map((name) => readSignIn(join(place, name))),
      );
      return all.filter((signIn) => signIn !== undefined);
    },
    save: async (signIn) => {
      await mkdir(place, { recursive: true, mode: 0o700 });
      const file = fileOf(signIn.url);
      // Written in full before it gets its name: another command may read it at the same time.
      const draft = `${file}.${randomUUID()}`;
      try {
        await writeFile(draft, `${JSON.stringify(signIn, undefined, 2)}\n`, { mode: 0o600, flag: 'wx' });
        await rename(draft, file);
      } catch (thrown) {
        await rm(draft, { force: true }).catch(() => undefined);
        throw thrown;
      }
    },
    drop: async (url) => {
      const existed = (await readSignIn(fileOf(url))) !== undefined;
      await rm(fileOf(url), { force: true });
      return existed;
    },
  };
}

async function readSignIn(file: string): Promise<KeptSignIn | undefined> {
  try {
    return signInSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return undefined;
  }
}
