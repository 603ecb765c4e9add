import { signIn } from 'microsoft-cloud/client';
import { vi } from 'vitest';
import { systemClock } from '../../src/lib/core/clock.ts';

/** What a command of `ptb` printed, and its exit code. */
export interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Where a command runs, as a new process would. */
export interface Surroundings {
  /** All variables of the environment. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly folder: string;
  /** The control endpoint of the simulated cloud, and the account that signs in there in the browser. */
  readonly control: string;
  readonly account: string;
}

/** Pauses of less than this are shortened. All deadlines of the command line are longer. */
const shortPauseMs = 5_000;
const timesFaster = 20;

let browser: Pick<Surroundings, 'control' | 'account'>;

/** A command takes over the environment, the folder and the output of the process, so only one runs at a time. */
let last: Promise<unknown> = Promise.resolve();

/**
 * Runs a command of `ptb` in this process, which costs a tenth of the processor time of a new process. The command is
 * the real one, except that a person signs in without a program for it, and that short pauses are shorter.
 */
export function runInProcess(args: readonly string[], surroundings: Surroundings): Promise<Ended> {
  const ended = last.then(() => run(args, surroundings));
  last = ended.catch(() => undefined);
  return ended;
}

async function run(args: readonly string[], { environment, folder, ...person }: Surroundings): Promise<Ended> {
  browser = person;
  vi.doMock('../../src/cli/sign-in/browser.ts', () => ({
    openBrowser: async (url: string) => {
      const response = await fetch(await signIn(browser.control, url, browser.account));
      await response.arrayBuffer();
    },
  }));
  const [{ Command }, { registerCommands }, { runProgram }] = await Promise.all([
    import('commander'),
    import('../../src/cli/commands/index.ts'),
    import('../../src/cli/run-program.ts'),
  ]);
  const program = new Command('ptb');
  registerCommands(program);
  const restore = takeOver(environment, folder);
  try {
    const exitCode = await runProgram(program, ['node', 'ptb', ...args]);
    return { exitCode, ...restore() };
  } catch (error) {
    restore();
    throw error;
  }
}

/** Replaces what the command line uses of its process. @returns a function that puts it back, and returns the output. */
function takeOver(environment: Surroundings['environment'], folder: string): () => Omit<Ended, 'exitCode'> {
  const { env } = process;
  const before = process.cwd();
  const [out, err] = [capture(process.stdout), capture(process.stderr)];
  const sleep = systemClock.sleep.bind(systemClock);
  const pauses = vi
    .spyOn(systemClock, 'sleep')
    .mockImplementation((ms, signal) => sleep(ms < shortPauseMs ? ms / timesFaster : ms, signal));
  process.env = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined));
  process.chdir(folder);
  return () => {
    process.chdir(before);
    process.env = env;
    pauses.mockRestore();
    return { stdout: out(), stderr: err() };
  };
}

function capture(stream: NodeJS.WriteStream): () => string {
  let text = '';
  const writes = vi.spyOn(stream, 'write').mockImplementation((chunk) => {
    text += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
    return true;
  });
  return () => {
    writes.mockRestore();
    return text;
  };
}
