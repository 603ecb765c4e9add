import { type Expand, noOptions, type QueryOptions } from './expression.ts';
import { parseFilter, parseOrderBy } from './parse-filter.ts';
import { splitOutside } from './split.ts';
import { QueryError } from './tokens.ts';

const names = [
  'select',
  'expand',
  'filter',
  'orderby',
  'search',
  'top',
  'skip',
  'count',
  'skiptoken',
  'deltatoken',
  'format',
] as const;
type OptionName = (typeof names)[number] | 'levels';

/** The name of an option without `$`, in lower case. Undefined for another parameter. */
export function optionName(key: string): (typeof names)[number] | undefined {
  const name = key.replace(/^\$/, '').toLowerCase();
  return names.find((each) => each === name);
}

type Written = Partial<Record<OptionName, string>>;

const maxExpandDepth = 5;

/**
 * Reads the options of a request. Names are read without regard to case, and the `$` may be missing, as in Graph. Other
 * parameters without `$` belong to the single APIs and are left alone.
 * @throws QueryError with Graph's message.
 */
export function parseQuery(query: URLSearchParams): QueryOptions {
  const written: Written = {};
  for (const [key, value] of query) {
    const known = optionName(key);
    if (known === undefined) {
      if (key.startsWith('$')) throw new QueryError(`The query parameter '${key}' is not supported.`);
      continue;
    }
    put(written, known, value);
  }
  return optionsOf(written, 0);
}

function put(written: Written, name: OptionName, value: string): void {
  if (written[name] !== undefined)
    throw new QueryError(
      `Query option '$${name}' was specified more than once, but it must be specified at most once.`,
    );
  written[name] = value.trim();
}

function optionsOf(written: Written, depth: number): QueryOptions {
  const { select, expand, filter, orderby, search, skiptoken, deltatoken, format } = written;
  return {
    ...noOptions,
    select: select === undefined ? undefined : selection(select),
    expand: expand === undefined ? [] : expansion(expand, depth),
    filter: filter === undefined ? undefined : parsed('filter', filter, 'Invalid filter clause', parseFilter),
    orderBy: orderby === undefined ? [] : parsed('orderby', orderby, 'Invalid $orderby clause', parseOrderBy),
    search,
    top: numberOf(written, 'top'),
    skip: numberOf(written, 'skip'),
    count: booleanOf(written.count),
    skipToken: skiptoken,
    deltaToken: deltatoken,
    format,
  };
}

/** The text for an empty value is that of Microsoft's OData library. */
function parsed<T>(name: OptionName, text: string, prefix: string, read: (text: string) => T): T {
  if (text === '') throw new QueryError(`The value for OData query '$${name}' cannot be empty.`);
  try {
    return read(text);
  } catch (error) {
    if (error instanceof QueryError) throw new QueryError(`${prefix}: ${error.message}`, { cause: error });
    throw error;
  }
}

function selection(text: string): readonly (readonly string[])[] {
  if (text === '') throw new QueryError('Parsing OData Select and Expand failed: Term is empty.');
  return text.split(',').map((term) => {
    const path = term.trim();
    if (!/^(?:\*|[\w.]+(?:\/[\w.]+)*)$/.test(path))
      throw new QueryError(
        `Parsing OData Select and Expand failed: Term '${path}' is not valid in a $select or $expand expression.`,
      );
    return path.split('/');
  });
}

function numberOf(written: Written, name: 'top' | 'skip'): number | undefined {
  const text = written[name];
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text))
    throw new QueryError(
      `Invalid value '${text}' for $${name} query option found. The $${name} query option requires a non-negative integer value.`,
    );
  return Number(text);
}

function booleanOf(text: string | undefined): boolean {
  if (text === undefined) return false;
  const lower = text.toLowerCase();
  if (lower !== 'true' && lower !== 'false')
    throw new QueryError(`Invalid value '${text}' for $count query option found. Valid values are 'true' or 'false'.`);
  return lower === 'true';
}

/** `members($select=id;$top=5),owners` */
function expansion(text: string, depth: number): readonly Expand[] {
  if (depth > maxExpandDepth) throw new QueryError('Parsing OData Select and Expand failed: the query is too deep.');
  return split(text, ',').map((term) => {
    const found = /^([\w.]+(?:\/[\w.$]+)*)(?:\((.*)\))?$/s.exec(term.trim());
    const [navigation = '', cast, ...rest] = found?.[1]?.split('/') ?? [];
    if (found === null || rest.length > 0 || cast === '$ref')
      throw new QueryError(
        `Parsing OData Select and Expand failed: Term '${term.trim()}' is not valid in a $select or $expand expression.`,
      );
    const written = found[2] === undefined ? {} : nested(found[2]);
    return { navigation, cast, options: optionsOf(written, depth + 1), levels: levelsOf(written.levels) };
  });
}

function nested(text: string): Written {
  const written: Written = {};
  for (const term of split(text, ';')) {
    const [, key = '', value = ''] = /^\s*\$?(\w+)\s*=(.*)$/s.exec(term) ?? [];
    const name = key.toLowerCase();
    const known = name === 'levels' ? name : names.find((each) => each === name);
    if (known === undefined)
      throw new QueryError(
        `Parsing OData Select and Expand failed: Term '${term.trim()}' is not valid in a $select or $expand expression.`,
      );
    put(written, known, value);
  }
  return written;
}

function levelsOf(text: string | undefined): number {
  if (text === undefined) return 1;
  if (text.toLowerCase() === 'max') return Number.POSITIVE_INFINITY;
  if (!/^[1-9]\d{0,2}$/.test(text)) throw new QueryError(`Invalid value '${text}' for $levels.`);
  return Number(text);
}

function split(text: string, separator: string): readonly string[] {
  const parts = splitOutside(text, separator);
  if (parts === undefined)
    throw new QueryError('Parsing OData Select and Expand failed: Found an unbalanced bracket expression.');
  return parts;
}
