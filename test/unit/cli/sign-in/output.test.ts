import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { exitCodes } from '../../../../src/cli/exit-codes.ts';
import { confirm } from '../../../../src/cli/sign-in/output.ts';

/** Answers the question of `confirm` with these keys. */
function typing(keys: string) {
  const input = new PassThrough();
  const output = Object.assign(new PassThrough(), { isTTY: true });
  const answer = confirm('Go ahead?', { input, output });
  output.once('data', () => input.write(keys));
  return answer;
}

it.each([
  ['y\r', true],
  ['Yes\r', true],
  ['n\r', false],
  ['\r', false],
  ['of course\r', false],
])('accepts only y and yes as a yes: %j', async (keys, agreed) => {
  expect(await typing(keys)).toBe(agreed);
});

// Control characters as a terminal sends them: end of text, end of transmission.
it.each(['\u0003', '\u0004'])('throws the outcome interrupted on Ctrl+C and Ctrl+D: %j', async (key) => {
  await expect(typing(key)).rejects.toMatchObject({ exitCode: exitCodes.interrupted });
});
