/**
 * Finds a formula sign, ASCII or full-width, where a spreadsheet may start a cell: at the start of the text, or after a
 * character that another separator setting or a lost quote turns into the end of a cell. Blanks, invisible characters
 * and quotes in front of the sign do not count. Each match takes a whole run of such characters, so the search is linear.
 * `\t-\r` is tab, line feed, vertical tab, form feed and carriage return.
 */
const cellStart = /(?:^|[;\t-\r\u0085\u2028\u2029])[;\s\p{C}\p{Z}"]*(?<sign>[=+\-@＝＋－＠])?/gu;

/**
 * Formats a CSV cell (RFC 4180). A text that a spreadsheet could evaluate as a formula gets an apostrophe before the sign
 * (OWASP "CSV injection"), because customers choose some of these texts. Numbers stay unchanged, including negative ones.
 * A nested value is written as JSON.
 */
export function csvCell(given: unknown): string {
  if (given === null || given === undefined) return '';
  if (typeof given === 'number' || typeof given === 'boolean') return String(given);
  const value = typeof given === 'string' ? given : JSON.stringify(given);
  const signs = value.replaceAll(cellStart, (found: string, sign: string | undefined) =>
    sign === undefined ? found : `${found.slice(0, -1)}'${sign}`,
  );
  const text = /^[\t\r\n]/.test(value) ? `'${signs}` : signs;
  return /[",;\t\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Formats a line of CSV with its line break. */
export const csvLine = (cells: readonly unknown[]): string => `${cells.map(csvCell).join(',')}\r\n`;
