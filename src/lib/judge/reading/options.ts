import { quoted, unreadable } from '../refusal.ts';
import { decode } from './decode.ts';

/** Values of query options, decoded, by name in lower case without the dollar sign. */
export interface OptionsReading {
  readonly values: ReadonlyMap<string, string>;
  /** The query to send, without the question mark. */
  readonly canonical: string;
}

interface OptionRule {
  /** The name to send, in Graph's spelling. */
  readonly name: string;
  readonly value?: RegExp;
  /** What a value must be, for the refusal. */
  readonly expected?: string;
}

const number = { value: /^\d{1,9}$/, expected: 'a number' };
/** Tokens of Intune are conditions: `LastDeviceName='…',LastDeviceId='…'`. */
const token = /^[^"<>\\]+$/;
const moment = { value: /^\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d)?)?$/i, expected: 'a date' };

/** The options that are read. `@odata` parameter aliases and everything else is refused. */
const known: Readonly<Record<string, OptionRule>> = {
  select: { name: 'select' },
  expand: { name: 'expand' },
  filter: { name: 'filter' },
  orderby: { name: 'orderby' },
  search: { name: 'search' },
  top: { name: 'top', ...number },
  skip: { name: 'skip', ...number },
  count: { name: 'count', value: /^(?:true|false)$/i, expected: 'true or false' },
  format: {
    name: 'format',
    value: /^(?:json|application\/json|text\/csv)$/i,
    expected: 'application/json or text/csv',
  },
  skiptoken: { name: 'skiptoken', value: token, expected: 'a token of a link' },
  deltatoken: { name: 'deltatoken', value: token, expected: 'a token of a link' },
  startdatetime: { name: 'startDateTime', ...moment },
  enddatetime: { name: 'endDateTime', ...moment },
};

/**
 * Reads a query. The dollar sign of an option is optional and case does not matter, as on Graph; "+" is a space.
 * @throws Refusal for unknown and repeated options, and for values that are encoded twice.
 */
export function readOptions(query: string): OptionsReading {
  const values = new Map<string, string>();
  const canonical: string[] = [];
  for (const pair of query === '' ? [] : query.split('&')) {
    const at = pair.indexOf('=');
    const written = decodeText(at === -1 ? pair : pair.slice(0, at));
    const dollar = written.startsWith('$') ? '$' : '';
    const name = written.slice(dollar.length).toLowerCase();
    const rule = Object.hasOwn(known, name) ? known[name] : undefined;
    if (rule === undefined) {
      throw unreadable(`The query option ${quoted(written)} is not one that the gateway reads; remove it.`);
    }
    if (values.has(name)) throw unreadable(`The query option $${name} is given twice; give it once.`);
    const value = at === -1 ? '' : decodeText(pair.slice(at + 1)).trim();
    if (value === '' || rule.value?.test(value) === false) {
      throw unreadable(`$${name} is not ${rule.expected ?? 'filled'}; correct or remove it.`);
    }
    values.set(name, value);
    canonical.push(`${dollar}${rule.name}=${encodeURIComponent(value)}`);
  }
  return { values, canonical: canonical.join('&') };
}

function decodeText(text: string): string {
  const decoded = decode(text.replaceAll('+', ' '), 'query');
  if (/%[0-9a-f]{2}/i.test(decoded)) throw unreadable('The query is encoded twice; encode it once.');
  return decoded;
}
