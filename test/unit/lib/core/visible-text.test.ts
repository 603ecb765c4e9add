import { expect, it } from 'vitest';
import { visibleBlocks, visibleJson, visibleText } from '../../../../src/lib/core/text.ts';

it.each([
  ['clears the screen', '\u001b[2J', '\\u001b[2J'],
  ['sets the title', '\u001b]0;pwned\u0007', '\\u001b]0;pwned\\u0007'],
  ['starts a sequence with one byte (C1)', '\u009b31m', '\\u009b31m'],
  ['goes back', 'abc\b\b\bxyz\r', 'abc\\b\\b\\bxyz\\r'],
  ['starts a line', 'Contoso\nFabrikam: ok', 'Contoso\\nFabrikam: ok'],
  ['starts a line (Unicode)', 'a\u2028b\u0085c', 'a\\u2028b\\u0085c'],
  ['reverses the direction', '\u202egpj.exe\u2066', '\\u202egpj.exe\\u2066'],
  ['deletes', 'a\u007f', 'a\\u007f'],
  ['is half a character', 'a\ud800b', 'a\\ud800b'],
  [
    'commands Azure Pipelines',
    'a ##vso[task.setvariable variable=PATH]/evil',
    'a \\u0023#vso[task.setvariable variable=PATH]/evil',
  ],
  ['commands GitHub Actions in the middle', 'a##[stop-commands]x', 'a\\u0023#[stop-commands]x'],
  ['commands GitHub Actions at the beginning', ' ::add-mask::e', ' \\u003a:add-mask::e'],
  ['commands GitHub Actions with a parameter', '::error file=a::b', '\\u003a:error file=a::b'],
])('shows a name that %s as text', (_what, name, shown) => {
  expect(visibleText(name)).toBe(shown);
});

it.each([
  'Müller & Söhne',
  '株式会社',
  'Ελλάς',
  'עברית',
  '👩‍💻',
  'a\\u001b',
  '## [1] #[2]',
  '::ffff:10.0.0.1',
  'A::b::c',
])('leaves %s unchanged', (name) => {
  expect(visibleText(name)).toBe(name);
});

it('writes JSON with the same value and without control characters', () => {
  const document = { name: '\u009b31m\u001b[2J\u202e"\u2028', list: ['ü', '##[error]x', '::error::x'] };
  const text = visibleJson(document);
  expect(text).not.toMatch(/[\p{Cc}\u2028\u202e]|##\[/u);
  expect(JSON.parse(text)).toEqual(document);
});

it('keeps the lines of a longer text, also when a character is split over two blocks', async () => {
  const bytes = Buffer.from('a,ü\tb\r\n\u001b[2Jc\rd\n');
  const blocks = async function* () {
    yield bytes.subarray(0, 3);
    yield bytes.subarray(3);
  };
  const shown: string[] = [];
  for await (const block of visibleBlocks(blocks())) shown.push(block);
  expect(shown.join('')).toBe('a,ü\tb\r\n\\u001b[2Jc\\rd\n');
});
