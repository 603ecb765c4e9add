import { parseGuid } from '../../core/identifiers.ts';
import { unreadable } from '../verdict.ts';

/** Encoded characters that servers and proxies decode at different times, which changes where a path is split. */
const encodedSeparators = /%(?:2f|5c|25|3f|3b|00)/i;

/** @throws Refusal for an encoded path that two readers could split at different places. */
export function refuseEncodedSeparators(path: string): void {
  if (encodedSeparators.test(path)) {
    throw unreadable('The path contains an encoded slash, percent sign, question mark, semicolon or NUL; remove it.');
  }
}

/**
 * Decodes percent sequences, once.
 * @param where what the text is a part of, for the reason.
 * @throws Refusal for a sequence that is not UTF-8, and for control characters.
 */
export function decode(text: string, where: 'path' | 'query' | 'URL'): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(text);
  } catch {
    throw unreadable(`The ${where} contains a percent sequence that is not UTF-8; encode it again.`);
  }
  if (/\p{Cc}/u.test(decoded)) throw unreadable(`The ${where} contains control characters; remove them.`);
  return decoded;
}

/** A piece of a path. `text` is decoded. */
export type Part =
  /** A name or a key; only the map tells which. */
  | { readonly kind: 'word'; readonly text: string }
  /** A key in parentheses, `users('k')`. */
  | { readonly kind: 'key'; readonly text: string }
  /** A call or an alternate key: the name, and the names of its parameters in lower case. */
  | {
      readonly kind: 'call';
      readonly text: string;
      readonly parameters: readonly string[];
      readonly values: readonly string[];
    }
  /** `microsoft.graph.name`: a cast to a type, or the qualified name of a function or action. Without the namespace. */
  | { readonly kind: 'qualified'; readonly text: string; readonly parameters: readonly string[] | undefined }
  /** A segment that starts with a dollar sign. */
  | { readonly kind: 'dollar'; readonly text: string };

/** A segment of a path, read. */
interface SegmentReading {
  readonly parts: readonly Part[];
  /** Percent-encoded, to send. */
  readonly canonical: string;
  /** Percent-encoded, with a key as a segment of its own. */
  readonly slashed: readonly string[];
}

const unencoded = /^[\w.~@:,=$-]+$/;

/** Percent-encodes a segment. `@ : , = $` may stand in a path (RFC 3986 section 3.3). */
export const encode = (text: string): string =>
  unencoded.test(text)
    ? text
    : encodeURIComponent(text).replaceAll(/%(?:40|3A|2C|3D|24)/g, (sequence) => decodeURIComponent(sequence));

const shape = /^([A-Za-z_][\w.]*)\((.*)\)$/s;
const plainValue = /^[\w.:+-]+$/;
/** Characters that keys have. Other letters of Unicode that look like separators are left out. */
const keyText = /^[\p{L}\p{N} ._~!+,=:@#|&*$()'"<>[\]{}-]*$/u;
const inQuotes = /^'((?:[^']|'')*)'$/s;

/**
 * Reads a segment with parentheses: `users('k')`, `applications(appId='k')`, `delta()`, `getReport(period='D7')`.
 * @throws Refusal for parameter aliases, repeated parameters and values that are neither quoted nor plain.
 */
function readParentheses(segment: string, namespace: RegExp): SegmentReading {
  const [, written, inside] = shape.exec(segment) ?? [];
  if (written === undefined || inside === undefined) {
    throw unreadable(
      "A path segment has quotes or parentheses out of place; write name('key') or name(parameter=value).",
    );
  }
  const args = splitArguments(inside).map(readArgument);
  const [first] = args;
  const qualified = namespace.test(written);
  const name = written.replace(namespace, '');
  if (args.length === 1 && first !== undefined && first.name === undefined && !qualified) return keyed(written, first);
  if (args.some((argument) => argument.name === undefined)) {
    throw unreadable('A call has a parameter without a name; write name(parameter=value).');
  }
  const parameters = args.map((argument) => (argument.name ?? '').toLowerCase());
  if (new Set(parameters).size < parameters.length)
    throw unreadable('A call has a parameter twice; name each one once.');
  const text = `${written}(${args.map((argument) => `${argument.name}=${argument.text}`).join(',')})`;
  const values = args.map(({ value }) => value);
  const part: Part = qualified
    ? { kind: 'qualified', text: name, parameters }
    : { kind: 'call', text: name, parameters, values };
  return { parts: [part], canonical: encode(text), slashed: [encode(text)] };
}

interface Argument {
  readonly name: string | undefined;
  /** Decoded, without quotes. */
  readonly value: string;
  /** As written. */
  readonly text: string;
}

function keyed(collection: string, { value, text }: Argument): SegmentReading {
  if (!text.startsWith("'") && parseGuid(value) === undefined && !/^\d+$/.test(value)) {
    throw unreadable("A key in parentheses has no quotes; write name('key').");
  }
  return {
    parts: [
      { kind: 'word', text: collection },
      { kind: 'key', text: value },
    ],
    canonical: encode(`${collection}(${text})`),
    slashed: [collection, encode(value)],
  };
}

/** Splits at commas outside quotes. */
function splitArguments(inside: string): readonly string[] {
  if (inside.trim() === '') return [];
  const found: string[] = [];
  let quoted = false;
  let start = 0;
  for (let at = 0; at < inside.length; at += 1) {
    if (inside[at] === "'") quoted = !quoted;
    if (inside[at] === ',' && !quoted) {
      found.push(inside.slice(start, at));
      start = at + 1;
    }
  }
  found.push(inside.slice(start));
  return found.map((text) => text.trim());
}

function readArgument(argument: string): Argument {
  const [, name, text = ''] = /^([A-Za-z_]\w*)\s*=\s*(.*)$/s.exec(argument) ?? [undefined, undefined, argument];
  const [, string] = inQuotes.exec(text) ?? [];
  if (!keyText.test(string ?? '') || string === '' || (string === undefined && !plainValue.test(text))) {
    throw unreadable(
      'A key or parameter is empty, has no quotes, or contains characters that keys do not have; put it in quotes.',
    );
  }
  return { name, value: string?.replaceAll("''", "'") ?? text, text };
}

export interface PathReading {
  readonly parts: readonly Part[];
  /** The path to send, percent-encoded, with its leading slash. */
  readonly canonical: string;
  /** The same path with every key as a segment of its own. */
  readonly slashed: string;
  /** The segments of that, one for each part. */
  readonly segments: readonly string[];
}

const word = /^[\p{L}\p{N}._~!+,=:@#|&* -]+$/u;
export const namespace = /^(?:microsoft\.)?graph\./i;

/**
 * Reads a path after the version ("OData Version 4.01. Part 2: URL Conventions", section 4).
 * @throws Refusal for every form that two readers could understand differently.
 */
export function readPath(path: string): PathReading {
  refuseEncodedSeparators(path);
  if (/[;\\]/.test(path)) throw unreadable('The path contains a semicolon or backslash; remove it.');
  const decoded = decode(path, 'path').replace(/(?<=[^/])\/$/, '');
  if (decoded === '' || decoded === '/') throw unreadable('The path names no resource; add one, such as /users.');
  const parts: Part[] = [];
  const canonical: string[] = [];
  const slashed: string[] = [];
  for (const segment of splitSegments(decoded.slice(1))) {
    const read = readSegment(segment);
    parts.push(...read.parts);
    canonical.push(read.canonical);
    slashed.push(...read.slashed);
  }
  return { parts, canonical: `/${canonical.join('/')}`, slashed: `/${slashed.join('/')}`, segments: slashed };
}

/** Splits at slashes, and refuses one inside quotes. A regular expression would misread `a('x')/b('y')`. */
function splitSegments(path: string): readonly string[] {
  const segments: string[] = [];
  let quoted = false;
  let start = 0;
  for (let at = 0; at < path.length; at += 1) {
    if (path[at] === "'") quoted = !quoted;
    if (path[at] !== '/') continue;
    if (quoted) throw unreadable('A key or parameter contains a slash; address the object by its id.');
    segments.push(path.slice(start, at));
    start = at + 1;
  }
  if (quoted) throw unreadable('The path contains an odd number of quotes; double a quote inside a key.');
  segments.push(path.slice(start));
  return segments;
}

function readSegment(segment: string): SegmentReading {
  if (segment === '') throw unreadable('The path contains an empty segment; remove the double slash.');
  if (/^\.+$/.test(segment)) throw unreadable('The path contains a dot segment; send the path without it.');
  if (segment.startsWith('$')) return one({ kind: 'dollar', text: segment }, segment);
  if (/[()']/.test(segment)) return readParentheses(segment, namespace);
  if (/^(?:default\.|microsoft\.(?!graph\.|management\.services\.))/i.test(segment)) {
    throw unreadable("A path segment starts with a namespace; write the name alone, or a key as ('key').");
  }
  if (namespace.test(segment)) {
    return one({ kind: 'qualified', text: segment.replace(namespace, ''), parameters: undefined }, segment);
  }
  if (segment.endsWith(':')) {
    throw unreadable('The path addresses a file by its path (root:/…:); address it by its id.');
  }
  if (!word.test(segment))
    throw unreadable('A path segment contains a character that ids and names do not have; remove it.');
  return one({ kind: 'word', text: segment }, segment);
}

function one(part: Part, text: string): SegmentReading {
  const encoded = encode(text);
  return { parts: [part], canonical: encoded, slashed: [encoded] };
}
