import { StringDecoder } from 'node:string_decoder';

/** A longer line is cut into pieces, so that a program without line feeds needs no more memory. In characters. */
const longestLine = 64 * 1024;

/** Yields the lines of a stream of UTF-8, without their ends. The last one need not have an end. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decoder.write(Buffer.from(chunk))).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield* pieces(line);
    while (rest.length > longestLine) {
      const end = cutAfter(rest, 0);
      yield rest.slice(0, end);
      rest = rest.slice(end);
    }
  }
  rest += decoder.end();
  if (rest !== '') yield* pieces(rest);
}

function* pieces(line: string): Generator<string, void, undefined> {
  const text = line.endsWith('\r') ? line.slice(0, -1) : line;
  if (text.length <= longestLine) return yield text;
  for (let start = 0, end = 0; start < text.length; start = end) {
    end = cutAfter(text, start);
    yield text.slice(start, end);
  }
}

/** Where a piece ends that starts here: never between the two halves of a character. */
function cutAfter(text: string, start: number): number {
  const end = start + longestLine;
  return /[\uD800-\uDBFF]/.test(text[end - 1] ?? '') ? end - 1 : end;
}
