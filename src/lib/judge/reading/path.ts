import { unreadable } from '../refusal.ts';
import { decode, refuseEncodedSeparators } from './decode.ts';
import { readParentheses } from './parentheses.ts';
import { encode, type Part, type SegmentReading } from './part.ts';

export interface PathReading {
  readonly parts: readonly Part[];
  /** The path to send, percent-encoded, with its leading slash. */
  readonly canonical: string;
  /** The same path with every key as a segment of its own, for the patterns of rules. */
  readonly slashed: string;
}

const word = /^[\p{L}\p{N}._~!+,=:@#|&* -]+$/u;
const namespace = /^(?:microsoft\.)?graph\./i;

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
  return { parts, canonical: `/${canonical.join('/')}`, slashed: `/${slashed.join('/')}` };
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
