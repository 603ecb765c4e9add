import { quoted, unreadable } from '../verdict.ts';
import { type PropertyPath, readFilter, simple, type Tokens, tokensOf } from './filter.ts';
import { decode } from './path.ts';

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

/** What a query reads. */
export interface QueryUse {
  /** Paths in `$select`; undefined without `$select`. */
  readonly select: readonly PropertyPath[] | undefined;
  /** Paths in `$filter`, `$orderby` and `$search`. */
  readonly conditions: readonly PropertyPath[];
  readonly expand: readonly Expansion[];
}

export interface Expansion {
  /** Usually one name. */
  readonly names: readonly string[];
  readonly query: QueryUse;
}

export const noQuery: QueryUse = { select: undefined, conditions: [], expand: [] };

const maximumExpandDepth = 5;
/** Paths and expanded navigations in a query. Each is judged for every rule of the caller. */
const maximumPaths = 300;
const maximumExpansions = 50;

/** What several queries read together. @throws Refusal for too many names. */
export function mergeQueries(queries: readonly QueryUse[]): QueryUse {
  const selects = queries.flatMap(({ select }) => (select === undefined ? [] : [select]));
  const merged: QueryUse = {
    select: selects.length === 0 ? undefined : distinct(selects.flat()),
    conditions: distinct(queries.flatMap(({ conditions }) => conditions)),
    expand: queries.flatMap(({ expand }) => expand),
  };
  const { paths, expansions } = sizeOf(merged);
  if (paths > maximumPaths) throw unreadable(`The query names more than ${maximumPaths} properties; name fewer.`);
  if (expansions > maximumExpansions)
    throw unreadable(`The query expands more than ${maximumExpansions} navigations; send several requests.`);
  return merged;
}

/** A filter names the same property once for each value. */
function distinct(paths: readonly PropertyPath[]): readonly PropertyPath[] {
  return [...new Map(paths.map((path) => [`${path.names.join('/')} ${path.collection}`, path])).values()];
}

function sizeOf({ select = [], conditions, expand }: QueryUse): { paths: number; expansions: number } {
  let paths = select.length + conditions.length;
  let expansions = expand.length;
  for (const { names, query } of expand) {
    const nested = sizeOf({ ...query, conditions: distinct(query.conditions) });
    paths += names.length + nested.paths;
    expansions += nested.expansions;
  }
  return { paths, expansions };
}

/** Reads the decoded values of the options that name properties. */
export function readQueryUse(options: ReadonlyMap<string, string>): QueryUse {
  const read = <T>(option: string, reader: (tokens: Tokens) => T): T | undefined => {
    const value = options.get(option);
    if (value === undefined) return undefined;
    const tokens = tokensOf(value, option);
    const result = reader(tokens);
    if (!tokens.atEnd) throw tokens.refusal('has more text than one expression');
    return result;
  };
  return {
    select: read('select', readPaths),
    conditions: [
      ...(read('filter', readFilter) ?? []),
      ...(read('orderby', readOrder) ?? []),
      ...searchedProperties(options.get('search')),
    ],
    expand: read('expand', (tokens) => readExpand(tokens, 1)) ?? [],
  };
}

/** Paths separated by commas, as in `$select`. */
function readPaths(tokens: Tokens): readonly PropertyPath[] {
  const paths: PropertyPath[] = [];
  do paths.push({ names: readPath(tokens), collection: false });
  while (tokens.take(','));
  return paths;
}

function readPath(tokens: Tokens): readonly string[] {
  const names = [simple(tokens.next().text, tokens)];
  while (tokens.take('/')) names.push(simple(tokens.next().text, tokens));
  return names;
}

function readOrder(tokens: Tokens): readonly PropertyPath[] {
  const paths: PropertyPath[] = [];
  do {
    paths.push({ names: readPath(tokens), collection: false });
    if (/^(?:asc|desc)$/i.test(tokens.peek()?.text ?? '')) tokens.next();
  } while (tokens.take(','));
  return paths;
}

function readExpand(tokens: Tokens, depth: number): readonly Expansion[] {
  if (depth > maximumExpandDepth) throw tokens.refusal(`nests deeper than ${maximumExpandDepth} levels`);
  const found: Expansion[] = [];
  do {
    const names = [simple(tokens.next().text, tokens)];
    while (tokens.take('/')) {
      const name = tokens.next().text;
      // `members/$ref` and `members/$count` return less than `members`.
      if (name === '$ref' || name === '$count') break;
      names.push(simple(name, tokens));
    }
    found.push({ names, query: tokens.take('(') ? readNestedOptions(tokens, depth) : noQuery });
  } while (tokens.take(','));
  return found;
}

/** Options inside the parentheses of an expanded navigation, separated by semicolons. */
function readNestedOptions(tokens: Tokens, depth: number): QueryUse {
  const seen = new Set<string>();
  let use = noQuery;
  do {
    const option = tokens.next().text.toLowerCase().replace(/^\$/, '');
    if (seen.has(option)) throw tokens.refusal(`repeats an option inside parentheses`);
    seen.add(option);
    tokens.expect('=');
    use = { ...use, ...readNestedOption(option, tokens, use, depth) };
  } while (tokens.take(';'));
  tokens.expect(')');
  return use;
}

function readNestedOption(option: string, tokens: Tokens, use: QueryUse, depth: number): Partial<QueryUse> {
  switch (option) {
    case 'select':
      return { select: readPaths(tokens) };
    case 'filter':
      return { conditions: [...use.conditions, ...readFilter(tokens)] };
    case 'orderby':
      return { conditions: [...use.conditions, ...readOrder(tokens)] };
    case 'expand':
      return { expand: readExpand(tokens, depth + 1) };
    case 'top':
    case 'skip':
    case 'levels':
    case 'count': {
      const { kind, text } = tokens.next();
      if (kind === 'value' || (kind === 'name' && /^(?:max|true|false)$/i.test(text))) return {};
      throw tokens.refusal('has an option inside parentheses whose value is no number');
    }
    default:
      throw tokens.refusal('has an option inside parentheses that the gateway does not know');
  }
}

/** Stands for the free text of `$search`, which is compared with properties that it does not name. */
const anyProperty = '$search';

/**
 * Properties that `$search` names, as in `"displayName:a" AND "mail:b"`, and `anyProperty` for other text.
 * @throws Refusal for an odd number of quotes.
 */
function searchedProperties(search: string | undefined): readonly PropertyPath[] {
  if (search === undefined) return [];
  const phrases = search.match(/"[^"]*"/g) ?? [];
  const rest = search.replaceAll(/"[^"]*"/g, '');
  if (rest.includes('"')) {
    throw unreadable('$search contains an odd number of quotes; write $search="property:word".');
  }
  const names = [...search.matchAll(/\b([A-Za-z_]\w*)\b\s*[:=<>]/g)].map(([, name = '']) => name);
  const named = phrases.every((phrase) => /^"\w+:/.test(phrase)) && /^(?:\s|AND|OR|NOT|[()])*$/.test(rest);
  return [...names, ...(named ? [] : [anyProperty])].map((name) => ({ names: [name], collection: false }));
}
