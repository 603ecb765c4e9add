import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clearFaults } from 'microsoft-cloud/client';
import { type Demo, type DemoOptions, startDemo } from '../../src/cli/demo/start-demo.ts';
import { appFolder, ptbScript } from '../paths.ts';
import { type Canary, LeakScan } from './leak-scan.ts';
import { storeCredential } from './stored-credential.ts';
import { secretsInTheVault } from './vault-secrets.ts';

export interface WatchedDemo extends Demo {
  /** Scanned at the end: Azurite's files, orchestration histories, and files that a test adds. */
  readonly folder: string;
  /** Adds output of the program, which is scanned at the end. */
  note(where: string, content: string): void;
}

export type WatchedDemoOptions = Pick<DemoOptions, 'tenants'> & Partial<DemoOptions>;

/** The compiled app on free ports, without faults, delays or output. */
export const quiet = {
  faults: undefined,
  delayMs: undefined,
  port: 0,
  ptbScript,
  appFolder,
  say: () => undefined,
} as const satisfies Partial<DemoOptions>;

/**
 * Starts the whole product for an end-to-end test and collects everything it writes: storage, orchestrations, log, and
 * every answer that this process fetches from it. `stop` throws if any of these contains a secret of the vault, an
 * issued token, or anything that looks like a token.
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
    obtainCredential: (_script, _environment, cloud) => storeCredential(cloud),
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
        // Azurite writes its last lines when it exits.
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

/** Everything of a demo but the app. */
export type DemoWithoutApp = Omit<WatchedDemo, 'url' | 'api' | 'masterKey' | 'hostPid'>;

/** Starts what an app needs, for a test that starts hosts itself, with settings of its own. `stop` scans for leaks. */
export const startDemoWithoutApp = (options: WatchedDemoOptions): Promise<DemoWithoutApp> =>
  startWatchedDemo({ ...options, startApp: noApp });

/** Starts nothing. */
export const noApp: NonNullable<DemoOptions['startApp']> = async () => ({
  ready: { url: 'http://app.invalid' },
  pid: 0,
  exited: new Promise(() => {}),
  stop: async () => undefined,
  kill: async () => undefined,
});

/** Collects each answer from an address. An answer with a token is not collected; the scan searches for its token. */
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
      // A body that the test cancels ends here, too.
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
