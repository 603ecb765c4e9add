import { createWrittenStates, type WriteEffect, type WrittenStates } from '../../faults/written-states.ts';
import type { Row } from '../declaration.ts';

/** A write of a client to one object. */
export interface RowChange {
  readonly key: string;
  /** Undefined: the object was deleted. */
  readonly row: Row | undefined;
  /** The object before the first write. Undefined: a client created it. */
  readonly original: Row | undefined;
  readonly number: number;
  /** The last change of each property. A change of the whole object, such as its creation, is at `''`. */
  readonly changedAt: ReadonlyMap<string, number>;
  /** The object as it was deleted, while it can be restored. */
  readonly removed?: Row | undefined;
  /** Time from which lists show the change, milliseconds since 1970. */
  readonly visibleMs: number;
  /** What a fault does to the change. */
  readonly effect?: WriteEffect | undefined;
  /** The change before it. Undefined: the object was as the data creates it. */
  readonly earlier?: RowChange | undefined;
}

/** A reference that a client added or removed. */
interface ReferenceChange {
  readonly isAdded: boolean;
  readonly number: number;
}

/** The writes of clients in one tenant, over the rows that the data creates. Places are paths with their keys. */
export interface Changes {
  /** Number of the latest change; 0 at the start. */
  readonly number: number;
  readonly states: WrittenStates;
  rowsAt(place: string): ReadonlyMap<string, RowChange> | undefined;
  putRow(place: string, change: Omit<RowChange, 'number' | 'changedAt' | 'effect' | 'earlier'>): void;
  /** By id. */
  referencesAt(place: string): ReadonlyMap<string, ReferenceChange> | undefined;
  putReference(place: string, id: string, isAdded: boolean): void;
  /** Places with references that clients changed after a change: paths with their keys. */
  referencePlacesSince(number: number): readonly string[];
}

export function createChanges(nowMs: () => number): Changes {
  const states = createWrittenStates(nowMs);
  const rows = new Map<string, Map<string, RowChange>>();
  const references = new Map<string, Map<string, ReferenceChange>>();
  // Places with changes that are not always shown.
  const affected = new Set<string>();
  let number = 0;
  const shownOf = (change: RowChange | undefined): RowChange | undefined =>
    change?.effect !== undefined && states.showsBefore(change.effect) ? shownOf(change.earlier) : change;
  const rowsAt = (place: string): ReadonlyMap<string, RowChange> | undefined => {
    const at = rows.get(place);
    if (at === undefined || !affected.has(place)) return at;
    return new Map(
      [...at].flatMap(([key, change]): [string, RowChange][] => {
        const shown = shownOf(change);
        return shown === undefined ? [] : [[key, shown]];
      }),
    );
  };
  return {
    states,
    get number() {
      return number;
    },
    rowsAt,
    putRow: (place, change) => {
      number += 1;
      const at = rows.get(place) ?? new Map<string, RowChange>();
      const before = shownOf(at.get(change.key));
      const effect = states.effect();
      if (effect !== undefined) affected.add(place);
      const original = before === undefined ? change.original : before.original;
      const changedAt = new Map(before?.changedAt);
      for (const name of changedNames(before === undefined ? original : before.row, change.row))
        changedAt.set(name, number);
      at.set(change.key, { ...change, original, number, changedAt, effect, earlier: before });
      rows.set(place, at);
    },
    referencesAt: (place) => references.get(place),
    putReference: (place, id, isAdded) => {
      number += 1;
      const at = references.get(place) ?? new Map<string, ReferenceChange>();
      at.set(id, { isAdded, number });
      references.set(place, at);
    },
    referencePlacesSince: (since) =>
      [...references].flatMap(([place, at]) =>
        [...at.values()].some((change) => change.number > since) ? [place] : [],
      ),
  };
}

/** The properties in which two states of an object differ. Of an object that appears or goes: `''`. */
function changedNames(before: Row | undefined, after: Row | undefined): readonly string[] {
  if (before === undefined || after === undefined) return [''];
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => JSON.stringify(before[name] ?? null) !== JSON.stringify(after[name] ?? null));
}

/** Puts the changes of clients over rows. @param untilMs later changes are not visible yet. */
export function overlay(
  rows: readonly Row[],
  changes: ReadonlyMap<string, RowChange> | undefined,
  keyOf: (row: Row) => string,
  untilMs: number,
): readonly Row[] {
  if (changes === undefined || changes.size === 0) return rows;
  const known = new Set<string>();
  const kept = rows.flatMap((row) => {
    const key = keyOf(row);
    known.add(key);
    const change = changes.get(key);
    if (change === undefined || change.visibleMs > untilMs) return [row];
    return change.row === undefined ? [] : [change.row];
  });
  const created = [...changes.values()].flatMap(({ key, row, visibleMs }) =>
    known.has(key) || row === undefined || visibleMs > untilMs ? [] : [row],
  );
  return [...kept, ...created];
}
