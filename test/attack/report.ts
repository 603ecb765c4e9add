import { visibleText } from '../../src/lib/core/text.ts';
import type { Verdict } from './attack.ts';

const shownBreaks = 10;

/** A table of all verdicts, then what broke and what was measured. */
export function reportText(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(({ name, attempts, breaks, seconds, verdict, promise }) => [
    name,
    String(attempts),
    String(breaks.length),
    verdict,
    `${seconds.toFixed(1)} s`,
    promise,
  ]);
  const lines = tableOf([['attack', 'attempts', 'breaks', 'verdict', 'time', 'promise'], ...rows]);
  for (const { name, tries, breaks, notes } of verdicts) {
    lines.push('', `${name}: ${tries}`);
    for (const text of breaks.slice(0, shownBreaks)) lines.push(`  BROKEN ${visibleText(text)}`);
    if (breaks.length > shownBreaks) lines.push(`  and ${breaks.length - shownBreaks} more`);
    for (const note of notes) lines.push(`  ${visibleText(note)}`);
  }
  return lines.join('\n');
}

function tableOf(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
