import fc from 'fast-check';
import * as z from 'zod';
import { describe, expect, it } from 'vitest';
import {
  column,
  Columns,
  dateTime,
  flag,
  group,
  json,
  mark,
  number,
  oneOf,
  pieces,
  text,
  time,
  words,
} from '../../../../../src/lib/core/rows/columns.ts';

const numbers = z.array(z.number());
const columns = new Columns({
  name: text,
  size: number.as('bytes'),
  isOpen: flag,
  state: oneOf(['new', 'done'] as const),
  startedAtMs: time,
  seenAtMs: dateTime,
  note: text.optional(),
  endedAtMs: time.lenient(),
  more: mark,
  places: json(numbers),
  tags: words,
  long: pieces(3),
  by: group({ id: text.as('byId'), title: text.lenient().as('byTitle') }).optional(),
});

const word = fc.stringMatching(/^[a-z0-9:-]{1,8}$/);
const ms = fc.integer({ min: 0, max: 4_000_000_000_000 });
const fields = fc.record(
  {
    name: fc.string(),
    size: fc.integer(),
    isOpen: fc.boolean(),
    state: fc.constantFrom('new' as const, 'done' as const),
    startedAtMs: ms,
    seenAtMs: ms,
    note: fc.string(),
    endedAtMs: ms,
    more: fc.constant(true),
    places: fc.array(fc.integer()),
    tags: fc.array(word),
    long: fc.string({ minLength: 1 }),
    by: fc.record({ id: fc.string(), title: fc.string() }, { requiredKeys: ['id'] }),
  },
  { requiredKeys: ['name', 'size', 'isOpen', 'state', 'startedAtMs', 'seenAtMs', 'places', 'tags', 'long'] },
);
const whole = {
  name: 'n',
  size: 1,
  isOpen: false,
  state: 'new',
  startedAtMs: 0,
  seenAtMs: 0,
  places: [1],
  tags: ['a', 'b'],
  long: 'x',
} as const;
const row = columns.encode({ ...whole, places: [1] });

describe('the columns of a row', () => {
  it('read what they wrote', () => {
    fc.assert(
      fc.property(fields, (value) => {
        expect(columns.decode(columns.encode(value))).toEqual(value);
      }),
    );
  });

  it('write nothing beside the properties that they select', () => {
    fc.assert(
      fc.property(fields, (value) => {
        expect(columns.names).toEqual(expect.arrayContaining(Object.keys(columns.encode(value))));
      }),
    );
    const others = 'name bytes isOpen state startedAt seenAt note endedAt more places tags';
    expect(columns.names.join(' ')).toBe(`${others} long0 long1 long2 byId byTitle`);
  });

  it('read the same if storage answers null for what a row lacks', () => {
    const nulls = Object.fromEntries(columns.names.map((name) => [name, null]));
    fc.assert(
      fc.property(fields, (value) => {
        expect(columns.decode({ ...nulls, ...columns.encode(value) })).toEqual(value);
      }),
    );
  });

  it('store each type in one form', () => {
    const by = { id: 'i', title: undefined };
    expect(columns.encode({ ...whole, places: [1], note: undefined, more: true, by })).toEqual({
      name: 'n',
      bytes: 1,
      isOpen: false,
      state: 'new',
      startedAt: '1970-01-01T00:00:00.000Z',
      seenAt: new Date(0),
      more: 1,
      places: '[1]',
      tags: 'a b',
      long0: 'x',
      byId: 'i',
    });
    expect(columns.change({ endedAtMs: 1, note: undefined })).toEqual({ endedAt: '1970-01-01T00:00:00.001Z' });
  });

  it.each<[string, object]>([
    ['name', { name: 7 }],
    ['size', { bytes: '1' }],
    ['isOpen', { isOpen: 1 }],
    ['state', { state: 'old' }],
    ['startedAtMs', { startedAt: 'soon' }],
    ['startedAtMs', { startedAt: 0 }],
    ['seenAtMs', { seenAt: '1970-01-01T00:00:00.000Z' }],
    ['seenAtMs', { seenAt: new Date(Number.NaN) }],
    ['note', { note: 7 }],
    ['places', { places: '[1' }],
    ['places', { places: '["1"]' }],
    ['places', { places: [1] }],
    ['tags', { tags: 1 }],
    ['long', { long0: null }],
    ['by', { byTitle: 'without an id' }],
  ])('refuse a row with a wrong %s: %j', (field, wrong) => {
    expect(columns.decode({ ...row, ...wrong })).toBeUndefined();
    expect(() => columns.require({ ...row, ...wrong })).toThrow(new TypeError(`The row has no valid ${field}.`));
  });

  it.each([{ endedAt: 'soon' }, { endedAt: null }, { more: 0 }, { byId: 'i', byTitle: 7 }])(
    'leave out what is lenient and wrong: %j',
    (wrong) => {
      const read = columns.require({ ...row, ...wrong });
      expect([read.endedAtMs, read.more, read.by?.title]).toEqual([undefined, undefined, undefined]);
    },
  );

  it('read a time only in the form in which it is written', () => {
    const columns = new Columns({ endsAtMs: time.lenient() });
    expect(columns.decode({ endsAt: '2026-11-30T00:00:00.000Z' })).toEqual({ endsAtMs: Date.UTC(2026, 10, 30) });
    for (const endsAt of ['2030', '2026-11-30', '2026-11-30T00:00:00', '2026-11-30T00:00:00+01:00', 'x'])
      expect([endsAt, columns.decode({ endsAt })]).toEqual([endsAt, { endsAtMs: undefined }]);
  });

  it('take another value for what is absent or damaged', () => {
    const read = new Columns({ list: json(numbers).damagedAs([0]).lenient(), size: number.or(9) });
    expect(read.decode({})).toEqual({ size: 9 });
    expect(read.decode({ list: null, size: '1' })).toEqual({ size: 9 });
    expect(read.decode({ list: '{', size: 1 })).toEqual({ list: [0], size: 1 });
  });

  it('change a value before it is written', () => {
    const short = new Columns({ name: text.after((name) => name.slice(0, 2)).as('title') });
    expect(short.encode({ name: 'long' })).toEqual({ title: 'lo' });
  });

  it('read what a function of their own reads', () => {
    const even = new Columns({ size: column((value) => (Number(value) % 2 === 0 ? Number(value) : undefined)) });
    expect([even.decode({ size: 2 }), even.decode({ size: 3 })]).toEqual([{ size: 2 }, undefined]);
  });
});

describe('a text in several properties', () => {
  const long = new Columns({ p: pieces(3) });

  it('is split between characters', () => {
    for (const before of ['', 'x']) {
      const value = before + '😀'.repeat(40_000);
      const stored = long.encode({ p: value });
      expect(Object.keys(stored)).toEqual(['p0', 'p1', 'p2']);
      for (const piece of Object.values(stored)) {
        expect(String(piece).isWellFormed()).toBe(true);
        expect(String(piece).length).toBeLessThanOrEqual(30_000);
      }
      expect(long.decode(stored)).toEqual({ p: value });
    }
  });

  it('is refused if it does not fit', () => {
    expect(long.decode(long.encode({ p: 'x'.repeat(90_000) }))?.p).toHaveLength(90_000);
    expect(() => long.encode({ p: 'x'.repeat(90_001) })).toThrow(RangeError);
  });
});
