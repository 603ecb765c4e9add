import { typeNames as directoryTypeNames } from './rules/directory-types.ts';
import type { AnswerLimits } from './verdict.ts';

/** A member of an object in an answer. */
interface AnswerMember {
  readonly name: string;
  /** The value, if it is a text. */
  readonly text: string | undefined;
}

/** Which parts of an answer the requester may see. */
export interface VisibleParts {
  /** Whether members of this name are removed. */
  readonly hides: (name: string) => boolean;
  /**
   * The members that an object keeps; undefined for all.
   * @param within The names of the members that the object is in, from the outside.
   */
  readonly kept: <M extends AnswerMember>(members: readonly M[], within: readonly string[]) => readonly M[] | undefined;
}

/** The annotations that name the type of an object. OData 4.01 allows them without `odata.`. */
export const typeAnnotations = ['@odata.type', '@type'];

/**
 * Reads the limits of an answer. An object that the rule may not read keeps its type and id, as Graph itself limits it.
 * @param limits Of an answer with a success status: an error is no object of the directory, so its `typedMembers` are none.
 */
export function visibleParts({ remove, readableTypes, typedMembers = [] }: AnswerLimits): VisibleParts {
  const readable = readableTypes && new Set(readableTypes.map(typeOf));
  const typed = new Set(typedMembers);
  return {
    hides: (name) => remove.some((removed) => names(name, removed)),
    kept: (members, within) =>
      readable === undefined ||
      isReadable(members, readable) ||
      !(isTyped(members, within, typed) || hasDirectoryType(members))
        ? undefined
        : members.filter(({ name, text }) => text !== undefined && (name === 'id' || typeAnnotations.includes(name))),
  };
}

/** An annotation may stand before the property that it belongs to: `content@microsoft.graph.downloadUrl`. */
const names = (name: string, removed: string): boolean =>
  name === removed || (removed.startsWith('@') && name.endsWith(removed));

const typeOf = (name: string): string => `#microsoft.graph.${name}`;
const knownTypes: ReadonlySet<string | undefined> = new Set(Object.values(directoryTypeNames).map(typeOf));

const typesIn = (members: readonly AnswerMember[]): readonly AnswerMember[] =>
  members.filter(({ name }) => typeAnnotations.includes(name));

function isReadable(members: readonly AnswerMember[], readable: ReadonlySet<string>): boolean {
  const types = typesIn(members);
  return types.length > 0 && types.every(({ text }) => text !== undefined && readable.has(text));
}

/** A value inside an object may have a type, too, such as `#microsoft.graph.assignedLicense`. */
const hasDirectoryType = (members: readonly AnswerMember[]): boolean =>
  typesIn(members).some(({ text }) => knownTypes.has(text));

/** Whether an object stands where each must show a type that the rule may read. `members@delta` stands for `members`. */
function isTyped(members: readonly AnswerMember[], within: readonly string[], typed: ReadonlySet<string>): boolean {
  const [name, ...outer] = within.toReversed();
  // The answer is the object, or has it in `value`.
  if (name === undefined) return typed.has('') && !members.some((member) => member.name === 'value');
  return (
    typed.has(name.toLowerCase().replace(/@delta$/, '')) || (name === 'value' && outer.length === 0 && typed.has(''))
  );
}
