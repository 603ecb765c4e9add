import { jsonObjectOf } from '../web/http.ts';
import { PartnerCenterError } from './partner-center-error.ts';

type Operator = 'starts_with' | 'equals' | 'substring';

/** A field by which a list can be filtered: the operators that it has, and its value of an item. */
interface FilterField<T> {
  readonly operators: readonly Operator[];
  readonly valueOf: (item: T) => string;
}

/** Names of fields in lower case. */
export type FilterFields<T> = Readonly<Record<string, FilterField<T>>>;

const invalid = (description: string): PartnerCenterError => new PartnerCenterError(400, 2000, description);

/**
 * Filters a list by the query parameter `filter`: `{"Field":"CompanyName","Value":"cont","Operator":"starts_with"}` ("Get a
 * list of customers filtered by a search field"). Letter case matters in no part.
 * @throws PartnerCenterError 400 for another form, and for a field or operator that the list does not have.
 */
export function filtered<T>(items: readonly T[], filter: string | null, fields: FilterFields<T>): readonly T[] {
  if (filter === null) return items;
  const parsed = jsonObjectOf(filter);
  const parts = new Map(Object.entries(parsed ?? {}).map(([name, value]) => [name.toLowerCase(), value]));
  const [field, value, operator] = ['field', 'value', 'operator'].map((name) => parts.get(name));
  if (typeof field !== 'string' || typeof value !== 'string' || typeof operator !== 'string')
    throw invalid('The filter must be a JSON object with Field, Value and Operator.');
  const known = Object.hasOwn(fields, field.toLowerCase()) ? fields[field.toLowerCase()] : undefined;
  if (known === undefined) throw invalid(`The list cannot be filtered by the field ${field}.`);
  const chosen = known.operators.find((each) => each === operator.toLowerCase());
  if (chosen === undefined) throw invalid(`The field ${field} does not support the operator ${operator}.`);
  const wanted = value.toLowerCase();
  return items.filter((item) => matches[chosen](known.valueOf(item).toLowerCase(), wanted));
}

const matches: Readonly<Record<Operator, (value: string, wanted: string) => boolean>> = {
  starts_with: (value, wanted) => value.startsWith(wanted),
  equals: (value, wanted) => value === wanted,
  substring: (value, wanted) => value.includes(wanted),
};
