import type { Question } from '../question.ts';
import { notPermitted } from '../refusal.ts';
import type { Location } from '../resolve.ts';
import type { AnswerLimits } from '../verdict.ts';
import { answersMixedTypes } from './directory-types.ts';
import { refuseHiddenConditions } from './hidden-conditions.ts';
import { hiddenProperties } from './property-permissions.ts';
import { readableType, readableTypes } from './readable-types.ts';
import { hiddenAddresses } from './special-endpoints.ts';

/**
 * What the caller may not see of the answer.
 * @param places What the query expands.
 * @param csv The query asks for CSV.
 * @returns the limits, and the permissions that the path's casts need.
 * @throws Refusal for a cast to a type that the rule may not read, and for conditions on objects that it may not see.
 */
export function answerLimits(
  question: Question,
  { places, csv }: { places: readonly Location[]; csv: boolean },
): { answer: AnswerLimits; permissions: readonly string[] } {
  const { location, grant, method, query } = question;
  const anyFormat = hasOtherFormat(location, csv);
  refuseHiddenConditions(question);
  const remove = [...hiddenAddresses(location, query), ...hiddenProperties(location.template, grant)];
  if (location.suffix === '$value' && answersMixedTypes(location.template)) {
    throw notPermitted('The value of an object does not show its type, which the rule may not read; leave $value out.');
  }
  const permissions = location.casts.flatMap((type) => castPermissions(type, question));
  const mixed = method === 'GET' && answersMixedTypes(location.template) && location.suffix === undefined;
  if (!mixed && !places.some(({ template }) => answersMixedTypes(template))) {
    return { answer: { remove, readableTypes: undefined, anyFormat }, permissions };
  }
  const typedMembers = [...(mixed && !isCast(location) ? [''] : []), ...places.flatMap(mixedMember)];
  return { answer: { remove, readableTypes: readableTypes(question), typedMembers, anyFormat }, permissions };
}

/** Graph leaves the type out of the objects that a cast returns: all have it. The map may list a cast as a segment. */
const isCast = ({ casts, template }: Location): boolean =>
  casts.length > 0 || lastName(template).startsWith('microsoft.graph.');

const lastName = (template: readonly string[]): string => template.findLast((segment) => segment !== '{}') ?? '';

/** The member that holds the objects of a place, if they have several types. */
const mixedMember = ({ template }: Location): readonly string[] =>
  answersMixedTypes(template) ? [lastName(template)] : [];

/** A picture or property (`$value`), a number (`$count`), or a report in CSV. */
const hasOtherFormat = ({ template, suffix }: Location, csv: boolean): boolean =>
  csv || ['$value', '$count'].includes(suffix ?? template.at(-1) ?? '');

/** A cast answer carries no types, so the sender could not hide objects. @throws Refusal for an unreadable type. */
function castPermissions(type: string, question: Question): readonly string[] {
  const found = readableType(type, question);
  if (found.length > 0) return found;
  throw notPermitted(
    `The path casts to the type ${type}, which the rule may not read; add a permission that reads it, or leave the cast out.`,
  );
}
