import type { FaultState } from '../../faults/faults.ts';
import { escapeHtml } from '../../web/http.ts';
import type { Settings } from '../../world.ts';
import { markup, table } from './html.ts';

/** The rules that are active, each with a button that removes it, and the settings that fault sets change. */
export function faultsPart(faults: readonly FaultState[], settings: Settings): string {
  const rows = faults.map(({ id, rule, matched, applied }) => [
    id,
    markup(`<code>${escapeHtml(JSON.stringify(rule))}</code>`),
    String(matched),
    String(applied),
    markup(`<button type="button" id="${id}" data-remove="${id}">Remove ${id}</button>`),
  ]);
  const active =
    rows.length === 0
      ? '<p>No fault is active.</p>'
      : table('Active faults', ['Id', 'Rule', 'Requests that fit', 'Requests affected', 'Action'], rows);
  const set = Object.entries(settings).map(
    ([name, value]) => `<code>${escapeHtml(name)}</code> ${escapeHtml(String(value ?? 'random'))}`,
  );
  return `${active}<p class="note">Settings: ${set.join(', ')}</p>`;
}
