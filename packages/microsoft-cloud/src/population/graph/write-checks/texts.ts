import type { Row } from '../../../graph/declaration.ts';
import { badRequest, type GraphError } from '../../../graph/graph-error.ts';

export const invalid = (name: string, resource: string): GraphError =>
  badRequest(`Invalid value specified for property '${name}' of resource '${resource}'.`);

/** @throws GraphError 400 for a text that is longer than the type allows. */
export function checkLengths(values: Row, lengths: Readonly<Record<string, number>>, resource: string): void {
  for (const [name, most] of Object.entries(lengths)) {
    const value = values[name];
    if (typeof value === 'string' && value.length > most) throw invalid(name, resource);
  }
}

/** ASCII without `@ ( ) \ [ ] " ; : < > ,` and blanks ("group resource type", `mailNickname`). */
export const isNickname = (value: unknown): boolean =>
  typeof value === 'string' && /^[!-~]{1,64}$/.test(value) && !/[@()\\[\]";:<>,]/.test(value);
