import type { Row } from '../graph/declaration.ts';
import { recipientKeys } from './cmdlet.ts';
import { ambiguousObject, badFilter, notFilterable, objectNotFound, unknownProperty } from './exchange-error.ts';
import { textOf } from './format.ts';

const same = (value: unknown, text: string): boolean => textOf(value).toLowerCase() === text.toLowerCase();

/** Whether one of the properties, or an address of the object, is the text. */
function matches(row: Row, keys: readonly string[], text: string): boolean {
  if (keys.some((key) => row[key] !== undefined && row[key] !== null && same(row[key], text))) return true;
  const addresses: unknown = row['EmailAddresses'];
  return Array.isArray(addresses) && addresses.some((address) => same(textOf(address).replace(/^smtp:/i, ''), text));
}

/**
 * The object that an identity names. Exchange accepts names, addresses and ids.
 * @throws ExchangeError 404 for none, 400 for several.
 */
export function findRow(rows: readonly Row[], identity: string, keys: readonly string[] = recipientKeys): Row {
  const [found, ...more] = rows.filter((row) => matches(row, keys, identity));
  if (found === undefined) throw objectNotFound(identity);
  if (more.length > 0) throw ambiguousObject(identity);
  return found;
}

/** `Anr`: objects whose names or addresses begin with the text. */
export function resolveAmbiguous(rows: readonly Row[], text: string): readonly Row[] {
  const start = text.toLowerCase();
  return rows.filter((row) =>
    ['Alias', 'DisplayName', 'Name', 'PrimarySmtpAddress'].some((key) =>
      textOf(row[key]).toLowerCase().startsWith(start),
    ),
  );
}

type Test = (row: Row) => boolean;

const clause = /^\(*\s*(\w+)\s+-?(eq|ne|like)\s+(?:'([^']*)'|"([^"]*)"|(\$?\w+))\s*\)*$/i;

/** Words of the language, as text. Nothing is an empty text. */
const literals: Readonly<Record<string, string>> = { true: 'true', false: 'false', null: '' };

/** The names that the objects have, in lower case. Undefined for no objects: an empty list says nothing about names. */
const namesOf = (rows: readonly Row[]): ReadonlySet<string> | undefined =>
  rows.length === 0 ? undefined : new Set(rows.flatMap((row) => Object.keys(row).map((name) => name.toLowerCase())));

/** The test of one comparison, such as `RecipientTypeDetails -eq 'SharedMailbox'`. @throws ExchangeError 400 */
function testOf(text: string, known: ReadonlySet<string> | undefined): Test {
  const [, name = '', operator = '', single, double, word] = clause.exec(text.trim()) ?? [];
  if (name === '') throw badFilter(text);
  if (known?.has(name.toLowerCase()) === false) throw notFilterable(name);
  const literal = word === undefined ? (single ?? double ?? '') : literals[word.replace('$', '').toLowerCase()];
  if (literal === undefined) throw badFilter(text);
  const valueOf = (row: Row): unknown => Object.entries(row).find(([key]) => same(key, name))?.[1] ?? null;
  const isEqual: Test = (row) => same(valueOf(row), literal);
  if (/^eq$/i.test(operator)) return isEqual;
  if (/^ne$/i.test(operator)) return (row) => !isEqual(row);
  return likeTest(valueOf, literal.toLowerCase());
}

/** `*` at the start, the end or both. @throws ExchangeError 400 for another pattern. */
function likeTest(valueOf: (row: Row) => unknown, pattern: string): Test {
  const [isOpenStart, isOpenEnd] = [pattern.startsWith('*'), pattern.endsWith('*') && pattern.length > 1];
  const middle = pattern.slice(isOpenStart ? 1 : 0, isOpenEnd ? -1 : undefined);
  if (middle.includes('*')) throw badFilter(pattern);
  return (row) => {
    const value = textOf(valueOf(row)).toLowerCase();
    if (isOpenStart && isOpenEnd) return value.includes(middle);
    if (isOpenStart) return value.endsWith(middle);
    return isOpenEnd ? value.startsWith(middle) : value === middle;
  };
}

/**
 * Filters rows by comparisons joined with `-and`, in the language of PowerShell or of OData (`and`). Other operators are
 * refused, and names that no object has, so that no filter is ignored.
 * @throws ExchangeError 400
 */
export function filterRows(rows: readonly Row[], filter: string): readonly Row[] {
  const known = namesOf(rows);
  const tests = filter.split(/\s-?and\s/i).map((text) => testOf(text, known));
  return rows.filter((row) => tests.every((test) => test(row)));
}

const everything = (select: string | null): select is null | '' =>
  select === null || select.trim() === '' || select.trim() === '*';

const namesIn = (select: string): readonly string[] => select.split(',').map((name) => name.trim().toLowerCase());

/** @throws ExchangeError 400 for a property that no object has. */
export function sortRows(rows: readonly Row[], property: string | undefined): readonly Row[] {
  if (property === undefined) return rows;
  if (namesOf(rows)?.has(property.toLowerCase()) === false) throw notFilterable(property);
  const valueOf = (row: Row): string => textOf(Object.entries(row).find(([key]) => same(key, property))?.[1]);
  return rows.toSorted((left, right) => valueOf(left).localeCompare(valueOf(right)));
}

/** @throws ExchangeError 400 for a name that no object of the list has. An empty list says nothing about names. */
export function checkSelect(rows: readonly Row[], select: string | null): void {
  const known = everything(select) ? undefined : namesOf(rows);
  const unknown = known && namesIn(select ?? '').find((name) => !known.has(name));
  if (unknown !== undefined) throw unknownProperty(unknown);
}

/** The named properties, in the order of the object. A list may mix objects that have different ones. */
export function selectProperties(row: Row, select: string | null): Row {
  if (everything(select)) return row;
  const names = new Set(namesIn(select));
  return Object.fromEntries(Object.entries(row).filter(([name]) => names.has(name.toLowerCase())));
}
