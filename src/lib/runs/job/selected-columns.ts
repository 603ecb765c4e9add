import { columnOf } from './object-row.ts';

/** The names in `$select` of a path, in order. Graph accepts the option without its dollar sign and in another case. */
export function selectOf(path: string): readonly string[] {
  const at = path.indexOf('?');
  const options = at < 0 ? [] : path.slice(at + 1).split('&');
  for (const option of options) {
    const [name = '', value = ''] = option.split('=', 2).map(decoded);
    if (/^\$?select$/i.test(name))
      return value
        .split(',')
        .map((each) => each.trim())
        .filter((each) => each !== '');
  }
  return [];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}

/**
 * The columns of a query: those of `$select` in its order, then the others as they were found. Graph ignores the case of a
 * name in `$select`, and answers with its own spelling.
 */
export function selectedFirst(path: string, found: readonly string[]): readonly string[] {
  const spelled = new Map(found.map((name) => [name.toLowerCase(), name]));
  const selected = selectOf(path).map((name) => {
    const column = columnOf(name);
    return spelled.get(column.toLowerCase()) ?? column;
  });
  return [...new Set([...selected, ...found])];
}
