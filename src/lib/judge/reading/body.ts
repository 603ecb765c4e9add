import { duplicateKey, nestingDepth } from '../../core/json.ts';
import { isObject, type JsonObject } from '../../core/objects.ts';
import { parseJson } from '../../core/outbound.ts';
import { quoted, unreadable } from '../verdict.ts';

/** Largest body that is read, in characters. Graph accepts 4 MB. */
const maximumLength = 4 * 1024 * 1024;
const maximumDepth = 40;

/** A JSON body, and the names of all members in it. */
export interface ReadBody {
  readonly value: JsonObject;
  readonly names: BodyNames;
}

/**
 * Reads the text of a JSON body.
 * @throws Refusal for text that readers understand differently: keys that differ only in case, or stand twice. Also for more
 * than 5,000 different names.
 */
export function readBody(text: string): ReadBody {
  if (text.length > maximumLength) throw unreadable(`The body is longer than ${maximumLength} characters; send less.`);
  const body = parseJson(text);
  if (body === undefined) throw unreadable('The body is not JSON; send JSON with Content-Type application/json.');
  if (!isObject(body)) throw unreadable('The body is not a JSON object; send one.');
  if (nestingDepth(text) > maximumDepth)
    throw unreadable(`The body nests deeper than ${maximumDepth} levels; send less.`);
  // Before the keys are compared, which takes half a second for a body of very many names.
  const names = new Map<string, Set<unknown>>();
  collectNames(body, { names, left: maximumNames });
  const twice = duplicateKey(text) ?? (inTwoCases(names) ? keyInTwoCases(body) : undefined);
  if (twice !== undefined) throw unreadable(`The body contains the key ${quoted(twice)} twice; send it once.`);
  return { value: body, names };
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
    if (!found.names.has(name)) found.left -= 1;
    found.names.set(name, values);
    if (name.endsWith('@odata.bind') && !values.has(inner)) {
      found.left -= 1;
      values.add(inner);
    }
    if (found.left < 0) throw tooManyNames();
    collectNames(inner, found);
  }
}

const tooManyNames = () => unreadable(`The body has more than ${maximumNames} different names; send several requests.`);
