import * as z from 'zod';
import { atOnce, itemsAtOnce, pieceLength } from './turns.ts';

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
  /** How many members an object may have. */
  readonly members?: number;
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

/**
 * Reads a string from a place behind its first quote.
 * @returns the place behind its end; or, below 0, the negative place at which to read on after {@link itemsAtOnce} characters.
 */
function stringEnd(json: string, at: number): number {
  for (let next = at; next < json.length; next += 1) {
    const code = json.charCodeAt(next);
    if (code === 0x22) return next + 1;
    if (code < 0x20) break;
    if (code === 0x5c)
      next = shortEscapes.has(json.charCodeAt(next + 1)) ? next + 1 : placeBehind(unicodeEscape, json, next) - 1;
    if (next < 0) break;
    if (next - at > itemsAtOnce) return -(next + 1);
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
  atOnce(scanSteps(json, visit, limits));
}

/**
 * For answers of Microsoft: they are nested less than ten levels, and their objects have less than 200 members. An object with
 * very many members is built in one turn, however it is read.
 */
export const answerLimits: JsonLimits = { depth: 64, members: 10_000 };

type VisitToken = (token: JsonToken, from: number, to: number) => void;

/** The same in steps, between which others may have their turn. */
export function* scanSteps(
  json: string,
  visit: VisitToken,
  {
    depth = Number.POSITIVE_INFINITY,
    values = Number.POSITIVE_INFINITY,
    members = Number.POSITIVE_INFINITY,
  }: JsonLimits = {},
): Generator<void, void> {
  /** The brackets that close what is open. */
  const open: ('}' | ']')[] = [];
  /** How many members each open object has. */
  const counts: number[] = [];
  let at = skipBlanks(json, 0);
  let left = values;
  let stepEnd = itemsAtOnce;
  for (;;) {
    if (at > stepEnd) {
      stepEnd = at + itemsAtOnce;
      yield;
    }
    if ((left -= 1) < 0) throw new JsonTextError('the text has too many values', 'values');
    const from = at;
    const sign = json[from];
    const isOpening = sign === '{' || sign === '[';
    if (isOpening) {
      if (open.push(sign === '{' ? '}' : ']') > depth)
        throw new JsonTextError('the text is nested too deeply', 'depth');
      counts.push(0);
      visit(sign, from, (at += 1));
    } else if (sign === '"') {
      for (at = stringEnd(json, from + 1); at < 0; at = stringEnd(json, -at)) yield;
      visit('string', from, at);
    } else {
      at = placeBehind(scalar, json, from);
      if (at === -1) throw new JsonTextError('a value is not JSON');
      visit('scalar', from, at);
    }
    at = skipBlanks(json, at);
    let isBehindValue = !isOpening;
    let closing = open.at(-1);
    while (closing !== undefined && json[at] === closing) {
      open.pop();
      counts.pop();
      visit(closing, at, (at += 1));
      // Whoever visits it may join what is in it, at each level.
      yield;
      at = skipBlanks(json, at);
      closing = open.at(-1);
      isBehindValue = true;
    }
    if (closing === undefined) break;
    if (isBehindValue) at = skipSign(',', json, at);
    if (closing === '}') {
      if (json[at] !== '"') throw new JsonTextError('a name is missing');
      const count = (counts.pop() ?? 0) + 1;
      if (count > members) throw new JsonTextError('an object has too many members', 'members');
      counts.push(count);
      let end = stringEnd(json, at + 1);
      for (; end < 0; end = stringEnd(json, -end)) yield;
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

/**
 * The value of a JSON text. A long one is built in steps, between which others may have their turn; that takes several times as
 * long as JSON.parse, which reads a short one.
 * @throws JsonTextError, also for a long text beyond {@link answerLimits} or with more than two million values; or SyntaxError
 */
export function* parseSteps(json: string): Generator<void, unknown> {
  if (json.length <= pieceLength) return JSON.parse(json);
  const open: (unknown[] | Record<string, unknown>)[] = [];
  let root: unknown;
  let name = '';
  const put = (value: unknown): void => {
    const into = open.at(-1);
    if (into === undefined) root = value;
    else if (Array.isArray(into)) into.push(value);
    // As JSON.parse does it: an assignment to `__proto__` would add no member.
    else if (name === '__proto__')
      Object.defineProperty(into, name, { value, writable: true, enumerable: true, configurable: true });
    else into[name] = value;
  };
  const visit: VisitToken = (token, from, to) => {
    if (token === 'name') name = stringAt(json, from, to);
    else if (token === '}' || token === ']') open.pop();
    else if (token === '{' || token === '[') {
      const made = token === '{' ? {} : [];
      put(made);
      open.push(made);
      // A part of the text itself would keep all of it in memory.
    } else put(JSON.parse(json.slice(from, to)));
  };
  // A list of more values could not grow in one turn either. Answers have ten characters or more for each value, with its name.
  yield* scanSteps(json, visit, { ...answerLimits, values: 2_000_000 });
  return root;
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
