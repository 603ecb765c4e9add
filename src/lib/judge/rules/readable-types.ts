import type { Question } from '../question.ts';
import { noQuery } from '../reading/query.ts';
import { placeOf } from '../resolve.ts';
import { directoryTypes, typeNames } from './directory-types.ts';
import { openedBy } from './opened-by.ts';

/** The permissions that read every object of a directory type; empty if the rule does not, or the type is unknown. */
export function readableType(type: string, question: Question): readonly string[] {
  const template = Object.hasOwn(directoryTypes, type) ? directoryTypes[type] : undefined;
  if (template === undefined) return [];
  const location = placeOf(question.map, template);
  if (location === undefined) return [];
  return openedBy({
    ...question,
    method: 'GET',
    location,
    own: false,
    query: noQuery,
    bodyKeys: undefined,
    searchedTypes: undefined,
  }).permissions;
}

/** The directory types that the rule may read, as `@odata.type` spells them. */
export const readableTypes = (question: Question): readonly string[] =>
  Object.keys(directoryTypes)
    .filter((type) => readableType(type, question).length > 0)
    .map((type) => typeNames[type] ?? type);
