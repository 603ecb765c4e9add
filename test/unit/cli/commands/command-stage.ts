import { Command } from 'commander';
import { vi } from 'vitest';
import { runProgram } from '../../../../src/cli/run-program.ts';

export interface Request {
  readonly method: string;
  /** Path and query below `/api`. */
  readonly path: string;
  readonly body: unknown;
}

/** What the broker answers: a document, or a function of the request. */
type Answer = unknown;

const address = 'https://broker.example';

/**
 * Runs a command of `ptb` in this process against a broker that gives these answers, in turn; the last one repeats.
 * Restore mocks and globals after each test.
 * @param answers or a function that answers each request, where their order is not certain.
 * @param options more words; by default the option that every command that calls the broker has.
 */
export async function runCommand(
  register: (program: Command) => void,
  words: readonly string[],
  answers: readonly Answer[] | ((request: Request, headers: Headers) => Response),
  options: readonly string[] = ['--token', 'caller-token'],
): Promise<{ exit: number; out: string; err: string; requests: readonly Request[] }> {
  const said = { out: '', err: '' };
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    said.out += typeof text === 'string' ? text : Buffer.from(text).toString();
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    said.err += String(text);
    return true;
  });
  const requests: Request[] = [];
  vi.stubGlobal('fetch', async (url: string, init: RequestInit) => {
    const body = typeof init.body === 'string' ? (JSON.parse(init.body) as unknown) : undefined;
    const request = { method: init.method ?? 'GET', path: url.slice(`${address}/api`.length), body };
    requests.push(request);
    if (typeof answers === 'function') return answers(request, new Headers(init.headers));
    const answer = answers[Math.min(requests.length - 1, answers.length - 1)];
    return answer instanceof Response ? answer : Response.json(answer);
  });
  // As in main.ts.
  const program = new Command('ptb').enablePositionalOptions();
  register(program);
  const exit = await runProgram(program, ['node', 'ptb', ...words, '--url', address, ...options]);
  return { exit, ...said, requests };
}

/** Does work as on a terminal of so many columns. */
export async function onTerminal<T>(columns: number, work: () => Promise<T>): Promise<T> {
  const { isTTY, columns: before } = process.stdout;
  Object.assign(process.stdout, { isTTY: true, columns });
  try {
    return await work();
  } finally {
    Object.assign(process.stdout, { isTTY, columns: before });
  }
}
