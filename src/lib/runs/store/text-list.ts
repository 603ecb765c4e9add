/** Longest text of a list, in characters. A property of a table holds at most 32,768. */
export const maxListLength = 30_000;

/** Serializes a list of texts as JSON. Texts that do not fit into one property are dropped. */
export function listText(texts: readonly string[]): string {
  let length = 2;
  const fitting = texts.filter((text) => (length += JSON.stringify(text).length + 1) <= maxListLength);
  return JSON.stringify(fitting);
}

export function readList(text: string | undefined): string[] {
  try {
    const list: unknown = JSON.parse(text ?? '[]');
    return Array.isArray(list) ? list.filter((item) => typeof item === 'string') : [];
  } catch {
    return [];
  }
}
