import { escapeHtml, type Reply } from '../../web/http.ts';

/** Markup whose text is escaped already. */
export interface Markup {
  readonly markup: string;
}

export const markup = (written: string): Markup => ({ markup: written });

const write = (content: string | Markup): string =>
  typeof content === 'string' ? escapeHtml(content) : content.markup;

/**
 * A table that becomes a list of cards on a narrow screen. The roles keep it a table for screen readers there.
 * @param rows Cells in the order of `head`.
 */
export function table(
  caption: string,
  head: readonly string[],
  rows: readonly (readonly (string | Markup)[])[],
): string {
  const cells = (row: readonly (string | Markup)[]): string =>
    row
      .map(
        (cell, index) =>
          `<td role="cell" data-label="${escapeHtml(head[index] ?? '')}"><span>${write(cell)}</span></td>`,
      )
      .join('');
  return `<table role="table"><caption class="hidden">${escapeHtml(caption)}</caption><thead role="rowgroup"><tr role="row">${head
    .map((name) => `<th role="columnheader" scope="col">${escapeHtml(name)}</th>`)
    .join(
      '',
    )}</tr></thead><tbody role="rowgroup">${rows.map((row) => `<tr role="row">${cells(row)}</tr>`).join('')}</tbody></table>`;
}

/** The page loads its own script and style only, and nothing of other origins. */
const securityPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** @param type media type without the character set. */
export const file = (type: string, body: string): Reply => ({
  status: 200,
  headers: {
    'content-type': `${type}; charset=utf-8`,
    'cache-control': 'no-store',
    'content-security-policy': securityPolicy,
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
  },
  body,
});
