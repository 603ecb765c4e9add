/** Joins JSON Lines, in chunks that end with a line, to the text of one JSON array. */
export async function* jsonArray(chunks: AsyncIterable<string>): AsyncGenerator<string, void, undefined> {
  let isEmpty = true;
  yield '[';
  for await (const chunk of chunks) {
    const lines = chunk.trimEnd();
    if (lines === '') continue;
    yield `${isEmpty ? '\n' : ',\n'}${lines.replaceAll('\n', ',\n')}`;
    isEmpty = false;
  }
  yield isEmpty ? ']\n' : '\n]\n';
}
