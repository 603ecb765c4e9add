import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { optionsOfLists } from '../../src/graph/query-options.ts';
import type { Declaration, QueryOption, Row } from '../../src/graph/declaration.ts';
import { type Property, schemaOf, shortName, type TypeInfo } from '../../src/graph/schema/schema.ts';
import { declarations } from '../../src/population/graph/declarations.ts';
import { addressOf, ask, withP2, world } from './served-engine.ts';
import { viewOf } from './tenant-view.ts';

/**
 * Every list that has data answers queries as a plain filter over the data would, if it answers them. A query may be
 * refused, but never answered with other rows. `npm run fuzz` runs 100,000 queries.
 */
const isFull = process.env['FUZZ_EXTENT'] === 'full';
const queries = isFull ? 100_000 : 1000;
const seed = isFull ? Number(process.env['FUZZ_SEED'] ?? Date.now() % 1_000_000) : 1;

const schema = schemaOf('v1.0');
const view = viewOf(world, withP2);

type List = Extract<Declaration, { readonly kind: 'set' | 'references' | 'inverse' }>;
const isList = (each: Declaration): each is List =>
  each.kind !== 'report' && each.kind !== 'singleton' && !(each.kind === 'references' && each.single === true);
const lists = declarations
  .filter(isList)
  .filter((each) => each.needsType !== true && schema.type(each.type) !== undefined);

const idsIn = (rows: readonly Row[]): readonly unknown[] => rows.map(({ id }) => id);

/** All pages of a list. Undefined if the query is refused. */
function answerTo(address: string): { readonly rows: readonly Row[]; readonly count: unknown } | undefined {
  const rows: Row[] = [];
  let count: unknown;
  for (let next: string | undefined = address; next !== undefined; ) {
    const { status, rows: page, body } = ask(withP2, next);
    if (status === 400 && rows.length === 0) return undefined;
    expect(status).toBe(200);
    rows.push(...page);
    count ??= body['@odata.count'];
    next = (body['@odata.nextLink'] as string | undefined)?.replace(/^.*?\/v1\.0\//, '');
  }
  return { rows, count };
}

/** The rows of a list as the data has them, which the engine did not touch. */
function rowsOf(list: List, address: string): readonly Row[] {
  const keys = list.path.includes('{id}')
    ? [decodeURIComponent(address.split('/')[list.path.split('/').indexOf('{id}')] ?? '')]
    : [];
  if (list.kind === 'set') {
    const { listed } = list;
    const rows = view.rows(list.path, ...keys);
    const shown = (row: Row): Row =>
      Object.fromEntries(Object.entries(row).filter(([name]) => listed?.has(name.toLowerCase())));
    return listed === undefined ? rows : rows.map(shown);
  }
  const homes =
    list.kind === 'references' ? list.targets : list.of.map((path) => path.slice(0, path.lastIndexOf('/{')));
  const byId = new Map(homes.flatMap((path) => view.rows(path)).map((row) => [row['id'], row]));
  return idsIn(answerTo(address)?.rows ?? []).map((id) => byId.get(id) ?? {});
}

/** A value of a row that a filter can name. */
interface Field {
  readonly path: string;
  readonly kind: 'text' | 'enum' | 'number' | 'boolean' | 'time';
  /** The list that has the value, and the path of the value in its elements. */
  readonly within: string | undefined;
  readonly values: readonly unknown[];
}

const at = (value: unknown, path: string): unknown =>
  path === ''
    ? value
    : path.split('/').reduce<unknown>((inner, name) => (inner as Row | null | undefined)?.[name], value);
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

const kinds: readonly string[] = ['text', 'enum', 'number', 'boolean', 'time'];
const isPlain = ({ kind }: Property): boolean => kinds.includes(kind);
const others: Readonly<Record<string, readonly unknown[]>> = {
  text: ['', 'a', 'AB', "O'Neill", '%&+#'],
  number: [-1, 0, 1.5],
  boolean: [true, false],
  time: ['2026-11-20T12:00:00Z'],
};

/** The fields of a type: its own, those of values in it, and those of the elements of lists. */
function fieldsOf(type: TypeInfo, rows: readonly Row[]): readonly Field[] {
  return type
    .properties()
    .flatMap((property): readonly Field[] => {
      const { name, isList: isMany, kind, typeName } = property;
      const inner = kind === 'complex' ? (schema.type(typeName)?.properties() ?? []) : [];
      const parts = isPlain(property)
        ? [{ path: '', kind }]
        : inner.filter((each) => isPlain(each) && !each.isList).map((each) => ({ path: each.name, kind: each.kind }));
      return parts.map((part): Field => {
        const found = rows.flatMap((row) =>
          isMany ? listOf(row[name]).map((each) => at(each, part.path)) : [at(row[name], part.path)],
        );
        const distinct = [...new Set(found.filter((value) => ['string', 'number', 'boolean'].includes(typeof value)))];
        return {
          path: isMany ? part.path : [name, part.path].filter(Boolean).join('/'),
          kind: part.kind as Field['kind'],
          within: isMany ? name : undefined,
          values: [...distinct.slice(0, 12), ...(others[part.kind] ?? [])],
        };
      });
    })
    .filter(({ values }) => values.length > 0);
}

/** A filter as text, and what it means, written without the engine. */
interface Meant {
  readonly text: string;
  readonly holds: (row: Row) => boolean;
}

const quoted = (value: unknown): string => `'${String(value).replaceAll("'", "''")}'`;
const written = (value: unknown, kind: Field['kind']): string =>
  value === null ? 'null' : kind === 'text' || kind === 'enum' ? quoted(value) : String(value);

/** What is compared: text without regard to case, times as numbers. */
function comparable(value: unknown, kind: Field['kind']): string | number | null {
  if (value === null || value === undefined) return null;
  if (kind === 'time') return typeof value === 'string' && !Number.isNaN(Date.parse(value)) ? Date.parse(value) : null;
  if (typeof value === 'boolean') return Number(value);
  return typeof value === 'number' ? value : String(value).toLowerCase();
}

const operators = ['eq', 'ne', 'gt', 'ge', 'lt', 'le', 'startswith', 'endswith', 'contains', 'in'] as const;
type Operator = (typeof operators)[number];

function means(found: string | number | null, wanted: string | number | null, how: Operator): boolean {
  if (how === 'eq' || how === 'in') return found === wanted;
  if (how === 'ne') return found !== wanted;
  if (found === null || wanted === null) return false;
  if (how === 'gt') return found > wanted;
  if (how === 'ge') return found >= wanted;
  if (how === 'lt') return found < wanted;
  if (how === 'le') return found <= wanted;
  const [text, part] = [String(found), String(wanted)];
  if (how === 'startswith') return text.slice(0, part.length) === part;
  return how === 'endswith'
    ? part === '' || text.slice(-part.length) === part
    : text.split(part).length > 1 || part === '';
}

/** How a field is used. The numbers choose a field and a value of the list. */
interface Use {
  readonly kind: 'leaf';
  readonly field: number;
  readonly value: number;
  readonly operator: Operator;
  readonly isNull: boolean;
}
type Tree =
  | Use
  | { readonly kind: 'and' | 'or'; readonly left: Tree; readonly right: Tree }
  | { readonly kind: 'not'; readonly inner: Tree };

const tree = fc.letrec<{ tree: Tree; leaf: Use }>((tie) => ({
  leaf: fc.record({
    kind: fc.constant('leaf' as const),
    field: fc.nat(10_000),
    value: fc.nat(10_000),
    operator: fc.oneof(
      { weight: 2, arbitrary: fc.constant('eq' as const) },
      { weight: 3, arbitrary: fc.constantFrom(...operators) },
    ),
    isNull: fc.boolean(),
  }),
  tree: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    { weight: 6, arbitrary: tie('leaf') },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constantFrom('and' as const, 'or' as const),
        left: tie('tree'),
        right: tie('tree'),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('not' as const), inner: tie('tree') }) },
  ),
})).tree;

function meant(node: Tree, fields: readonly Field[]): Meant {
  if (node.kind === 'not') {
    const { text, holds } = meant(node.inner, fields);
    return { text: `not (${text})`, holds: (row) => !holds(row) };
  }
  if (node.kind !== 'leaf') {
    const [left, right] = [meant(node.left, fields), meant(node.right, fields)];
    const holds = (row: Row): boolean =>
      node.kind === 'and' ? left.holds(row) && right.holds(row) : left.holds(row) || right.holds(row);
    return { text: `(${left.text}) ${node.kind} (${right.text})`, holds };
  }
  const field = fields[node.field % fields.length];
  if (field === undefined) throw new RangeError('The list has no fields.');
  return leafOf(field, node);
}

function leafOf({ path, kind, within, values }: Field, { operator, value: place, isNull }: Use): Meant {
  const isText = kind === 'text' || kind === 'enum';
  const how =
    isText ||
    ['eq', 'ne', 'in'].includes(operator) ||
    (kind !== 'boolean' && !['startswith', 'endswith', 'contains'].includes(operator))
      ? operator
      : 'eq';
  const isCall = ['startswith', 'endswith', 'contains'].includes(how);
  const drawn = values[place % values.length];
  const value =
    isNull && place % 5 === 0 && !isCall && how !== 'in'
      ? null
      : isCall
        ? String(drawn).slice(0, 1 + (place % 4))
        : drawn;
  const subject = within === undefined ? path : ['x', path].filter(Boolean).join('/');
  const literal = written(value, kind);
  const text = isCall
    ? `${how}(${subject},${literal})`
    : how === 'in'
      ? `${subject} in (${literal})`
      : `${subject} ${how} ${literal}`;
  const holds = (found: unknown): boolean => means(comparable(found, kind), comparable(value, kind), how);
  if (within === undefined) return { text, holds: (row) => holds(at(row, path)) };
  return {
    text: `${within}/any(x:${text})`,
    holds: (row) => listOf(row[within]).some((each) => holds(at(each, path))),
  };
}

/** Null comes first, and equal rows keep their order. */
function sorted(rows: readonly Row[], { path, kind }: Field, descending: boolean): readonly Row[] {
  const rank = (row: Row): string | number | null => comparable(at(row, path), kind);
  const groups = new Map<string | number | null, Row[]>();
  for (const row of rows) groups.set(rank(row), [...(groups.get(rank(row)) ?? []), row]);
  const order = [...groups.keys()].toSorted((a, b) => (a === null ? -1 : b === null ? 1 : a < b ? -1 : 1));
  return (descending ? order.toReversed() : order).flatMap((each) => groups.get(each) ?? []);
}

interface Query {
  readonly tree: Tree | undefined;
  readonly order: { readonly field: number; readonly descending: boolean } | undefined;
  readonly parts: number | undefined;
  readonly isCounted: boolean;
}
const query: fc.Arbitrary<Query> = fc.record({
  tree: fc.option(tree, { nil: undefined, freq: 8 }),
  order: fc.option(fc.record({ field: fc.nat(10_000), descending: fc.boolean() }), { nil: undefined, freq: 2 }),
  // Pages of the whole list, a half, a third.
  parts: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined, freq: 2 }),
  isCounted: fc.boolean(),
});

function optionsOf(
  { tree: filter, order, parts, isCounted }: Query,
  { path, fields, rows }: { readonly path: string; readonly fields: readonly Field[]; readonly rows: readonly Row[] },
) {
  const options = new URLSearchParams();
  const { allowed } = optionsOfLists.get(path) ?? {};
  const has = (option: QueryOption): boolean => allowed?.includes(option) ?? true;
  const { text, holds } =
    filter === undefined || fields.length === 0 ? { text: undefined, holds: () => true } : meant(filter, fields);
  const single = fields.filter(({ within }) => within === undefined);
  const by = order === undefined || !has('orderby') ? undefined : single[order.field % single.length];
  if (text !== undefined) options.set('$filter', text);
  if (by !== undefined) options.set('$orderby', `${by.path}${order?.descending === true ? ' desc' : ''}`);
  if (parts !== undefined && has('top'))
    options.set('$top', String(Math.max(1, Math.ceil(Math.min(rows.length, 300) / parts))));
  if (isCounted && has('count')) options.set('$count', 'true');
  const found = rows.filter(holds);
  return { options, expected: by === undefined ? found : sorted(found, by, order?.descending === true) };
}

/** Those by which the list filters, if there are any: many queries by the others would be refused. */
function usable(fields: readonly Field[], address: string): readonly Field[] {
  const accepted = fields.filter((field) => {
    const { text } = leafOf(field, { kind: 'leaf', field: 0, value: 0, operator: 'eq', isNull: false });
    const forms = [{ $filter: text }, { $filter: text, $count: 'true' }];
    return forms.some((each) => ask(withP2, `${address}?${new URLSearchParams(each).toString()}`).status === 200);
  });
  return accepted.length === 0 ? fields : accepted;
}

describe('queries that are answered', () => {
  it.each(lists.map((list) => [list.path, list] as const))('return the rows of %s that they mean', (path, list) => {
    const address = addressOf(withP2, path);
    const type = schema.type(shortName(list.type));
    const rows = rowsOf(list, address);
    const fields = type === undefined ? [] : usable(fieldsOf(type, rows), address);
    const allowed = optionsOfLists.get(path)?.allowed;
    let answered = 0;
    fc.assert(
      fc.property(query, (drawn) => {
        const { options, expected } = optionsOf(drawn, { path, fields, rows });
        const found = answerTo(`${address}?${options.toString()}`);
        if (found === undefined) return;
        if (options.has('$filter') || options.has('$orderby')) answered += 1;
        expect(idsIn(found.rows)).toEqual(idsIn(expected));
        if (found.count !== undefined) expect(found.count).toBe(expected.length);
      }),
      {
        numRuns: Math.ceil((rows.length > 3 ? 1.5 : 0.5) * (queries / lists.length)),
        seed: seed + lists.indexOf(list),
      },
    );
    // The others have few queries in a short run.
    if (rows.length > 3 && fields.length > 0 && (allowed?.includes('filter') ?? true))
      expect(answered).toBeGreaterThan(0);
  });
});
