import type { LastResult, TenantsAnswer } from './answers/tenants.ts';
import { adviceFor, errorTable, isErrorCode } from '../core/errors.ts';
import { adviceForReason, isExcluded, reasonTexts, reasonTitles } from '../tenants/tenant.ts';
import { outcomeStyle } from '../core/outcomes.ts';

export type Tenant = TenantsAnswer['tenants'][number];

/** `warn`: it may pass by itself, or somebody else acts next. */
type Tone = 'bad' | 'warn';

/** One thing that is wrong with a tenant. */
export interface Trouble {
  /** A reason for missing access, or the error code of failed jobs. */
  readonly cause: string;
  readonly tone: Tone;
  /** The last results that failed for this cause. Empty if there is no access at all. */
  readonly results: readonly LastResult[];
}

/** Lists of thousands are looked through for each letter of a search. */
const troubles = new WeakMap<Tenant, readonly Trouble[]>();

/** What is known to be wrong with a tenant. Results of a tenant without access only repeat that there is none. */
export function troublesOf(tenant: Tenant): readonly Trouble[] {
  const found = troubles.get(tenant) ?? findTroubles(tenant);
  troubles.set(tenant, found);
  return found;
}

function findTroubles(tenant: Tenant): readonly Trouble[] {
  const { reachable, reason, lastResults = [] } = tenant;
  // Exclusion is a decision of the operator and no trouble.
  if (!reachable && isExcluded(tenant)) return [];
  if (!reachable) return [{ cause: reason, tone: reason === 'gdap_pending' ? 'warn' : 'bad', results: [] }];
  const failed = lastResults.filter(({ outcome }) => ['bad', 'warn'].includes(outcomeStyle(outcome).tone));
  const byCode = Map.groupBy(failed, ({ code, outcome }) => code ?? outcome);
  return [...byCode].map(([cause, results]) => ({ cause, tone: toneOf(cause), results }));
}

/** Whether nothing is wrong with a tenant. False if the results of jobs, which would tell, could not be read. */
export const isWell = (tenant: Tenant): boolean =>
  (!tenant.reachable || tenant.lastResults !== undefined) && troublesOf(tenant).length === 0;

/** Whether the list says which jobs failed in every reachable tenant. */
export const areResultsKnown = (tenants: readonly Tenant[]): boolean =>
  tenants.every(({ reachable, lastResults }) => !reachable || lastResults !== undefined);

const toneOf = (cause: string): Tone => (isErrorCode(cause) && errorTable[cause].retry === 'later' ? 'warn' : 'bad');

/** Whether the relationship ends within 30 days and does not renew by itself. */
export const endsSoon = ({ reason }: Tenant): boolean => reason === 'gdap_expiring';

/** Whether the relationship is over, whatever its end: a terminated one ends before it. */
export const hasEnded = ({ reason }: Pick<Tenant, 'reason'>): boolean =>
  reason === 'gdap_expired' || reason === 'gdap_terminated';

/** Whether Partner Center is where an operator does something about a cause. A request that is not approved is the customer's. */
export const isForPartnerCenter = (cause: string): boolean =>
  cause !== 'gdap_pending' && adviceForReason(cause) !== undefined;

/** When a tenant whose relationship is over last answered. Until the next run its jobs seem well. Undefined if it is not over. */
export const lastAnswerOf = (tenant: Tenant): string | undefined =>
  hasEnded(tenant)
    ? tenant.lastResults
        ?.flatMap(({ outcome, finishedAt }) => (outcome === 'succeeded' ? finishedAt : []))
        .toSorted()
        .at(-1)
    : undefined;

/** The title of a cause: a sentence without its full stop. */
export const titleOf = (cause: string): string =>
  titleOfReason(cause) ?? (isErrorCode(cause) ? errorTable[cause].title : cause.replaceAll('_', ' '));

const titleOfReason = (cause: string): string | undefined =>
  Object.hasOwn(reasonTitles, cause) ? reasonTitles[cause as Tenant['reason']] : undefined;

const reasonsByText = new Map(Object.entries(reasonTexts).map(([reason, text]) => [text as string, reason]));

/**
 * The cause of what became of a tenant in a run. A tenant without access has one error code for all reasons, and the reason as
 * its detail: lists of tenants name the reason, so runs do as well. Undefined without a code.
 */
export const causeOfVisit = ({ code, detail }: Visited): string | undefined =>
  code === 'tenant_not_delegated' ? (reasonsByText.get(detail ?? '') ?? code) : code;

interface Visited {
  readonly code?: string | undefined;
  readonly detail?: string | undefined;
}

/**
 * What to do about a cause.
 * @param isBesideStep whether the command of `stepFor` stands beside it with the tenants filled in. Then it is left out here.
 */
export function adviceOf(cause: string, isBesideStep = true): string {
  const text = isErrorCode(cause) ? adviceFor(cause, 'operator') : (adviceForReason(cause) ?? '');
  return isBesideStep ? text.replace('Run `ptb tenants consent --tenant <id>`', 'Give the consent') : text;
}

/** A cause with the tenants that it concerns. */
export interface Cause {
  readonly cause: string;
  readonly tone: Tone;
  readonly tenants: readonly { readonly tenant: Tenant; readonly results: readonly LastResult[] }[];
}

/** The causes of all troubles: `bad` before `warn`, then those of most tenants first. */
export function causesOf(tenants: readonly Tenant[]): readonly Cause[] {
  const all = tenants.flatMap((tenant) => troublesOf(tenant).map((trouble) => ({ tenant, ...trouble })));
  return [...Map.groupBy(all, ({ cause }) => cause)]
    .map(([cause, some]) => ({ cause, tone: some[0]?.tone ?? 'bad', tenants: some }))
    .toSorted((a, b) => a.tone.localeCompare(b.tone) || b.tenants.length - a.tenants.length);
}

/** Sorts tenants by trouble: no access, failed jobs, trouble that may pass, relationships that end, then the others. */
export function rankOf(tenant: Tenant): number {
  const troubles = troublesOf(tenant);
  const failed = troubles.reduce((sum, { results }) => sum + results.length, 0);
  // More failed jobs come first within a rank.
  const fraction = 1 - failed / (failed + 1);
  if (troubles.some(({ tone }) => tone === 'bad')) return failed === 0 ? 0 : 1 + fraction / 2;
  if (troubles.length > 0) return 2 + fraction / 2;
  if (endsSoon(tenant)) return 3;
  return tenant.reachable ? 4 : 5;
}
