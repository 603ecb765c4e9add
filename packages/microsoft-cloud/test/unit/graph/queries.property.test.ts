import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EntitySet, Row } from '../../../src/graph/declaration.ts';
import { allPages, smallEngine } from './small-engine.ts';

/** A filter as text, and what it means, written without the engine. */
interface Meant {
  readonly text: string;
  readonly holds: (row: Row) => boolean;
}

const words = ['', 'a', 'A', 'ann', 'Ann Lee', "O'Neill", 'bob', 'é', '1', 'true', 'x y'];
const times = ['2026-01-01T00:00:00Z', '2026-06-15T12:30:00Z', '2026-11-20T23:59:59.5Z'];
const numbers = [-1, 0, 1, 2.5, 1_000_000];
const categories = ['company', 'personal'];

const orNull = <T>(values: readonly T[]): fc.Arbitrary<T | null> =>
  fc.option(fc.constantFrom(...values), { nil: null });

/** Rows of `managedDevice`: text, time, number, boolean, an enumeration, a list of objects and an object. */
const row = (id: number): fc.Arbitrary<Row> =>
  fc.record({
    id: fc.constant(`device-${id}`),
    deviceName: orNull(words),
    enrolledDateTime: orNull(times),
    totalStorageSpaceInBytes: orNull(numbers),
    isEncrypted: orNull([true, false]),
    managedDeviceOwnerType: orNull(categories),
    deviceActionResults: fc.array(fc.record({ actionName: orNull(words), startDateTime: orNull(times) }), {
      maxLength: 3,
    }),
    deviceHealthAttestationState: fc.option(fc.record({ deviceHealthAttestationStatus: orNull(words) }), { nil: null }),
  });
const rows = fc
  .integer({ min: 0, max: 12 })
  .chain((count) => fc.tuple(...Array.from({ length: count }, (_, id) => row(id))));

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;
const lower = (value: unknown): unknown => (typeof value === 'string' ? value.toLowerCase() : value);

type Operator = 'eq' | 'ne' | 'gt' | 'ge' | 'lt' | 'le';
const operator = fc.constantFrom<Operator>('eq', 'ne', 'gt', 'ge', 'lt', 'le');

/** Null equals null only, and nothing is less or greater than null. */
function means(found: unknown, wanted: unknown, how: Operator): boolean {
  const [left, right] = [found ?? null, wanted ?? null];
  if (how === 'eq') return left === right;
  if (how === 'ne') return left !== right;
  if (left === null || right === null) return false;
  const [a, b] = [left as number, right as number];
  if (how === 'gt') return a > b;
  if (how === 'lt') return a < b;
  return how === 'ge' ? a >= b : a <= b;
}

const at = (value: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>((inner, name) => (inner as Row | null | undefined)?.[name], value);

/** Compares a property. @param read makes a value of a row comparable. */
const comparing = <T>(
  path: readonly string[],
  values: readonly T[],
  write: (value: T) => string,
  read: (value: unknown) => unknown,
): fc.Arbitrary<Meant> =>
  fc.tuple(operator, orNull(values)).map(([how, value]) => ({
    text: `${path.join('/')} ${how} ${value === null ? 'null' : write(value)}`,
    holds: (each) => means(read(at(each, ...path)), value === null ? null : read(value), how),
  }));

const timeOf = (value: unknown): unknown => (typeof value === 'string' ? Date.parse(value) : value);

const textFunction = fc.tuple(fc.constantFrom('startswith', 'endsWith', 'contains'), fc.constantFrom(...words)).map(
  ([name, part]): Meant => ({
    text: `${name}(deviceName,${quoted(part)})`,
    holds: ({ deviceName }) => {
      if (typeof deviceName !== 'string') return false;
      const [text, wanted] = [deviceName.toLowerCase(), part.toLowerCase()];
      if (name === 'startswith') return text.slice(0, wanted.length) === wanted;
      return name === 'contains'
        ? text.split(wanted).length > 1 || wanted === ''
        : text.slice(text.length - wanted.length) === wanted;
    },
  }),
);

const oneOf = fc.uniqueArray(fc.constantFrom(...words), { minLength: 1, maxLength: 3 }).map(
  (list): Meant => ({
    text: `deviceName in (${list.map(quoted).join(', ')})`,
    holds: ({ deviceName }) => list.map(lower).includes(lower(deviceName)),
  }),
);

const inList = fc.tuple(fc.constantFrom('any', 'all'), operator, fc.constantFrom(...words)).map(
  ([quantifier, how, word]): Meant => ({
    text: `deviceActionResults/${quantifier}(r:r/actionName ${how} ${quoted(word)})`,
    holds: ({ deviceActionResults }) => {
      const list = (deviceActionResults as readonly Row[]).map(({ actionName }) =>
        means(lower(actionName), lower(word), how),
      );
      return quantifier === 'any' ? list.includes(true) : !list.includes(false);
    },
  }),
);

const size = fc.tuple(operator, fc.integer({ min: 0, max: 3 })).map(
  ([how, count]): Meant => ({
    text: `deviceActionResults/$count ${how} ${count}`,
    holds: ({ deviceActionResults }) => means((deviceActionResults as readonly unknown[]).length, count, how),
  }),
);

const computed = fc.tuple(operator, fc.integer({ min: 0, max: 8 })).map(
  ([how, length]): Meant => ({
    text: `length(deviceName) ${how} ${length}`,
    holds: ({ deviceName }) => means(typeof deviceName === 'string' ? deviceName.length : null, length, how),
  }),
);

const leaf = fc.oneof(
  comparing(['deviceName'], words, quoted, lower),
  comparing(['deviceHealthAttestationState', 'deviceHealthAttestationStatus'], words, quoted, lower),
  comparing(['managedDeviceOwnerType'], categories, quoted, lower),
  comparing(['totalStorageSpaceInBytes'], numbers, String, (value) => value),
  comparing(['isEncrypted'], [true, false], String, (value) => (typeof value === 'boolean' ? Number(value) : value)),
  comparing(['enrolledDateTime'], times, String, timeOf),
  textFunction,
  oneOf,
  inList,
  size,
  computed,
);

const filter: fc.Arbitrary<Meant> = fc.letrec<{ filter: Meant }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaf,
    fc.tuple(tie('filter'), tie('filter'), fc.constantFrom('and', 'or')).map(([left, right, word]) => ({
      text: `(${left.text}) ${word} (${right.text})`,
      holds: (each: Row) =>
        word === 'and' ? left.holds(each) && right.holds(each) : left.holds(each) || right.holds(each),
    })),
    tie('filter').map(({ text, holds }) => ({ text: `not (${text})`, holds: (each: Row) => !holds(each) })),
  ),
})).filter;

const devices = (list: readonly Row[]): EntitySet => ({
  kind: 'set',
  path: 'deviceManagement/managedDevices',
  type: 'microsoft.graph.managedDevice',
  rows: () => list,
});
const base = '/v1.0/deviceManagement/managedDevices';
const encoded = (options: Readonly<Record<string, string>>): string => new URLSearchParams(options).toString();
const ids = (list: readonly Row[]): readonly unknown[] => list.map(({ id }) => id);

describe('a query over the engine', () => {
  it('returns the rows that the filter means, whatever the size of the pages', () => {
    fc.assert(
      fc.property(rows, filter, fc.integer({ min: 1, max: 5 }), (list, { text, holds }, top) => {
        const engine = smallEngine([devices(list)]);
        const expected = ids(list.filter(holds));
        expect(ids(allPages(engine, `${base}?${encoded({ $filter: text, $top: String(top) })}`))).toEqual(expected);
        const first = engine.get(`${base}?${encoded({ $filter: text, $count: 'true', $top: '1' })}`);
        expect(first.body['@odata.count']).toBe(expected.length);
        expect(engine.get(`${base}/$count?${encoded({ $filter: text })}`).text).toBe(String(expected.length));
      }),
      { numRuns: 300 },
    );
  });

  it('sorts by several properties, null first, and keeps the order of equal rows', () => {
    const key = fc.constantFrom('deviceName', 'totalStorageSpaceInBytes', 'enrolledDateTime', 'isEncrypted');
    const keys = fc.uniqueArray(fc.tuple(key, fc.boolean()), {
      minLength: 1,
      maxLength: 3,
      selector: ([name]) => name,
    });
    fc.assert(
      fc.property(rows, keys, fc.nat(5), (list, order, skip) => {
        const engine = smallEngine([devices(list)]);
        const orderBy = order.map(([name, descending]) => `${name}${descending ? ' desc' : ''}`).join(',');
        const found = ids(
          allPages(engine, `${base}?${encoded({ $orderby: orderBy, $skip: String(skip), $top: '4' })}`),
        );
        // Insertion sort: slow, and plainly stable.
        const sorted: Row[] = [];
        for (const each of list) {
          let place = sorted.length;
          while (place > 0 && isBefore(each, sorted[place - 1] ?? {}, order)) place -= 1;
          sorted.splice(place, 0, each);
        }
        expect(found).toEqual(ids(sorted).slice(skip));
      }),
      { numRuns: 200 },
    );
  });

  it('returns exactly the selected properties', () => {
    const names = ['id', 'deviceName', 'isEncrypted', 'deviceActionResults', 'complianceState'];
    fc.assert(
      fc.property(rows, fc.subarray(names, { minLength: 1 }), (list, selected) => {
        const found = allPages(smallEngine([devices(list)]), `${base}?${encoded({ $select: selected.join(',') })}`);
        for (const [place, each] of found.entries()) {
          expect(Object.keys(each)).toEqual(selected);
          for (const name of selected) expect(each[name]).toEqual(list[place]?.[name] ?? null);
        }
      }),
      { numRuns: 100 },
    );
  });
});

function isBefore(left: Row, right: Row, order: readonly (readonly [string, boolean])[]): boolean {
  for (const [name, descending] of order) {
    const [a, b] = [rank(left[name]), rank(right[name])];
    if (a === b) continue;
    const first = a === null || (b !== null && a < b);
    return descending ? !first : first;
  }
  return false;
}

const rank = (value: unknown): number | string | null => {
  if (typeof value === 'boolean') return Number(value);
  if (typeof value === 'number') return value;
  if (typeof value !== 'string') return null;
  return /^\d{4}-/.test(value) ? Date.parse(value) : value.toLowerCase();
};
