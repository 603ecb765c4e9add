import { unreadable } from '../refusal.ts';
import { encode, type Part, type SegmentReading } from './part.ts';

const shape = /^([A-Za-z_][\w.]*)\((.*)\)$/s;
const guid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const plainValue = /^[\w.:+-]+$/;
/** Characters that keys have. Other letters of Unicode that look like separators are left out. */
const keyText = /^[\p{L}\p{N} ._~!+,=:@#|&*$()'"<>[\]{}-]*$/u;
const inQuotes = /^'((?:[^']|'')*)'$/s;

/**
 * Reads a segment with parentheses: `users('k')`, `applications(appId='k')`, `delta()`, `getReport(period='D7')`.
 * @throws Refusal for parameter aliases, repeated parameters and values that are neither quoted nor plain.
 */
export function readParentheses(segment: string, namespace: RegExp): SegmentReading {
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
  if (!text.startsWith("'") && !guid.test(value) && !/^\d+$/.test(value)) {
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
