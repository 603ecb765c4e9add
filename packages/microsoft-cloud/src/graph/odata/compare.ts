import type { ComparisonOperator } from './expression.ts';
import { timeOf } from './functions.ts';

/** The values are times, of which one may be text and the other milliseconds. */
export type ComparisonKind = 'time' | 'plain';

/**
 * The order of two values: negative, zero or positive. Undefined if they cannot be ordered: null, or unlike types. Text is
 * compared without regard to case.
 */
export function orderOf(left: unknown, right: unknown, kind: ComparisonKind): number | undefined {
  if (kind === 'time') {
    const [first, second] = [timeOf(left), timeOf(right)];
    return first === undefined || second === undefined ? undefined : first - second;
  }
  if (typeof left === 'number' && typeof right === 'number') return left - right;
  if (typeof left === 'boolean' && typeof right === 'boolean') return Number(left) - Number(right);
  if (typeof left !== 'string' || typeof right !== 'string') return undefined;
  const [first, second] = [left.toLowerCase(), right.toLowerCase()];
  if (first === second) return 0;
  return first < second ? -1 : 1;
}

/**
 * Compares as OData does (4.01 Part 2, section 5.1.1.1): null equals null only, and is neither less nor greater than any
 * value.
 */
export function compareValues(
  operator: ComparisonOperator,
  left: unknown,
  right: unknown,
  kind: ComparisonKind,
): boolean {
  const [first, second] = [left ?? null, right ?? null];
  const isNull = first === null || second === null;
  const order = isNull ? undefined : orderOf(first, second, kind);
  const equal = isNull ? first === second : order === 0;
  switch (operator) {
    case 'eq':
      return equal;
    case 'ne':
      return !equal;
    case 'gt':
      return order !== undefined && order > 0;
    case 'ge':
      return order !== undefined && order >= 0;
    case 'lt':
      return order !== undefined && order < 0;
    case 'le':
      return order !== undefined && order <= 0;
  }
}
