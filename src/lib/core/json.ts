import * as z from 'zod';

/** Thrown for a text that is not JSON, or exceeds {@link JsonLimits}. */
export class JsonTextError extends Error {
  override readonly name = 'JsonTextError';
  readonly exceeds: keyof JsonLimits | undefined;

  constructor(message: string, exceeds?: keyof JsonLimits) {
    super(message);
    this.exceeds = exceeds;
  }
}

/** How much work a text may cause. Absent: any. */
export interface JsonLimits {
  /** How many objects and arrays may be open. */
  readonly depth?: number;
  /** How many values it may have, with objects and arrays. Each takes time, however short: 4 MiB have room for two million. */
  readonly values?: number;
}

/** A part of a JSON text: a bracket, the name of a member, a string that is a value, or a number or literal. */
export type JsonToken = '{' | '}' | '[' | ']' | 'name' | 'string' | 'scalar';

const scalar = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const unicodeEscape = /\\u[\da-fA-F]{4}/y;
/** What stands behind the backslash in an escape of two characters: `"`, `\`, `/`, and the letters b, f, n, r, t. */
const shortEscapes: ReadonlySet<number> = new Set(Array.from('"\\/bfnrt', (sign) => sign.charCodeAt(0)));

/** The place behind what the pattern finds at this place; -1 if it finds nothing. */
function placeBehind(pattern: RegExp, json: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(json) ? pattern.lastIndex : -1;
}

function skipBlanks(json: string, at: number): number {
  let next = at;
  for (let code = json.charCodeAt(next); code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09; )
    code = json.charCodeAt((next += 1));
  return next;
}

function skipString(json: string, at: number): number {
  for (let next = json[at] === '"' ? at + 1 : json.length; next < json.length; next += 1) {
    const code = json.charCodeAt(next);
    if (code === 0x22) return next + 1;
    if (code < 0x20) break;
    if (code === 0x5c)
      next = shortEscapes.has(json.charCodeAt(next + 1)) ? next + 1 : placeBehind(unicodeEscape, json, next) - 1;
    if (next < 0) break;
  }
  throw new JsonTextError('a string is not JSON');
}

/**
 * Tells the tokens of a JSON text (RFC 8259) in their order, without blanks, commas and colons. Accepts what JSON.parse
 * accepts, in time linear in the length of the text, and builds nothing. It does not recurse, so no text exhausts the stack.
 * @param visit gets the place of the token and the place behind it.
 * @throws JsonTextError
 */
export function scanJson(json: string, visit: VisitToken, limits?: JsonLimits): void {
  const steps = scanSteps(json, visit, limits);
  while (steps.next().done !== true);
}

type VisitToken = (token: JsonToken, from: number, to: number) => void;

/** Characters that are read at a time. They take some milliseconds. */
const stepLength = 200_000;

/** The same in steps, between which others may have their turn. */
export function* scanSteps(
  json: string,
  visit: VisitToken,
  { depth = Number.POSITIVE_INFINITY, values = Number.POSITIVE_INFINITY }: JsonLimits = {},
): Generator<void, void> {
  /** The brackets that close what is open. */
  const open: ('}' | ']')[] = [];
  let at = skipBlanks(json, 0);
  let left = values;
  let stepEnd = stepLength;
  for (;;) {
    if (at > stepEnd) {
      stepEnd = at + stepLength;
      yield;
    }
    if ((left -= 1) < 0) throw new JsonTextError('the text has too many values', 'values');
    const from = at;
    const sign = json[from];
    const isOpening = sign === '{' || sign === '[';
    if (isOpening) {
      if (open.push(sign === '{' ? '}' : ']') > depth)
        throw new JsonTextError('the text is nested too deeply', 'depth');
      visit(sign, from, (at += 1));
    } else if (sign === '"') visit('string', from, (at = skipString(json, from)));
    else {
      at = placeBehind(scalar, json, from);
      if (at === -1) throw new JsonTextError('a value is not JSON');
      visit('scalar', from, at);
    }
    at = skipBlanks(json, at);
    let isBehindValue = !isOpening;
    let closing = open.at(-1);
    while (closing !== undefined && json[at] === closing) {
      open.pop();
      visit(closing, at, (at += 1));
      at = skipBlanks(json, at);
      closing = open.at(-1);
      isBehindValue = true;
    }
    if (closing === undefined) break;
    if (isBehindValue) at = skipSign(',', json, at);
    if (closing === '}') {
      const end = skipString(json, at);
      visit('name', at, end);
      at = skipSign(':', json, skipBlanks(json, end));
    }
  }
  if (at !== json.length) throw new JsonTextError('something follows the value');
}

/** Skips a sign and the blanks behind it. */
function skipSign(sign: ',' | ':', json: string, at: number): number {
  if (json[at] !== sign) throw new JsonTextError('a comma or colon is missing');
  return skipBlanks(json, at + 1);
}

/** What the string at a place says, without quotes and escapes. */
export function stringAt(json: string, from: number, to: number): string {
  const text = json.slice(from + 1, to - 1);
  return text.includes('\\') ? (JSON.parse(json.slice(from, to)) as string) : text;
}

/**
 * Returns the first key that an object in a JSON text contains twice, or undefined. JSON.parse keeps the last value,
 * other parsers keep the first (RFC 8259 section 4), so two readers of such a text may see different values. Pure.
 * @throws JsonTextError
 */
export function duplicateKey(json: string, limits?: JsonLimits): string | undefined {
  /** One set of keys per open object; undefined for an open array. */
  const open: (Set<string> | undefined)[] = [];
  let found: string | undefined;
  scanJson(
    json,
    (token, from, to) => {
      if (token === '{' || token === '[') open.push(token === '{' ? new Set() : undefined);
      else if (token === '}' || token === ']') open.pop();
      else if (token === 'name') {
        const key = stringAt(json, from, to);
        const keys = open.at(-1);
        if (keys?.has(key)) found ??= key;
        keys?.add(key);
      }
    },
    limits,
  );
  return found;
}

/**
 * The number of arrays and objects that are open at the deepest place of a JSON text. Pure.
 * @param json Text that JSON.parse accepts.
 */
export function nestingDepth(json: string): number {
  let depth = 0;
  let deepest = 0;
  scanJson(json, (token) => {
    if (token === '{' || token === '[') deepest = Math.max(deepest, (depth += 1));
    else if (token === '}' || token === ']') depth -= 1;
  });
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
