/**
 * Characters that a terminal or a browser obeys instead of showing: control characters (they start escape sequences and
 * lines), line and paragraph separators, and controls of the writing direction (Unicode Standard Annex 9). Also halves of
 * characters. Invisible characters that belong to names, such as the joiners in emoji, are not among them.
 */
const commands = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

const short: Readonly<Record<string, string>> = { '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

const escaped = (character: string): string =>
  short[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/**
 * Shows a text from outside, such as the name of a customer, on one line: each character of `commands` becomes its JSON
 * escape sequence.
 */
export const visibleText = (text: string): string => text.replaceAll(commands, escaped);

/** One line of JSON. Such characters are escaped, so it is safe to show and has the same value. */
export const visibleJson = (value: unknown): string => visibleText(JSON.stringify(value));

const lineBreaks = new Set(['\n', '\r', '\t']);

/** Shows UTF-8 text of several lines in the same way, except for tabs and line breaks. */
export async function* visibleBlocks(blocks: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  for await (const block of blocks) {
    const text = decoder.decode(block, { stream: true });
    yield text.replaceAll(commands, (character, index: number) =>
      lineBreaks.has(character) && (character !== '\r' || text[index + 1] === '\n') ? character : escaped(character),
    );
  }
}
