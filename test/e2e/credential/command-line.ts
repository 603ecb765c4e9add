import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { environmentOf } from 'microsoft-cloud';
import { plainEnvironment, ptbScript } from '../../paths.ts';
import { account } from 'microsoft-cloud/testing';
import { type Ended, runInProcess } from '../../support/command-in-process.ts';
import type { TestOperator } from './operator.ts';

export type { Ended };

type Person = 'admin' | 'broker' | 'nomfa' | 'outsider';

/** Runs `ptb` in an empty working folder, with a browser that signs in. */
export async function openCommandLine({ cloud, note }: Pick<TestOperator, 'cloud' | 'note'>) {
  const folder = await mkdtemp(join(tmpdir(), 'ptb-commands-'));
  const running = new Set<ChildProcess>();

  const environment = () => ({
    ...plainEnvironment(),
    XDG_STATE_HOME: join(folder, 'state'),
    ...environmentOf(cloud.document),
  });

  /**
   * Starts it in a process of its own, for tests of signals, of the built program and of other environments.
   * @param as account that signs in in the browser. Null: no browser.
   */
  function start(
    args: readonly string[],
    as: Person | null = 'broker',
    more: Readonly<Record<string, string | undefined>> = {},
  ) {
    const browser =
      as &&
      `"${process.execPath}" "${ptbScript}" local-browser --control ${cloud.control} --account ${account(cloud, as)}`;
    const child = spawn(process.execPath, [ptbScript, ...args], {
      cwd: folder,
      env: {
        ...environment(),
        ...(browser ? { PTB_BROWSER: browser } : {}),
        ...more,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(child);
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const ended = new Promise<Ended>((resolve) => {
      child.once('close', (exitCode) => {
        running.delete(child);
        note(`ptb ${args.join(' ')}`, stdout + stderr);
        resolve({ exitCode, stdout, stderr });
      });
    });
    return { child, ended };
  }

  return {
    folder,
    start,
    /** Runs it in this process. */
    ptb: async (args: readonly string[], as: Person = 'broker'): Promise<Ended> => {
      const surroundings = { environment: environment(), folder, control: cloud.control, account: account(cloud, as) };
      const ended = await runInProcess(args, surroundings);
      note(`ptb ${args.join(' ')}`, ended.stdout + ended.stderr);
      return ended;
    },
    close: async () => {
      for (const child of running) child.kill('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Resolves when the first fault has affected a request. With `delay`, the request is then processed, but not answered. */
export async function faultMet({ faults }: TestOperator['cloud']): Promise<true> {
  while ((faults.list()[0]?.applied ?? 0) === 0) await new Promise((next) => setTimeout(next, 10));
  return true;
}

export type CommandLine = Awaited<ReturnType<typeof openCommandLine>>;
