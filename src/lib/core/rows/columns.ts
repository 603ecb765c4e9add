import type * as z from 'zod';
import { isoTime } from '../clock.ts';
import { safeParse } from '../json.ts';
import { parseJson } from '../outbound.ts';

/** What a property of a row holds: Edm.String, Edm.Int32 or Edm.Double, Edm.Boolean, Edm.DateTime. */
export type Stored = string | number | boolean | Date;
/** The properties of a row, as storage returned them or as they are to be written. */
export type Properties = Readonly<Record<string, unknown>>;

/** A column of a field: the properties that hold its value. */
interface Bound<T> {
  readonly names: readonly string[];
  write(value: T, row: Record<string, Stored>): void;
  /** @returns undefined if the row has no value that can be read. */
  read(row: Properties): T | undefined;
  /** Whether the field may be left out of what is read, although it has no value that can be read. */
  mayLack(row: Properties): boolean;
}

/** Azure answers null for a selected property that a row lacks (Azure/azure-sdk-for-js, issue 17407). Azurite leaves it out. */
const isAbsent = (row: Properties, name: string): boolean => (row[name] ?? undefined) === undefined;

/** How the value of one field is stored. The field gives the property its name. */
export class Column<T, IsOptional extends boolean = false> {
  readonly bind: (field: string) => Bound<T>;
  readonly isOptional: IsOptional;

  constructor(bind: (field: string) => Bound<T>, isOptional: IsOptional) {
    this.bind = bind;
    this.isOptional = isOptional;
  }

  /** Under another name than the field's. */
  as(name: string): Column<T, IsOptional> {
    return new Column(() => this.bind(name), this.isOptional);
  }

  /** The row may lack it. Another value still makes the row unreadable. */
  optional(): Column<T, true> {
    return this.#changed(true, ({ names }) => ({ mayLack: (row) => names.every((name) => isAbsent(row, name)) }));
  }

  /** The row may lack it, and a value that cannot be read counts as absent. */
  lenient(): Column<T, true> {
    return this.#changed(true, () => ({ mayLack: () => true }));
  }

  /** A value that is absent or cannot be read counts as this one. */
  or(value: T): Column<T> {
    return this.#changed(false, (bound) => ({ read: (row) => bound.read(row) ?? value }));
  }

  /** A value that cannot be read counts as this one, and an absent one as absent. */
  damagedAs(value: T): Column<T, IsOptional> {
    return this.#changed(this.isOptional, (bound) => ({
      read: (row) => bound.read(row) ?? (bound.names.every((name) => isAbsent(row, name)) ? undefined : value),
    }));
  }

  /** Changes the value before it is written. */
  after(prepare: (value: T) => T): Column<T, IsOptional> {
    return this.#changed(this.isOptional, (bound) => ({ write: (value, row) => bound.write(prepare(value), row) }));
  }

  #changed<O extends boolean>(isOptional: O, change: (bound: Bound<T>) => Partial<Bound<T>>): Column<T, O> {
    return new Column((field) => {
      const bound = this.bind(field);
      return { ...bound, ...change(bound) };
    }, isOptional);
  }
}

/**
 * A column with one property.
 * @param read returns undefined for a value that is none of the column.
 */
export function column<T extends Stored>(read: (value: unknown) => T | undefined): Column<T>;
export function column<T>(read: (value: unknown) => T | undefined, write: (value: T) => Stored): Column<T>;
export function column(
  read: (value: unknown) => unknown,
  write: (value: unknown) => Stored = (value) => value as Stored,
): Column<unknown> {
  const bind = (name: string): Bound<unknown> => ({
    names: [name],
    write: (value, row) => {
      row[name] = write(value);
    },
    read: (row) => read(row[name]),
    mayLack: () => false,
  });
  return new Column(bind, false);
}

export const text = column((value) => (typeof value === 'string' ? value : undefined));
export const number = column((value) => (typeof value === 'number' ? value : undefined));
export const flag = column((value) => (typeof value === 'boolean' ? value : undefined));

/** True is stored as 1, and false not at all. */
export const mark = column(
  (value) => (value === 1 ? true : undefined),
  () => 1,
).lenient();

export const oneOf = <T extends string>(values: readonly T[]): Column<T> =>
  column((value) => values.find((known) => known === value));

/** A field such as `startedAtMs` is stored as `startedAt`. */
const withoutUnit = (times: Column<number>): Column<number> =>
  new Column((field) => times.bind(field.replace(/Ms$/, '')), false);

const validMs = (ms: number): number | undefined => (Number.isNaN(ms) ? undefined : ms);

/** As `isoTime` writes it. `Date.parse` also takes a year, or a time without a zone. */
const isIsoTime = (text: string): boolean => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/.test(text);

/** A time in milliseconds, stored as text in ISO 8601, UTC. Such texts sort by time. */
export const time = withoutUnit(
  column((value) => (typeof value === 'string' && isIsoTime(value) ? validMs(Date.parse(value)) : undefined), isoTime),
);

/** A time in milliseconds, stored as DateTime. */
export const dateTime = withoutUnit(
  column(
    (value) => (value instanceof Date ? validMs(value.getTime()) : undefined),
    (ms) => new Date(ms),
  ),
);

/**
 * A value that is stored as JSON, checked when it is read.
 * @param encode what is stored of the value, if it is not the value.
 */
export const json = <T>(schema: z.ZodType<T>, encode: (value: T) => unknown = (value) => value): Column<T> =>
  column(
    (value) => {
      const parsed = safeParse(schema, typeof value === 'string' ? parseJson(value) : undefined);
      return parsed.success ? parsed.data : undefined;
    },
    (value) => JSON.stringify(encode(value)),
  );

/** Texts without blanks, stored as one text. */
export const words = column(
  (value): readonly string[] | undefined =>
    typeof value === 'string' ? value.split(' ').filter((word) => word !== '') : undefined,
  (list) => list.join(' '),
);

/** A property holds at most 32,768 characters ("Understanding the Table service data model"). */
const pieceLength = 30_000;

/** Characters that fit into so many {@link pieces} in any case. */
export const lengthOfPieces = (most: number): number => (pieceLength - 1) * most;

/** Whether the character at this place and the one before it are a surrogate pair. */
const isInsidePair = (value: string, at: number): boolean => (value.codePointAt(at - 1) ?? 0) > 0xff_ff;

/**
 * A long text, in the properties `{name}0`, `{name}1` … A piece may be one character shorter than 30,000: storage need not
 * keep half of a surrogate pair. Writing throws RangeError for a text that needs more than `most` pieces.
 */
export const pieces = (most: number): Column<string> =>
  new Column((field) => {
    const names = Array.from({ length: most }, (_, at) => `${field}${at}`);
    return {
      names,
      write: (value, row) => {
        let start = 0;
        for (const name of names) {
          if (start >= value.length) return;
          const end = start + pieceLength;
          row[name] = value.slice(start, isInsidePair(value, end) ? end - 1 : end);
          start = isInsidePair(value, end) ? end - 1 : end;
        }
        if (start < value.length) throw new RangeError(`the text is too long for ${most} properties`);
      },
      read: (row) => names.flatMap((name) => (typeof row[name] === 'string' ? [row[name]] : [])).join('') || undefined,
      mayLack: () => false,
    };
  }, false);

/** The columns of the fields of a row. */
type Schema = Readonly<Record<string, Column<unknown, boolean>>>;
type ValueOf<C> = C extends Column<infer T, boolean> ? T : never;
type OptionalOf<S> = { [K in keyof S]: S[K] extends { readonly isOptional: true } ? K : never }[keyof S];

/** What is read. An optional field without a value is left out. */
type Read<S> = { readonly [K in Exclude<keyof S, OptionalOf<S>>]: ValueOf<S[K]> } & {
  readonly [K in OptionalOf<S>]?: ValueOf<S[K]>;
};
/** Also with undefined for what may be absent. */
type Loose<T> = T extends string | number | boolean | readonly unknown[]
  ? T
  : { [K in keyof T]: T extends Record<K, T[K]> ? T[K] : T[K] | undefined };
/** What is written. An undefined field is left out. */
type Input<S> = { readonly [K in Exclude<keyof S, OptionalOf<S>>]: Loose<ValueOf<S[K]>> } & {
  readonly [K in OptionalOf<S>]?: Loose<ValueOf<S[K]>> | undefined;
};

/** The columns of a kind of row, listed once: what is written, read and selected follows from the list. */
export class Columns<S extends Schema> {
  readonly #bound: ReadonlyMap<string, Bound<unknown>>;
  /** The properties, for a query that returns no others. */
  readonly names: readonly string[];

  constructor(columns: S) {
    this.#bound = new Map(Object.entries(columns).map(([field, of]) => [field, of.bind(field)]));
    this.names = [...this.#bound.values()].flatMap(({ names }) => names);
  }

  /**
   * The properties of a row. Fields without a column are left out.
   * @param row to which they are added.
   */
  encode<R extends Record<string, Stored>>(fields: Input<S>, row?: R): R & Record<string, Stored> {
    return this.change(fields, row);
  }

  /** The properties of some fields, to be merged into a row. */
  change<R extends Record<string, Stored>>(fields: Partial<Input<S>>, row?: R): R & Record<string, Stored> {
    const written: Record<string, Stored> = row ?? {};
    // Not `Object.entries`: every token waits for a row.
    for (const field in fields) {
      const value: unknown = fields[field as keyof typeof fields];
      if (value !== undefined) this.#bound.get(field)?.write(value, written);
    }
    return written as R & Record<string, Stored>;
  }

  /** @returns undefined for a row that cannot be read. */
  decode(row: Properties): Read<S> | undefined {
    const read = this.#read(row);
    return typeof read === 'string' ? undefined : read;
  }

  /** @throws TypeError that names the field that cannot be read. */
  require(row: Properties): Read<S> {
    const read = this.#read(row);
    if (typeof read === 'string') throw new TypeError(`The row has no valid ${read}.`);
    return read;
  }

  #read(row: Properties): Read<S> | string {
    const fields: Record<string, unknown> = {};
    for (const [field, bound] of this.#bound) {
      const value = bound.read(row);
      if (value !== undefined) fields[field] = value;
      else if (!bound.mayLack(row)) return field;
    }
    return fields as Read<S>;
  }
}

/** The fields of a row with these columns, as they are read. */
export type Fields<C> = C extends Columns<infer S> ? Read<S> : never;

/** Several properties that are one field together. It can be read if each of its columns can. */
export const group = <S extends Schema>(schema: S): Column<Read<S>> =>
  new Column(() => {
    const columns = new Columns(schema);
    return {
      names: columns.names,
      write: (value, row) => {
        columns.change(value as Partial<Input<S>>, row);
      },
      read: (row) => columns.decode(row),
      mayLack: () => false,
    };
  }, false);
