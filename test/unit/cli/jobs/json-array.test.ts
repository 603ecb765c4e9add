import { expect, it } from 'vitest';
import { jsonArray } from '../../../../src/cli/jobs/json-array.ts';

it.each([
  [[], '[]\n'],
  [['', ''], '[]\n'],
  [['{"a":1}\n{"a":2}\n', '', '{"a":"\\n"}\n'], '[\n{"a":1},\n{"a":2},\n{"a":"\\n"}\n]\n'],
])('joins %j to one JSON array', async (chunks, whole) => {
  let text = '';
  const pieces = async function* () {
    yield* chunks;
  };
  for await (const piece of jsonArray(pieces())) text += piece;
  expect(text).toBe(whole);
  expect(Array.isArray(JSON.parse(text))).toBe(true);
});
