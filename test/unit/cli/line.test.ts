import { PassThrough } from 'node:stream';
import { afterEach, expect, it, vi } from 'vitest';
import { plainLine, shownLine, styled } from '../../../src/cli/line.ts';
import { outcomePiece } from '../../../src/cli/outcome-piece.ts';
import { outcomeTable } from '../../../src/lib/core/outcomes.ts';

const stream = (isTTY: boolean): NodeJS.WriteStream =>
  Object.assign(new PassThrough(), {
    isTTY,
    getColorDepth: () => (process.env['NO_COLOR'] ? 1 : 8),
  }) as unknown as NodeJS.WriteStream;

/** The escape sequences of a colour and of its end, and of bold. */
const red = (text: string): string => `\u001b[31m${text}\u001b[39m`;

afterEach(() => vi.unstubAllEnvs());

it.each([
  ['has no colour when piped', false, {}, 'run: failed'],
  ['has colour on a terminal', true, {}, `run: ${red('failed')}`],
  ['has no colour with NO_COLOR', true, { NO_COLOR: '1' }, 'run: failed'],
  ['has colour with FORCE_COLOR also when piped', false, { FORCE_COLOR: '1' }, `run: ${red('failed')}`],
  ['has no colour with FORCE_COLOR=0', true, { FORCE_COLOR: '0' }, 'run: failed'],
])('%s', (_title, isTTY, variables, text) => {
  for (const name of ['NO_COLOR', 'FORCE_COLOR', 'NODE_DISABLE_COLORS'])
    vi.stubEnv(name, (variables as Record<string, string>)[name]);
  expect(shownLine(['run: ', styled('bad', 'failed')], stream(isTTY))).toBe(text);
});

it('shows control characters of a text as text, so that no text from outside has a look', () => {
  vi.stubEnv('FORCE_COLOR', '1');
  const line = ['name: ', styled('bad', red('x'))];
  expect(shownLine(line, stream(true))).toBe(`name: ${red('\\u001b[31mx\\u001b[39m')}`);
  expect(plainLine(line)).toBe(`name: ${red('x')}`);
});

it('gives every outcome the colour of its tone, and an unknown one that of a warning', () => {
  vi.stubEnv('FORCE_COLOR', '1');
  const codes = { good: 32, warn: 33, bad: 31, active: 36, idle: 2 };
  for (const [outcome, { tone }] of Object.entries(outcomeTable))
    expect(shownLine(outcomePiece(outcome), stream(true))).toContain(
      `\u001b[${codes[tone]}m${outcome.replaceAll('_', ' ')}\u001b`,
    );
  expect(shownLine(outcomePiece('newer_than_this'), stream(true))).toContain('\u001b[33mnewer than this');
});
