import { notPermitted } from '../refusal.ts';
import type { Question } from '../question.ts';
import { answersMixedTypes, directoryTypes } from './directory-types.ts';
import { readableTypes } from './readable-types.ts';

/**
 * Conditions on objects of several types tell properties of objects that the answer hides. The id is shown for every type.
 * @throws Refusal unless the rule may read every type, or the path casts to one that it reads.
 */
export function refuseHiddenConditions(question: Question): void {
  const { location, query } = question;
  if (!answersMixedTypes(location.template) || location.casts.length > 0) return;
  if (query.conditions.every(({ names }) => names.length === 1 && names[0]?.toLowerCase() === 'id')) return;
  if (readableTypes(question).length === Object.keys(directoryTypes).length) return;
  throw notPermitted(
    'A filter, search or order on objects of several types shows properties of types that the rule may not read; leave it out, or cast to one type, such as /microsoft.graph.user.',
  );
}
