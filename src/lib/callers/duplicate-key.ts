// JSON's tokens that matter here (RFC 8259 section 2); numbers and literals fall between the matches.
const tokenPattern = /"(?:[^"\\]|\\.)*"|[{}[\]:]/g;

/**
 * The first object key that a JSON text gives twice, or undefined. JSON.parse keeps the last one silently, other parsers
 * keep the first: whoever reads a text in two places can be shown two meanings.
 * @param json Text that JSON.parse accepts.
 */
export function duplicateKey(json: string): string | undefined {
  // One set of keys per open object; undefined for an open array.
  const open: (Set<string> | undefined)[] = [];
  let lastString: string | undefined;
  for (const [token] of json.matchAll(tokenPattern)) {
    if (token.startsWith('"')) {
      lastString = token;
      continue;
    }
    if (token === '{') open.push(new Set());
    else if (token === '[') open.push(undefined);
    else if (token === '}' || token === ']') open.pop();
    else if (lastString !== undefined) {
      // Parsed, so that an escaped spelling of the same key is seen as the same.
      const key = String(JSON.parse(lastString));
      const keys = open.at(-1);
      if (keys?.has(key)) return key;
      keys?.add(key);
    }
    lastString = undefined;
  }
  return undefined;
}
