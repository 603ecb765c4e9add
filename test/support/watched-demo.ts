import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clearFaults } from 'microsoft-cloud/client';
import { type Demo, type DemoOptions, startDemo } from '../../src/cli/demo/start-demo.ts';
import { appFolder, ptbScript } from '../paths.ts';
import { type Canary, LeakScan } from './leak-scan.ts';
import { secretsInTheVault } from './vault-secrets.ts';

export interface WatchedDemo extends Demo {
  /** What lies here is looked through at the end: Azurite's files, the orchestrations' history, whatever a test adds. */
  readonly folder: string;
  /** Something that the program said, to a person or in its log: looked through at the end. */
  note(where: string, content: string): void;
}

export type WatchedDemoOptions = Pick<DemoOptions, 'tenants'> & Partial<DemoOptions>;

/** The compiled app on ports that the system picks, without faults, delays or words. */
export const quiet = {
  faults: undefined,
  delayMs: undefined,
  port: 0,
  ptbScript,
  appFolder,
  say: () => undefined,
} as const satisfies Partial<DemoOptions>;

/**
 * The whole product on this machine, for an end-to-end test, and an eye on all that it leaves behind: storage,
 * orchestrations, log, and every answer that this process fetches from it. `stop` throws when a secret of the vault, a
 * token that was handed out, or anything that looks like a token stands in any of these.
 */
export async function startWatchedDemo(options: WatchedDemoOptions): Promise<WatchedDemo> {
  const folder = await mkdtemp(join(tmpdir(), 'ptb-watched-'));
  const azuriteFolder = join(folder, 'azurite');
  await mkdir(azuriteFolder);
  const noted = new Map<string, string[]>();
  const note = (where: string, content: string): void => {
    const before = noted.get(where);
    if (before === undefined) noted.set(where, [content]);
    else before.push(content);
  };
  const demo = await startDemo({
    ...quiet,
    azuriteFolder,
    hostStorePath: join(folder, 'host.sqlite'),
    ...options,
    onHostLine: (line) => {
      note('log of the function app', line);
      options.onHostLine?.(line);
    },
  }).catch(async (error: unknown) => {
    await rm(folder, { recursive: true, force: true });
    throw error;
  });
  const tokens = new Set<string>();
  const answers = watchAnswers(demo.url, note, (token) => tokens.add(token));
  let stopped = false;
  return {
    ...demo,
    folder,
    note,
    stop: async () => {
      if (stopped) return;
      stopped = true;
      try {
        await answers.ended();
        await clearFaults(demo.cloud.control);
        const canaries: Canary[] = [...tokens].map((value, index) => ({ name: `token ${index}`, value }));
        const scan = new LeakScan([...(await secretsInTheVault(demo)), ...canaries]);
        // Azurite writes its last lines when it ends.
        await demo.stop();
        await scan.scanFolder(folder);
        for (const [where, contents] of noted) scan.scan({ where, content: contents.join('\n') });
        console.log(scan.summary('storage, orchestrations, log and answers'));
        scan.refuse();
      } finally {
        await demo.stop();
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}

/** Notes the text of each answer from an address. One that hands out a token is not noted: its token is looked for. */
function watchAnswers(
  url: string,
  note: (where: string, content: string) => void,
  found: (token: string) => void,
): { ended(): Promise<void> } {
  const { fetch } = globalThis;
  const reading = new Set<Promise<void>>();
  const read = async (where: string, response: Response): Promise<void> => {
    const text = await response.text();
    const token = /"accessToken":"([^"]+)"/.exec(text)?.[1];
    if (token === undefined) note(where, `${[...response.headers].join('\n')}\n${text}`);
    else found(token);
  };
  globalThis.fetch = async (input, init) => {
    const address = input instanceof Request ? input.url : String(input);
    const response = await fetch(input, init);
    if (address.startsWith(url)) {
      // What the test cancels ends here too.
      const done = read(`answer of ${address}`, response.clone()).catch(() => undefined);
      reading.add(done);
      void done.finally(() => reading.delete(done));
    }
    return response;
  };
  return {
    ended: async () => {
      globalThis.fetch = fetch;
      await Promise.all(reading);
    },
  };
}
