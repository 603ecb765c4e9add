import { duplicateKey, JsonTextError } from '../../core/json.ts';
import { isObject, type JsonObject } from '../../core/objects.ts';
import { parseJson } from '../../core/outbound.ts';
import { quoted, unreadable } from '../verdict.ts';

/** Largest body that is read, in characters. Graph accepts 4 MB. */
const maximumLength = 4 * 1024 * 1024;
/**
 * Reading and judging a value takes half a microsecond, and all other requests wait meanwhile. Large bodies of callers have
 * few values, such as the content of a file.
 */
const limits = { depth: 40, values: 50_000 };

/** A JSON body, and the names of all members in it. */
export interface ReadBody {
  readonly value: JsonObject;
  readonly names: BodyNames;
}

/**
 * Reads the text of a JSON body.
 * @throws Refusal for text that readers understand differently: keys that differ only in case, stand twice or have a backslash.
 * Also for more than 5,000 different names, 50,000 values and 40 levels.
 */
export function readBody(text: string): ReadBody {
  if (text.length > maximumLength) throw unreadable(`The body is longer than ${maximumLength} characters; send less.`);
  const duplicate = duplicateIn(text);
  const body = parseJson(text);
  if (!isObject(body)) throw unreadable('The body is not a JSON object; send one.');
  const names = new Map<string, Set<unknown>>();
  collectNames(body, { names, left: maximumNames });
  // JSON.parse of Node 24 (V8 13.6) can return a wrong name for one that is written with an escape: the name of an earlier
  // object, which has a backslash. The judge would then miss `passwordProfile` where the body says `\u0070asswordProfile`, which
  // Graph reads rightly.
  const written = [...names.keys()].find((name) => name.includes('\\'));
  if (written !== undefined)
    throw unreadable(`The body contains the key ${quoted(written)}; write keys without a backslash.`);
  const twice = duplicate ?? (inTwoCases(names) ? keyInTwoCases(body) : undefined);
  if (twice !== undefined) throw unreadable(`The body contains the key ${quoted(twice)} twice; send it once.`);
  return { value: body, names };
}

/** A key that stands twice in an object. Before anything is built of the text. @throws Refusal */
function duplicateIn(text: string): string | undefined {
  try {
    return duplicateKey(text, limits);
  } catch (error) {
    if (!(error instanceof JsonTextError)) throw error;
    if (error.exceeds === 'depth') throw unreadable(`The body nests deeper than ${limits.depth} levels; send less.`);
    if (error.exceeds === 'values')
      throw unreadable(`The body has more than ${limits.values} values; send several requests.`);
    throw unreadable('The body is not JSON; send JSON with Content-Type application/json.');
  }
}

/** Whether any two names differ only in case, wherever they stand. Few bodies have such names. */
const inTwoCases = (names: BodyNames): boolean =>
  new Set([...names.keys()].map((name) => name.toLowerCase())).size < names.size;

function keyInTwoCases(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (!Array.isArray(value)) {
    const seen = new Set<string>();
    for (const key of Object.keys(value)) {
      if (seen.has(key.toLowerCase())) return key;
      seen.add(key.toLowerCase());
    }
  }
  for (const inner of Object.values(value)) {
    const found = keyInTwoCases(inner);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Different names, and values of references, in a body that is read. Every rule of the caller looks at each. */
const maximumNames = 5_000;
/** A name counts once for each of these, begun: to look at a long one takes longer. Names of Graph are shorter. */
const nameLength = 100;

/** Names of members, each with its different values if it ends in `@odata.bind`, else with none. */
export type BodyNames = ReadonlyMap<string, ReadonlySet<unknown>>;

/** Adds the names of all members of a JSON value, at any depth. @throws Refusal for more than 5,000 names and values. */
function collectNames(value: unknown, found: { readonly names: Map<string, Set<unknown>>; left: number }): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const item of value) collectNames(item, found);
    return;
  }
  const members = Object.keys(value);
  if (members.length > maximumNames) throw tooManyNames();
  for (const name of members) {
    const inner: unknown = Reflect.get(value, name);
    const values = found.names.get(name) ?? new Set();
    if (!found.names.has(name)) found.left -= 1 + Math.floor(name.length / nameLength);
    found.names.set(name, values);
    if (name.endsWith('@odata.bind') && !values.has(inner)) {
      found.left -= 1;
      values.add(inner);
    }
    if (found.left < 0) throw tooManyNames();
    collectNames(inner, found);
  }
}

const tooManyNames = () =>
  unreadable(`The body has more than ${maximumNames} different names, or very long ones; send several requests.`);
