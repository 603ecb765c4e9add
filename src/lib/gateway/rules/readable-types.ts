import { childOf, type MapNode } from '../map/permission-map.ts';
import type { Question } from '../question.ts';
import { noQuery } from '../reading/query.ts';
import { directoryTypes, typeNames } from './directory-types.ts';
import { openedBy } from './opened-by.ts';

/** The permissions that read every object of a directory type; empty if the rule does not, or the type is unknown. */
export function readableType(type: string, question: Question): readonly string[] {
  const template = Object.hasOwn(directoryTypes, type) ? directoryTypes[type] : undefined;
  if (template === undefined) return [];
  const node = template.reduce<MapNode | undefined>(
    (at, segment) => (at === undefined ? undefined : childOf(at, segment)),
    question.map.root,
  );
  if (node === undefined) return [];
  const location = {
    nodes: [node],
    template,
    entity: true,
    casts: [],
    suffix: undefined,
    parent: undefined,
    written: `/${template.join('/').replace('{}', '{id}')}`,
  };
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
