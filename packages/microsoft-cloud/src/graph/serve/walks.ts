import { randomUUID } from 'node:crypto';

/**
 * Lists that clients read page by page. A list is kept as it was at the first page, so that no object is left out because
 * others were deleted, or no longer match the filter, between two pages.
 */
export interface Walks {
  /** @param request which only may continue the list. @param keys of all objects. @returns the name of the list. */
  begin(request: string, keys: readonly string[]): string;
  /** @returns undefined for a list that another request began, or that is no longer kept. */
  keysOf(name: string, request: string): readonly string[] | undefined;
}

/** Some 30 MB, if the rows of the lists are not kept any more. */
const defaultKeys = 300_000;

/** @param maxKeys over all lists. The lists that were not used for longest are dropped; the last one stays. */
export function createWalks(maxKeys = defaultKeys): Walks {
  const kept = new Map<string, { readonly request: string; readonly keys: readonly string[] }>();
  let total = 0;
  const shrink = (): void => {
    for (const [name, { keys }] of kept) {
      if (total <= maxKeys || kept.size === 1) return;
      kept.delete(name);
      total -= keys.length;
    }
  };
  return {
    begin: (request, keys) => {
      const name = randomUUID();
      kept.set(name, { request, keys });
      total += keys.length;
      shrink();
      return name;
    },
    keysOf: (name, request) => {
      const found = kept.get(name);
      if (found?.request !== request) return undefined;
      kept.delete(name);
      kept.set(name, found);
      return found.keys;
    },
  };
}
