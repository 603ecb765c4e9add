/** All items, or the listed ones. */
export type Selection = '*' | ReadonlySet<string>;

/** A list of a policy as a selection. Ids, domains and aliases ignore case. */
export const selectionOf = (items: readonly string[]): Selection =>
  items.includes('*') ? '*' : new Set(items.map((item) => item.toLowerCase()));

/** Whether a selection contains an item, given in lower case. What is unknown is only in `"*"`. */
export const selects = (selection: Selection, item: string | undefined): boolean =>
  selection === '*' || (item !== undefined && selection.has(item));
