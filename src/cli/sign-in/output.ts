import type { Readable, Writable } from 'node:stream';
import { visibleJson, visibleText } from '../../lib/core/text.ts';
import { type Line, shownLine } from '../line.ts';
import { exitCodes } from '../exit-codes.ts';
import { CommandOutcome } from '../run-program.ts';

/** Prints data to standard output: one JSON document, or lines for people. Control characters are shown as text. */
export function print(json: boolean | undefined, document: unknown, lines: readonly Line[]): void {
  const text = json === true ? visibleJson(document) : lines.map((line) => shownLine(line, process.stdout)).join('\n');
  process.stdout.write(`${text}\n`);
}

/** Prints a line to standard error. */
export function say(line: Line): void {
  process.stderr.write(`${shownLine(line, process.stderr)}\n`);
}

/** Prints a line about progress to standard error, if that is a terminal. */
export function progress(line: Line): void {
  if (process.stderr.isTTY) say(line);
}

/** Whether the command can ask a question. */
export const isInteractive = (): boolean => process.stdin.isTTY && process.stderr.isTTY;

/**
 * Asks a yes-or-no question on a terminal. Any answer other than y or yes means no.
 * @throws CommandOutcome interrupted on Ctrl+C and Ctrl+D. At its prompt, readline consumes them and sends no signal.
 */
export async function confirm(
  question: string,
  streams: { readonly input: Readable; readonly output: Writable } = { input: process.stdin, output: process.stderr },
): Promise<boolean> {
  const { createInterface } = await import('node:readline/promises');
  const terminal = createInterface(streams);
  try {
    return /^y(es)?$/i.test((await terminal.question(`${visibleText(question)} [y/N] `)).trim());
  } catch (thrown) {
    if (thrown instanceof Error && thrown.name === 'AbortError') throw new CommandOutcome(exitCodes.interrupted);
    throw thrown;
  } finally {
    terminal.close();
  }
}
