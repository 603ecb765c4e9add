import type { PlanAnswer, PlansAnswer } from '../../src/lib/api/answers/plans.ts';
import type { RunTenant } from '../../src/lib/api/answers/runs.ts';
import { differenceOf } from '../../src/lib/changes/difference.ts';
import { type OutcomeStyle, outcomeWord } from '../../src/lib/core/outcomes.ts';
import { isObject } from '../../src/lib/core/objects.ts';
import { capitalized } from '../../src/lib/core/text.ts';
import { isEnded } from '../../src/lib/runs/store/run.ts';
import { count } from './format.ts';

export type PlanSummary = PlansAnswer['plans'][number];
export type Apply = NonNullable<PlanAnswer['apply']>;
export type Group = PlanAnswer['groups'][number];

/** What became of a change, in the order of interest, with its tone. */
export const outcomeTones: ReadonlyMap<string, OutcomeStyle['tone']> = new Map([
  ['applied', 'good'],
  ['unclear', 'bad'],
  ['refused', 'bad'],
  ['reverted', 'bad'],
  ['accepted', 'warn'],
  ['drifted', 'warn'],
  ['unchanged', 'idle'],
  ['not attempted', 'idle'],
]);

/** Whether it is too late to apply a plan. */
export const isExpired = ({ expiresAt }: Pick<PlanSummary, 'expiresAt'>): boolean =>
  expiresAt !== undefined && Date.parse(expiresAt) <= Date.now();

/** Whether a plan can be applied, as far as the page knows. */
export const canApply = (plan: PlanAnswer): boolean =>
  plan.status === 'completed' && plan.apply === undefined && plan.changes > 0 && !isExpired(plan);

/** Tenants of the apply that have ended. */
export const doneOf = ({ tenants }: Pick<Apply, 'tenants'>): number =>
  tenants.succeeded + tenants.failed + tenants.skipped;

/** What is left of an apply, in a word. */
export const restWord = ({ status }: Pick<Apply, 'status'>): string => (isEnded(status) ? 'not sent' : 'to come');

/**
 * What becomes of tenants in an apply: tone and word. What went well has the colour that it has in runs.
 * The limits count those that failed and those that ended unclear, each by itself.
 */
export const endWords = new Map([
  ['succeeded', ['succeeded', 'applied']],
  ['refused', ['bad', 'refused']],
  ['failed', ['bad', 'failed']],
  ['unclear', ['bad', 'without a clear answer']],
  ['unconfirmed', ['warn', 'unconfirmed']],
  ['drifted', ['warn', 'drifted']],
  ['retrying', ['active', 'under way']],
  ['skipped', ['rest', 'skipped']],
  ['left', ['rest', 'no longer reachable']],
] as const);

/** What became of a tenant in an apply. Its outcome is `failed` also where something else has happened. */
export function endOf(
  { outcome, code, attempts }: Pick<RunTenant, 'outcome' | 'code' | 'attempts'>,
  { outcomes = {} }: Pick<Apply, 'outcomes'>,
): string {
  if (outcome !== 'failed') return outcome;
  // Tenants do not know which of their changes it was.
  if (code === 'change_failed' && outcomes['refused'] && !outcomes['reverted'] && !outcomes['not attempted'])
    return 'refused';
  // It left before the apply, whose limits do not count it.
  if (attempts === 0) return 'left';
  return /^change_(drifted|unclear|unconfirmed)$/.exec(code ?? '')?.[1] ?? outcome;
}

/** How many changes came to which end, beside those that were applied: `[1, 'refused'], [7, 'to come']`. */
export function othersOf(changes: number, apply: Pick<Apply, 'outcomes' | 'status'>) {
  const { outcomes = {} } = apply;
  const left = changes - Object.values(outcomes).reduce((sum, n) => sum + n, 0);
  const ends = [...outcomeTones.keys()].slice(1).map((name) => [outcomes[name] ?? 0, name] as const);
  return [...ends, [left, restWord(apply)] as const].filter(([n]) => n > 0);
}

/** `7 of 15 changes applied, 1 refused, 7 to come`. */
export const outcomesText = (changes: number, apply: Pick<Apply, 'outcomes' | 'status'>): string =>
  [
    `${(apply.outcomes?.['applied'] ?? 0).toLocaleString('en')} of ${count(changes, 'change')} applied`,
    ...othersOf(changes, apply).map(([n, word]) => `${n.toLocaleString('en')} ${word}`),
  ].join(', ');

const waveOf = ({ wave = 1, waves }: Apply): string => `wave ${wave} of ${waves.length}`;

/** What a person did who let an apply go on. */
export const gateWords = ({ wave, held }: NonNullable<Apply['gates']>[number]): string =>
  held === undefined ? `let wave ${wave + 1} begin.` : `let wave ${wave} go on after a hold. ${held}`;

/** A wave by its name: a group, a tag, a share, what is left, or a tenant, by its id if it is not among the known ones. */
export function waveWord(
  entry: string | undefined,
  isFirst: boolean,
  tenants: readonly { readonly tenantId: string; readonly name: string }[],
): string {
  const [, kind, mark] = /^(group|tag):(.*)$/.exec(entry ?? '') ?? [];
  if (kind !== undefined) return `${capitalized(kind)} ${mark}`;
  if (entry === '100%') return isFirst ? 'Everyone' : 'Everyone else';
  if (entry?.endsWith('%') === true) return `Up to ${entry} of all`;
  return tenants.find(({ tenantId }) => tenantId === entry)?.name ?? entry ?? 'One tenant';
}

/** How many of the changes made can be taken back. Which were made is not known: if some cannot be undone, none is promised. */
export const undoableOf = ({ irreversible, apply }: Pick<PlanAnswer, 'irreversible' | 'apply'>): number =>
  irreversible === 0 ? (apply?.outcomes?.['applied'] ?? 0) : 0;

/** A plan that was made: on every page, also as what became of its run and of a tenant in it, whether it was applied since or not. */
export const planned = ['idle', 'plan made'] as const;

/** Where a plan is, in a few words. */
export function stateOf(plan: PlanSummary): readonly [OutcomeStyle['tone'] | 'waits', string] {
  const { status, apply } = plan;
  if (!isEnded(status)) return ['active', 'being made'];
  if (status !== 'completed') return ['bad', status];
  if (apply === undefined) return isExpired(plan) ? ['idle', 'expired'] : planned;
  if (apply.status === 'cancelled') return ['warn', 'ended early'];
  if (apply.status === 'failed') return ['bad', 'stopped'];
  if (isEnded(apply.status))
    return apply.tenants.succeeded === apply.tenants.total ? ['good', 'applied'] : ['warn', 'applied in part'];
  if (apply.hold !== undefined) return ['bad', `held in ${waveOf(apply)}`];
  return apply.waits ? ['waits', `waits after ${waveOf(apply)}`] : ['active', waveOf(apply)];
}

/** The answer of the page: what the plan changes, where its apply is, or what became of it. */
export function headlineOf(plan: PlanAnswer, mayApply: boolean): string {
  const { status, tenants, changes, changedTenants, apply } = plan;
  // The others are as they should be, or could not be read.
  const of = changedTenants < tenants.total ? `${changedTenants.toLocaleString('en')} of ` : '';
  const all = `${count(changes, 'change')} in ${of}${count(of === '' ? changedTenants : tenants.total, 'tenant')}`;
  if (!isEnded(status))
    return tenants.total === 0
      ? 'The tenants are being listed'
      : `${doneOf(plan).toLocaleString('en')} of ${count(tenants.total, 'tenant')} read`;
  if (status !== 'completed') return 'The plan was not completed, so it cannot be applied';
  if (apply !== undefined) return applyHeadline(changes, apply, mayApply);
  if (changes === 0)
    return tenants.failed > 0
      ? 'Nothing to change in the tenants that answered'
      : 'Nothing to change: every tenant is as it should be';
  if (isExpired(plan)) return `${all} were not applied, and the plan has expired`;
  return all;
}

function applyHeadline(changes: number, apply: Apply, mayApply: boolean): string {
  const { status, tenants, wave, waves, waits, hold } = apply;
  const whom = mayApply ? 'you' : 'a person';
  if (isEnded(status)) return outcomesText(changes, apply);
  if (hold !== undefined) return `The apply is held in ${waveOf(apply)} and waits for ${whom}`;
  if (waits) return `Wave ${wave ?? 1} of ${waves.length} is done, and the next one waits for ${whom}`;
  if (wave === undefined) return 'The apply is starting';
  return `Wave ${wave} of ${waves.length}: ${doneOf(apply).toLocaleString('en')} of ${count(tenants.total, 'tenant')} done`;
}

/** `defaultUserRolePermissions.allowedToCreateApps`: "default user role permissions, allowed to create apps". */
export const inWords = (place: string): string =>
  place
    .replaceAll('.', ', ')
    .replaceAll(/(?<=[a-z\d])(?=[A-Z])/g, ' ')
    .toLowerCase();

/** What a change is made to, such as "authorization policy" of `/policies/authorizationPolicy`. An id stays as it is. */
export function targetInWords(target: string): string {
  const last = target.split('/').at(-1) ?? '';
  return /^[a-z]+(?:[A-Z][a-z]+)+$/.test(last) ? inWords(last) : target;
}

/** What users may consent to under the policies that Microsoft has built in. */
const consents: ReadonlyMap<string, string> = new Map([
  ['ManagePermissionGrantsForSelf.microsoft-user-default-legacy', 'Users may consent to any application'],
  ['ManagePermissionGrantsForSelf.microsoft-user-default-low', 'Users may consent to applications of low risk'],
]);

/** With whom SharePoint shares (Microsoft Graph, `sharepointSettings`). */
const sharing: ReadonlyMap<string, string> = new Map([
  ['externalUserAndGuestSharing', 'anybody who has the link'],
  ['externalUserSharingOnly', 'guests, who may be new'],
  ['existingExternalUserSharingOnly', 'guests who are there already'],
  ['disabled', 'nobody outside'],
]);

/** A change of a known setting, for people: "Users may consent to any application → nobody may". Undefined for others. */
export function plainWords(before: string | null, after: string | null): string | undefined {
  const [only, ...others] = differenceOf(before, after);
  if (only === undefined || others.length > 0) return undefined;
  const [from, to] = [only.lost, only.gained].map(([value = '']) => sharing.get(value));
  if (only.place === 'sharingCapability' && from !== undefined && to !== undefined)
    return `SharePoint shares with ${from} → with ${to}`;
  if (!isEmptyAt(after, only.place)) return undefined;
  const known = consents.get(only.lost[0] ?? '');
  return known === undefined || only.lost.length > 1 ? undefined : `${known} → nobody may`;
}

/** What changes, as sentences without their full stop: what a list loses and gains, and if nothing is left of it. */
export const differenceWords = (before: string | null, after: string | null): readonly string[] =>
  differenceOf(before, after).map(({ place, lost, gained, isList }) => {
    const name = inWords(place);
    if (!isList && lost.length > 0 && gained.length > 0) return `${name}: ${lost[0]} → ${gained[0]}`;
    if (!isList) return `${name}: ${lost.length > 0 ? `${lost[0]} → nothing` : gained[0]}`;
    const isEmptied = gained.length === 0 && isEmptyAt(after, place);
    if (isEmptied) return `${name}: ${lost.join(', ')} → none`;
    return `${name}: ${[...lost.map((item) => `without ${item}`), ...gained.map((item) => `with ${item}`)].join(', ')}`;
  });

/** What a group of changes does, in plain words if it is a known setting, or else by its action and target. */
export const groupTitle = ({ action, target, before, after }: Group): string =>
  plainWords(before, after) ?? `${outcomeWord(action.replaceAll('-', '_'))} ${targetInWords(target)}`;

/** Whether the list in this place has no items. */
export function isEmptyAt(json: string | null, place: string): boolean {
  let value: unknown = json === null ? undefined : JSON.parse(json);
  for (const name of place === '' ? [] : place.split('.')) value = isObject(value) ? value[name] : undefined;
  return Array.isArray(value) && value.length === 0;
}
