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

/** Asks a yes-or-no question; anything but y or yes is no. Only for a terminal. */
export async function confirm(question: string): Promise<boolean> {
  const { createInterface } = await import('node:readline/promises');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}
