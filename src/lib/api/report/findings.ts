import { dayMs } from '../../core/clock.ts';
import { dayText } from '../../core/day-text.ts';
import type { JsonObject } from '../../core/objects.ts';

/** What a customer should know before all else. */
export interface Finding {
  /** The job whose rows say it. Absent: it is of the customer itself. */
  readonly job?: string;
  /** `5 administrators have registered no second factor`. */
  readonly text: string;
  /** What follows from it: a sentence. */
  readonly consequence: string;
}

/** Finds something in the rows of one of the broker's own jobs. Of others, nobody knows what their rows mean. */
export interface Rule {
  readonly job: string;
  readonly concerns: (row: JsonObject, nowMs: number) => boolean;
  /** @param rows those that it concerns. */
  readonly text: (rows: readonly JsonObject[]) => string;
  readonly consequence: string;
}

const counted = (n: number, one: string, many = `${one}s`): string =>
  `${n.toLocaleString('en')} ${n === 1 ? one : many}`;

/** Of a guest, nobody here knows: the second factor can be in the tenant that the guest comes from. */
const hasNoFactor = ({ strength, userType }: JsonObject): boolean => strength === 'none' && userType !== 'guest';

const registered = (n: number): string => `${n === 1 ? 'has' : 'have'} registered no second factor`;

/** Counted from now: rows may be old. NaN, without an end, compares as false. */
const daysLeft = ({ endsAt }: JsonObject, nowMs: number): number =>
  Math.floor((Date.parse(String(endsAt)) - nowMs) / dayMs);

/** Assigned licences beyond those that stay. Of products that cost nothing, the numbers are not known. */
const beyond = ({ licences, assigned }: JsonObject, ending = 0): number =>
  typeof licences === 'number' ? Number(assigned) - licences + ending : 0;
const suspended = (row: JsonObject): number => Math.min(Number(row['suspended']), beyond(row));
const inGrace = (row: JsonObject): number => Math.min(Number(row['warning']), beyond(row, Number(row['warning'])));

/**
 * `9 licences of Exchange Online (Plan 2) are in a grace period, 5 in use`.
 * @param inUse those that somebody would lose.
 */
function licences(
  rows: readonly JsonObject[],
  [column, state]: readonly [string, string],
  inUse: (row: JsonObject) => number,
): string {
  const sumOf = (numberOf: typeof inUse): number => rows.reduce((sum, row) => sum + numberOf(row), 0);
  const all = sumOf((row) => Number(row[column]));
  const of = rows.length === 1 ? String(rows[0]?.['product']) : counted(rows.length, 'product');
  const used = sumOf(inUse).toLocaleString('en');
  return `${counted(all, 'licence')} of ${of} ${all === 1 ? 'is' : 'are'} ${state}, ${used} in use`;
}

/** Days before the end of a credential from which on somebody should renew it. */
const soonDays = 14;

/** The worst first. */
export const rules: readonly Rule[] = [
  {
    job: 'mfa-report',
    concerns: (row) => row['admin'] === true && hasNoFactor(row),
    text: ({ length: n }) => `${counted(n, 'administrator')} ${registered(n)}`,
    consequence: 'A stolen password can be enough to sign in as an administrator.',
  },
  {
    job: 'risky-users',
    concerns: () => true,
    text: ({ length: n }) => `${counted(n, 'person', 'people')} may be taken over, as Microsoft sees it`,
    consequence: 'Somebody else may be signing in as them.',
  },
  {
    job: 'mfa-report',
    concerns: (row) => row['admin'] !== true && hasNoFactor(row),
    text: ({ length: n }) =>
      `${counted(n, 'person', 'people')} ${registered(n)}, not counting administrators and guests`,
    consequence: 'A stolen password can be enough to sign in as one of them.',
  },
  {
    job: 'secret-expiry-report',
    concerns: (row, nowMs) => daysLeft(row, nowMs) < 0,
    text: ({ length: n }) => `${counted(n, 'credential')} of applications ${n === 1 ? 'has' : 'have'} expired`,
    consequence: 'An application that still uses one cannot sign in.',
  },
  {
    job: 'licence-report',
    concerns: (row) => suspended(row) > 0,
    text: (rows) => licences(rows, ['suspended', 'suspended'], suspended),
    consequence: 'Those who have one may be unable to use the product.',
  },
  {
    job: 'licence-report',
    concerns: (row) => inGrace(row) > 0,
    text: (rows) => licences(rows, ['warning', 'in a grace period'], inGrace),
    consequence: 'Unless the subscription is renewed, those who have one may lose the product.',
  },
  {
    job: 'secret-expiry-report',
    concerns: (row, nowMs) => daysLeft(row, nowMs) >= 0 && daysLeft(row, nowMs) < soonDays,
    text: ({ length: n }) =>
      `${counted(n, 'credential')} of applications ${n === 1 ? 'ends' : 'end'} within ${soonDays} days`,
    consequence: 'Then an application that still uses one cannot sign in.',
  },
];

/** The jobs of which it is known what their rows mean. */
export const jobsWithRules: ReadonlySet<string> = new Set(rules.map(({ job }) => job));

/** From when on the day of rows is said. Most jobs run every night. */
const oldMs = 2 * dayMs;

/** The day of rows that are old, to put behind what they say: ` (by data of 1 Sep 2026)`. */
export const ageText = (asOf: string, nowMs: number): string =>
  nowMs - Date.parse(asOf) > oldMs ? ` (by data of ${dayText(asOf)})` : '';

/** As many as a reader takes in. */
export const mostFindings = 3;

/**
 * The worst findings about a customer.
 * @param found those of its rows, by their rules.
 * @param endsAt the end of the relationship, if it is near.
 */
export function worstOf(found: ReadonlyMap<Rule, Finding>, endsAt: string | undefined): readonly Finding[] {
  const ends =
    endsAt === undefined ? [] : [{ text: `The partner's access ends on ${dayText(endsAt)}`, consequence: ending }];
  return [...ends, ...rules.flatMap((rule) => found.get(rule) ?? [])].slice(0, mostFindings);
}

const ending = 'Then the partner can do nothing here, unless you approve another relationship.';
