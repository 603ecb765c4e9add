import type { EntitySet } from '../declaration.ts';

/** Declares a collection whose rows come from state that others change. @param type without `microsoft.graph.`. */
export const liveSet = (
  path: string,
  type: string,
  rows: EntitySet['rows'],
  more: Partial<EntitySet> = {},
): EntitySet => ({
  kind: 'set',
  path,
  type: `microsoft.graph.${type}`,
  rows,
  live: true,
  ...more,
});
