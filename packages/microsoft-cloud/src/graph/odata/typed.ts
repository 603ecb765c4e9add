import type { Property, TypeInfo } from '../schema/schema.ts';
import type { ComparisonKind } from './compare.ts';
import type { Literal } from './expression.ts';
import { QueryError } from './tokens.ts';

/** An object of a reply. */
export type Item = Readonly<Record<string, unknown>>;

/** The row, and the values of the variables of lambdas. */
export interface Scope {
  readonly row: Item;
  readonly variables: ReadonlyMap<string, unknown>;
}
export type Evaluate = (scope: Scope) => unknown;

/** What is known of a value before any row is read. */
export interface Typed {
  readonly evaluate: Evaluate;
  readonly kind: Property['kind'] | Literal['type'];
  readonly name: string;
  readonly isList: boolean;
  readonly type?: TypeInfo | undefined;
  /** Of an enumeration. */
  readonly members?: readonly string[] | undefined;
  /** The value of a literal. */
  readonly literal?: Literal['value'];
}

/** Whether a value can stand where a condition is expected. */
export const isCondition = ({ kind, isList }: Typed): boolean => !isList && (kind === 'boolean' || kind === 'any');

export const computed = (evaluate: Evaluate, kind: 'boolean' | 'time'): Typed => ({
  evaluate,
  kind,
  name: '',
  isList: false,
});

export const literalOf = ({ type, value }: Literal): Typed => ({
  evaluate: () => value,
  literal: value,
  kind: type,
  name: '',
  isList: false,
});

/** The kind of a function's result. */
export function resultOf(name: string): Typed['kind'] {
  if (['contains', 'startswith', 'endswith'].includes(name)) return 'boolean';
  if (name === 'date') return 'time';
  return ['tolower', 'toupper', 'trim', 'concat', 'substring'].includes(name) ? 'text' : 'number';
}

/** Names of OData's primitive types, for messages. */
const edm: Readonly<Partial<Record<Typed['kind'], string>>> = {
  text: 'Edm.String',
  enum: 'Edm.String',
  guid: 'Edm.Guid',
  boolean: 'Edm.Boolean',
  number: 'Edm.Int32',
  time: 'Edm.DateTimeOffset',
  duration: 'Edm.Duration',
};
const operatorNames = {
  eq: 'Equal',
  ne: 'NotEqual',
  gt: 'GreaterThan',
  ge: 'GreaterThanOrEqual',
  lt: 'LessThan',
  le: 'LessThanOrEqual',
} as const;

/** The typings give text for GUIDs, durations and some times as well. */
const alike: readonly (readonly Typed['kind'][])[] = [
  ['text', 'enum', 'guid', 'duration'],
  ['text', 'time'],
];

/** How two values are compared. @throws QueryError if their types do not fit. */
export function comparable(left: Typed, right: Typed, operator: keyof typeof operatorNames): ComparisonKind {
  const kinds = [left.kind, right.kind];
  const isTime = kinds.includes('time');
  const free = kinds.some((kind) => kind === 'null' || kind === 'any');
  const isSingle = [left, right].every(({ isList, kind }) => !isList && (kind !== 'complex' || right.kind === 'null'));
  // A time in quotes is text, which a property that is a time does not accept.
  const isQuotedTime =
    [left, right].some(({ kind, name }) => kind === 'time' && name.endsWith('DateTime')) && kinds.includes('text');
  const fits = free || left.kind === right.kind || alike.some((group) => kinds.every((kind) => group.includes(kind)));
  checkMember(left, right);
  checkMember(right, left);
  if (isSingle && fits && !isQuotedTime) return isTime ? 'time' : 'plain';
  const nameOf = ({ kind, isList, type }: Typed): string => {
    const name = edm[kind] ?? `microsoft.graph.${type?.name ?? kind}`;
    return isList ? `Collection(${name})` : name;
  };
  throw new QueryError(
    `A binary operator with incompatible types was detected. Found operand types '${nameOf(left)}' and '${nameOf(right)}' for operator kind '${operatorNames[operator]}'.`,
  );
}

/** A value that an enumeration does not have would find nothing, so it is a mistake. */
function checkMember({ members }: Typed, { literal }: Typed): void {
  if (members === undefined || typeof literal !== 'string') return;
  if (!members.some((member) => member.toLowerCase() === literal.toLowerCase()))
    throw new QueryError(`The string '${literal}' is not a valid enumeration type constant.`);
}
