import { isObject } from '../core/objects.ts';

/**
 * The canonical JSON of a value (RFC 8785): the members of each object by the UTF-16 code units of their names. Members that
 * are undefined do not exist.
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join()}]`;
  if (!isObject(value)) return JSON.stringify(value) ?? 'null';
  const names = Object.keys(value).filter((name) => value[name] !== undefined);
  return `{${names
    .toSorted()
    .map((name) => `${JSON.stringify(name)}:${canonicalJson(value[name])}`)
    .join()}}`;
}

/** Says the type of an object. Reading an object leaves it out where the path shows it, so it is never compared. */
const typeName = '@odata.type';

/**
 * The part of a value that an aim speaks of. A type stays that of the aim, because a request that restores the value needs it.
 * @param absentIsNull whether a member that the value lacks counts as null.
 */
export function partOf(value: unknown, aim: unknown, absentIsNull = false): unknown {
  if (!isObject(aim) || !isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(aim).flatMap(([name, part]): [string, unknown][] => {
      if (name === typeName) return [[name, part]];
      if (Object.hasOwn(value, name)) return [[name, partOf(value[name], part, absentIsNull)]];
      return absentIsNull ? [[name, null]] : [];
    }),
  );
}

/** Identifiers and addresses have no case: GUIDs, and addresses with their type before them (`smtp:`). */
const caseless = /^(?:[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}|[^@\s]+@[^@\s]+)$/i;

/** A text that two values share if and only if they mean the same. The order and the repeats of a list mean nothing. */
export function meaning(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(caseless.test(value) ? value.toLowerCase() : value);
  if (Array.isArray(value)) return `[${[...new Set(value.map(meaning))].toSorted().join()}]`;
  if (!isObject(value)) return JSON.stringify(value) ?? 'null';
  const names = Object.keys(value).filter((name) => value[name] !== undefined && name !== typeName);
  return `{${names
    .toSorted()
    .map((name) => `${JSON.stringify(name)}:${meaning(value[name])}`)
    .join()}}`;
}

/** Whether two values mean the same: lists are sets, and GUIDs and addresses have no case. */
export const isSame = (one: unknown, other: unknown): boolean => meaning(one) === meaning(other);
