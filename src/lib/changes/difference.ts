import { isObject, textOf } from '../core/objects.ts';
import { isSame, meaning } from './values.ts';

/** What one property loses and gains. Both: its value changes, or items of its list do. */
export interface Difference {
  /** Such as `defaultUserRolePermissions.allowedToCreateApps`. Empty: the whole is no object. */
  readonly place: string;
  readonly lost: readonly string[];
  readonly gained: readonly string[];
  /** Whether these are items of a list that stays. */
  readonly isList: boolean;
}

/** What changes, property by property. @param before as JSON, and null if there is nothing. */
export function differenceOf(before: string | null, after: string | null): readonly Difference[] {
  const [old, aim] = [valuesOf(before), valuesOf(after)];
  return [...new Set([...old.keys(), ...aim.keys()])].flatMap((place): readonly Difference[] => {
    const [was, is] = [old.get(place), aim.get(place)];
    const isList = Array.isArray(was) && Array.isArray(is);
    if (old.has(place) && aim.has(place) && isSame(was, is)) return [];
    const lost = isList ? lacking(was, is) : old.has(place) ? [was] : [];
    const gained = isList ? lacking(is, was) : aim.has(place) ? [is] : [];
    return [{ place, lost: lost.map(shown), gained: gained.map(shown), isList }];
  });
}

/** What people call the object of a change, if its state before or after it has a name. Both as JSON. */
export function objectName(before: string | null, after: string | null): string | undefined {
  const states = [after, before]
    .map((json): unknown => (json === null ? undefined : JSON.parse(json)))
    .filter(isObject);
  return states
    .flatMap((state) => ['displayName', 'userPrincipalName', 'DisplayName', 'Name'].map((name) => textOf(state, name)))
    .find((name) => name !== undefined && name !== '');
}

/** The items that another list lacks. Their order means nothing. */
function lacking(items: readonly unknown[], others: readonly unknown[]): readonly unknown[] {
  const known = new Set(others.map(meaning));
  return items.filter((item) => !known.has(meaning(item)));
}

const shown = (value: unknown): string => (typeof value === 'string' && value !== '' ? value : JSON.stringify(value));

/** The values of an object by their places. A list is one value. */
function valuesOf(json: string | null): ReadonlyMap<string, unknown> {
  const values = new Map<string, unknown>();
  const collect = (value: unknown, place: string): void => {
    if (!isObject(value)) values.set(place, value);
    else for (const [name, member] of Object.entries(value)) collect(member, place === '' ? name : `${place}.${name}`);
  };
  if (json !== null) collect(JSON.parse(json), '');
  return values;
}
