import type { PlanAnswer, PlansAnswer } from '../../lib/api/answers/plans.ts';
import { counted } from '../counted.ts';
import { type Line, type Styled, styled } from '../line.ts';
import { longTime } from '../times.ts';
import { differenceLines, type ShownChange } from './difference.ts';

export type PlanSummary = PlansAnswer['plans'][number];

/** Where a plan is, in a word or two. */
export function planState({ status, apply, expiresAt }: PlanSummary, nowMs: number): Styled {
  if (status === 'pending' || status === 'running') return styled('active', 'being made');
  if (status !== 'completed') return styled('bad', status);
  if (apply !== undefined) return applyState(apply);
  const isOver = expiresAt !== undefined && Date.parse(expiresAt) <= nowMs;
  return isOver ? styled('idle', 'expired') : styled('good', 'ready');
}

type Apply = NonNullable<PlanSummary['apply']>;

function applyState({ status, tenants, wave = 1, waves, waits, hold }: Apply): Styled {
  if (hold !== undefined) return styled('bad', 'held');
  if (waits) return styled('warn', 'waits');
  if (status === 'pending' || status === 'running') return styled('active', `wave ${wave} of ${waves.length}`);
  if (status === 'cancelled') return styled('warn', 'ended');
  if (status === 'failed') return styled('bad', 'stopped');
  return tenants.failed + tenants.notAttempted > 0 ? styled('warn', 'partly applied') : styled('good', 'applied');
}

const looks: Readonly<Record<string, Styled['look']>> = {
  applied: 'good',
  unchanged: 'idle',
  reverted: 'bad',
  refused: 'bad',
  unclear: 'bad',
};

/** The outcome of a change. */
const outcomePiece = (outcome: string, text = outcome): Styled => styled(looks[outcome] ?? 'warn', text);

/** Describes a plan for people: what it changes, what became of it, and what to do next. */
export function planLines(plan: PlanAnswer, nowMs = Date.now()): Line[] {
  const { planId, title, status, madeAt, madeBy, tenants, undoes, changes, irreversible, changedTenants } = plan;
  const isMade = status !== 'pending' && status !== 'running';
  const right = tenants.succeeded - changedTenants;
  const others = [
    ...(right > 0 ? [`${right} as they should be`] : []),
    ...(tenants.failed > 0 ? [`${tenants.failed} failed`] : []),
    ...(tenants.skipped > 0 ? [`${tenants.skipped} skipped`] : []),
    ...(tenants.notAttempted > 0 ? [`${tenants.notAttempted} not attempted`] : []),
  ];
  const lasting: Line[] =
    irreversible === 0 ? [] : [styled('bad', `${counted(irreversible, 'change')} cannot be undone.`)];
  return [
    [`${planId}: `, planState(plan, nowMs), `, made ${longTime(madeAt)} by ${madeBy}`],
    title,
    ...(undoes === undefined ? [] : [`Takes back ${undoes}`]),
    ...(isMade
      ? [
          `${counted(changes, 'change')} in ${changedTenants} of ${counted(tenants.total, 'tenant')}${others.map((each) => `, ${each}`).join('')}`,
          ...lasting,
          '',
          ...plan.groups.flatMap((group) => differenceLines(group, [` (${counted(group.tenants, 'tenant')})`])),
          ...(plan.more ? [`There are more changes: ptb runs export ${planId} --format csv`] : []),
        ]
      : [`Follow it with: ptb plans show ${planId} --wait`]),
    ...(plan.apply === undefined ? readyLines(plan, nowMs) : ['', ...applyLines(plan, plan.apply)]),
  ];
}

function readyLines(plan: PlanAnswer, nowMs: number): Line[] {
  const { planId, expiresAt, changes, status } = plan;
  if (status !== 'completed' || expiresAt === undefined) return [];
  if (changes === 0) return ['Nothing is to be changed.'];
  if (Date.parse(expiresAt) <= nowMs) return ['', `It expired ${longTime(expiresAt)}. Make a new one.`];
  return ['', `Apply it until ${longTime(expiresAt)} with: ptb apply ${planId}`];
}

function applyLines({ planId }: PlanAnswer, apply: NonNullable<PlanAnswer['apply']>): Line[] {
  const { runId, status, wave, waves, waveNames, waits, hold, gates = [], outcomes = {}, approvalId } = apply;
  const counts = Object.entries(outcomes).map(([outcome, count]) => outcomePiece(outcome, `${count} ${outcome}`));
  const isUnderWay = status === 'pending' || status === 'running';
  const sizes = waves.map((size, at) => (waveNames === undefined ? size : `${size} (${waveNames[at]})`));
  return [
    ['Apply: ', applyState(apply), `, ${runId}`],
    `Waves of ${sizes.join(', ')} tenants${wave === undefined ? '' : `; the last one begun is wave ${wave}`}`,
    ...(approvalId === undefined ? [] : [`Approved: ${approvalId}`]),
    ...(counts.length === 0
      ? []
      : [['Changes: ', ...counts.flatMap((piece, at) => (at === 0 ? [piece] : [', ', piece]))]]),
    ...gates.map(
      ({ wave: after, at, by, reason, held }) =>
        `${by} let it go on ${held === undefined ? `after wave ${after}` : `in wave ${after} (${held})`}, ${longTime(at)}${reason === undefined ? '' : `: ${reason}`}`,
    ),
    ...(hold === undefined ? [] : [[styled('bad', 'Held: '), hold.detail]]),
    ...(waits
      ? [
          hold === undefined ? 'It waits for a person before the next wave.' : 'It waits for a person.',
          `  Look at a tenant:  ptb plans show ${planId} --tenant NAME`,
          `  Go on:             ptb plans go-on ${planId}`,
          `  End it:            ptb plans end ${planId}`,
        ]
      : []),
    ...(!isUnderWay && (outcomes['applied'] ?? 0) > 0 ? [`Take it back with: ptb plans undo ${planId}`] : []),
  ];
}

/** A row of a plan or, with an outcome, of its apply. */
export interface ChangeRow extends ShownChange {
  readonly change: number;
  readonly outcome?: string;
  readonly detail?: string | null;
}

/** Shows the changes of one tenant, in the order in which they are made. */
export const changeLines = (rows: readonly ChangeRow[]): Line[] =>
  rows.length === 0
    ? ['Nothing is to be changed in this tenant.']
    : rows.flatMap((row) => [
        ...differenceLines(row, row.outcome === undefined ? [] : ['  ', outcomePiece(row.outcome)]),
        ...(row.detail == null ? [] : [`    ${row.detail}`]),
      ]);
