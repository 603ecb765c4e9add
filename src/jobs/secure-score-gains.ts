import * as z from 'zod';
import { defineJob } from '../lib/runs/job/job.ts';
import type { Row } from '../lib/runs/job/row.ts';

const text = z.string().nullish();
const secureScore = z.object({
  createdDateTime: text,
  currentScore: z.number().nullish(),
  maxScore: z.number().nullish(),
  controlScores: z.array(z.object({ controlName: z.string(), score: z.number().nullish() })).nullish(),
});
const controlProfile = z.object({
  id: z.string(),
  title: text,
  controlCategory: text,
  maxScore: z.number().nullish(),
  implementationCost: text,
  userImpact: text,
  deprecated: z.boolean().nullish(),
  controlStateUpdates: z.array(z.object({ state: text, updatedDateTime: text })).nullish(),
});
type Control = z.output<typeof controlProfile>;

/** The list has a score for each of 90 days, the newest first. */
const newest = '/security/secureScores?$top=1';

/**
 * Reports which controls would raise the secure score, and the score itself as the row `total`. Points change by Microsoft as
 * well, and have fractions, so comparisons look at controls and not at points. The newest score may be days old.
 */
export default defineJob({
  name: 'secure-score-gains',
  title: 'Secure score',
  description: 'Which controls would raise the secure score of each tenant most, and the score itself.',
  topic: 'security',
  resources: ['graph'],
  permissions: ['SecurityEvents.Read.All'],
  directoryRoles: ['Security Reader', 'Global Reader', 'Security Administrator'],
  timeoutSeconds: 300,
  columns: [
    { name: 'control', title: 'Control', type: 'text' },
    { name: 'title', title: 'Title', type: 'text', compare: false },
    { name: 'category', title: 'Category', type: 'text' },
    // The row `total` has these too, so that their sum would count everything twice.
    { name: 'score', title: 'Score', type: 'number', compare: false, history: false },
    { name: 'maximum', title: 'Maximum', type: 'number', compare: false, history: false },
    { name: 'gain', title: 'Gain', type: 'number', compare: false },
    { name: 'cost', title: 'Cost', type: 'text' },
    { name: 'impact', title: 'Impact on users', type: 'text' },
    { name: 'asOf', title: 'As of', type: 'date', compare: false },
  ],
  key: ['control'],
  historyBy: 'category',
  async run({ graph }) {
    const { value: found } = await graph.list(newest, { shape: secureScore }).next();
    // Microsoft computes no score for some tenants.
    if (found === undefined) return [];
    const controls = new Map<string, Control>();
    for await (const each of graph.list('/security/secureScoreControlProfiles', { shape: controlProfile }))
      controls.set(each.id, each);
    const rows: Row[] = [];
    for (const { controlName, score } of found.controlScores ?? []) {
      const control = controls.get(controlName);
      if (control === undefined || control.deprecated === true || isSettled(control)) continue;
      if (score == null || control.maxScore == null || control.maxScore <= score) continue;
      rows.push({
        control: controlName,
        title: control.title ?? null,
        category: control.controlCategory ?? null,
        score,
        maximum: control.maxScore,
        gain: rounded(control.maxScore - score),
        cost: control.implementationCost ?? null,
        impact: control.userImpact ?? null,
        asOf: found.createdDateTime ?? null,
      });
    }
    rows.sort((a, b) => Number(b['gain']) - Number(a['gain']));
    rows.push({
      control: 'total',
      score: found.currentScore ?? null,
      maximum: found.maxScore ?? null,
      asOf: found.createdDateTime ?? null,
    });
    return rows;
  },
});

const rounded = (points: number): number => Math.round(points * 100) / 100;

/** Whether the tenant says that it ignores the control, or meets it with a product of somebody else. */
function isSettled({ controlStateUpdates }: Control): boolean {
  const [latest] = [...(controlStateUpdates ?? [])].toSorted((a, b) =>
    (b.updatedDateTime ?? '').localeCompare(a.updatedDateTime ?? ''),
  );
  return /^(?:ignored?|thirdParty)$/i.test(latest?.state ?? '');
}
