import { createReadStream } from 'node:fs';
import { UsageError } from '../run-program.ts';

/** Longest line, characters. A record has at most about 60,000. */
const longestLine = 4_000_000;

/**
 * The lines of a file. `readline` would also end a line at U+2028, which JSON text may contain.
 * @throws UsageError for a line that no export has.
 */
export async function* fileLines(file: string): AsyncIterable<string> {
  let rest = '';
  for await (const piece of createReadStream(file, { encoding: 'utf8' })) {
    const lines = `${rest}${String(piece)}`.split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > longestLine) throw new UsageError(`${file}: has a line that is longer than any of an export.`);
    yield* lines;
  }
  if (rest !== '') yield rest;
}
