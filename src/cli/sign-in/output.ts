import type { Readable, Writable } from 'node:stream';
import { exitCodes } from '../exit-codes.ts';
import { CommandOutcome } from '../run-program.ts';

/** Data for whoever called: one JSON document, or lines for people. */
export function print(json: boolean | undefined, document: unknown, lines: readonly string[]): void {
  process.stdout.write(json === true ? `${JSON.stringify(document)}\n` : `${lines.join('\n')}\n`);
}

/** A line about what is under way. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** A line about how far it is; only for somebody who watches. */
export function progress(line: string): void {
  if (process.stderr.isTTY) say(line);
}

/** Whether somebody can be asked. */
export const isInteractive = (): boolean => process.stdin.isTTY && process.stderr.isTTY;

/**
 * Asks a yes-or-no question; anything but y or yes is no. Only for a terminal.
 * @throws CommandOutcome when Ctrl+C or Ctrl+D is the answer: at its prompt readline takes them, and no signal is sent.
 */
export async function confirm(
  question: string,
  streams: { readonly input: Readable; readonly output: Writable } = { input: process.stdin, output: process.stderr },
): Promise<boolean> {
  const { createInterface } = await import('node:readline/promises');
  const terminal = createInterface(streams);
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } catch (thrown) {
    if (thrown instanceof Error && thrown.name === 'AbortError') throw new CommandOutcome(exitCodes.interrupted);
    throw thrown;
  } finally {
    terminal.close();
  }
}
