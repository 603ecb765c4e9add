import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Comparison } from '../../packages/microsoft-cloud/src/recording/compare.ts';
import { parsePairs } from '../../packages/microsoft-cloud/src/recording/pair.ts';
import { replay } from '../../packages/microsoft-cloud/src/recording/replay.ts';
import { scoreSection } from '../../packages/microsoft-cloud/src/recording/score.ts';

const folder = join(import.meta.dirname, '../../packages/microsoft-cloud');

/** `packages/microsoft-cloud/docs/fidelity.md` with the scores of all recordings. The other sections stay. */
export async function fidelityDocs(): Promise<string> {
  const files = globSync('recordings/*.jsonl', { cwd: folder }).toSorted();
  const comparisons: Comparison[] = [];
  // Each recording counts its pseudonyms anew.
  for (const file of files) comparisons.push(...(await replay(parsePairs(readFileSync(join(folder, file), 'utf8')))));
  const page = readFileSync(join(folder, 'docs/fidelity.md'), 'utf8');
  const section = /^## Scores\n.*?(?=^## )/ms;
  if (!section.test(page)) throw new Error('docs/fidelity.md has no section "Scores".');
  return page.replace(section, () => `## Scores\n\n${scoreSection(comparisons)}\n`);
}
