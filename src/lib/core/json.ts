import * as z from 'zod';

// The JSON tokens that matter here (RFC 8259 section 2). Numbers and literals are skipped.
const tokenPattern = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:]/g;

/**
 * Returns the first key that an object in a JSON text contains twice, or undefined. JSON.parse keeps the last value,
 * other parsers keep the first (RFC 8259 section 4), so two readers of such a text may see different values. Pure.
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
      // Parsed, because a key may be written with escapes.
      const key = String(JSON.parse(lastString));
      const keys = open.at(-1);
      if (keys?.has(key)) return key;
      keys?.add(key);
    }
    lastString = undefined;
  }
  return undefined;
}

/**
 * The number of arrays and objects that are open at the deepest place of a JSON text. Pure.
 * @param json Text that JSON.parse accepts.
 */
export function nestingDepth(json: string): number {
  let depth = 0;
  let deepest = 0;
  for (const [token] of json.matchAll(tokenPattern)) {
    if (token === '{' || token === '[') deepest = Math.max(deepest, (depth += 1));
    else if (token === '}' || token === ']') depth -= 1;
  }
  return deepest;
}

type Parsed<T> =
  | { readonly success: true; readonly data: T }
  | { readonly success: false; readonly error: Pick<z.ZodError, 'issues'> };

/**
 * Checks an untrusted value. Never throws, unlike zod's own `safeParse`: for `{"length":{"toString":1}}`, the schema
 * `string().min(1)` throws "Cannot convert object to primitive value".
 */
export function safeParse<T>(schema: z.ZodType<T>, value: unknown): Parsed<T> {
  try {
    return schema.safeParse(value);
  } catch {
    return { success: false, error: new z.ZodError([]) };
  }
}
