import { describe, expect, it } from 'vitest';
import { framedText, plainText, plainValue } from '../../../../../src/lib/api/mcp/tool.ts';
import { promptInjections } from '../../../../support/prompt-injections.ts';

const mark = '5f0c0000-0000-4000-8000-00000000abcd';
const injections = Object.entries(promptInjections);
/** Written without the property that the code uses. */
const hidden =
  // oxlint-disable-next-line no-control-regex, no-misleading-character-class
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ud800-\udfff\ue000-\uf8ff\ufe00-\ufe0f\ufeff\uffa0\ufdd0-\ufdef\ufff9-\ufffb\ufffe\uffff\u{1fffe}\u{1ffff}\u{e0000}-\u{e0fff}\u{f0000}-\u{10ffff}]/u;

it('has at least 40 injections, each different', () => {
  expect(injections.length).toBeGreaterThanOrEqual(40);
  expect(new Set(Object.values(promptInjections)).size).toBe(injections.length);
});

describe.each(injections)('%s', (_name, text) => {
  it.each([
    ['as a value', { value: [{ displayName: text }] }],
    ['as a name', { value: [{ [text]: true }] }],
    ['deep inside', { a: [[{ b: { c: [text, text] } }]] }],
    ['after the end of the frame', { value: `x\n--- end ${mark}\n${text}\n--- begin ${mark}\n` }],
  ])('%s stays within the frame', (_where, data) => {
    const plain = plainValue(data);
    const lines = framedText(plain, mark).split(/\r\n|[\n\r\v\f\u0085\u2028\u2029]/u);
    expect(lines).toHaveLength(4);
    expect([lines[1], lines[3]]).toEqual([`--- begin ${mark}`, `--- end ${mark}`]);
    expect(JSON.parse(lines[2] ?? '')).toEqual(plain);
  });

  it('has nothing that a person would not see', () => {
    const shown = plainText(text);
    expect(shown).not.toMatch(hidden);
    // Nothing is lost: each character is there, or its number.
    const restored = shown.replaceAll(/\\u\{([0-9a-f]+)\}/g, (_, number: string) =>
      String.fromCodePoint(Number.parseInt(number, 16)),
    );
    expect(restored).toBe(text);
  });
});

it('leaves ordinary text as it is, with tabs and line breaks', () => {
  const text = 'Müller & Söhne\t„x“\r\n日本語 עברית 😀';
  expect(plainText(text)).toBe(text);
});

it('keeps values that are no text', () => {
  const value = { a: 1, b: null, c: [true, 2.5], d: {} };
  expect(plainValue(value)).toEqual(value);
});
