import { isSame } from '../../src/lib/changes/values.ts';
import { isObject } from '../../src/lib/core/objects.ts';

/** One line of a difference. `~`: the value changes. */
export interface DifferenceLine {
  readonly sign: '+' | '~' | '-';
  readonly text: string;
}

/**
 * What changes, property by property; of a list, what it gains and loses.
 * @param before JSON, or null: the object is not there.
 */
export function differenceOf(before: string | null, after: string | null): readonly DifferenceLine[] {
  const [old, aim] = [leavesOf(before), leavesOf(after)];
  return [...new Set([...old.keys(), ...aim.keys()])].flatMap((place): readonly DifferenceLine[] => {
    const [was, is] = [old.get(place), aim.get(place)];
    const line = (sign: DifferenceLine['sign'], value: string): DifferenceLine => ({
      sign,
      text: place === '' ? value : `${place}: ${value}`,
    });
    if (!aim.has(place)) return [line('-', shown(was))];
    if (!old.has(place)) return [line('+', shown(is))];
    if (isSame(was, is)) return [];
    if (!Array.isArray(was) || !Array.isArray(is)) return [line('~', `${shown(was)} → ${shown(is)}`)];
    const without = (some: readonly unknown[], others: readonly unknown[]): readonly unknown[] =>
      some.filter((one) => !others.some((other) => isSame(one, other)));
    return [
      ...without(was, is).map((item) => line('-', shown(item))),
      ...without(is, was).map((item) => line('+', shown(item))),
    ];
  });
}

const shown = (value: unknown): string => (typeof value === 'string' && value !== '' ? value : JSON.stringify(value));

/** The values of an object by their places, such as `passwordProfile.forceChange`. A list is one value. */
function leavesOf(json: string | null): ReadonlyMap<string, unknown> {
  const leaves = new Map<string, unknown>();
  const collect = (value: unknown, place: string): void => {
    if (!isObject(value)) leaves.set(place, value);
    else for (const [name, member] of Object.entries(value)) collect(member, place === '' ? name : `${place}.${name}`);
  };
  if (json !== null) collect(JSON.parse(json), '');
  return leaves;
}
