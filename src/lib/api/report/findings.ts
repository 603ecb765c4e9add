import { dayText } from '../../core/day-text.ts';
import type { JsonObject } from '../../core/objects.ts';

/** What a customer should know before all else. */
export interface Finding {
  /** The job whose rows say it. Absent: it is of the customer itself. */
  readonly job?: string;
  /** `5 of 16 people have no second factor`. */
  readonly text: string;
  /** What follows from it: a sentence. */
  readonly consequence: string;
}

/** Finds something in the rows of one of the broker's own jobs. Of others, nobody knows what their rows mean. */
export interface Rule {
  readonly job: string;
  readonly concerns: (row: JsonObject) => boolean;
  /** @param rows those that it concerns. @param all how many rows there are. */
  readonly text: (rows: readonly JsonObject[], all: number) => string;
  readonly consequence: string;
}

const counted = (n: number, one: string, many = `${one}s`): string =>
  `${n.toLocaleString('en')} ${n === 1 ? one : many}`;
const sumOf = (rows: readonly JsonObject[], name: string): number =>
  rows.reduce((sum, row) => sum + Number(row[name]), 0);

/** Methods that are not known say nothing, but then Microsoft may say that a person cannot have a second factor demanded. */
const hasNoFactor = ({ strength, capable }: JsonObject): boolean =>
  strength === 'none' || ((strength ?? null) === null && capable === false);

/** `2 client secrets`. */
function credentials(rows: readonly JsonObject[]): string {
  const kinds = new Set(rows.map(({ kind }) => kind));
  const noun = kinds.size > 1 ? 'credential' : kinds.has('secret') ? 'client secret' : 'certificate';
  return counted(rows.length, noun);
}

/** `9 licences of Exchange Online (Plan 2) are`. */
function licences(rows: readonly JsonObject[], name: string): string {
  const n = sumOf(rows, name);
  const of = rows.length === 1 ? String(rows[0]?.['product']) : counted(rows.length, 'product');
  return `${counted(n, 'licence')} of ${of} ${n === 1 ? 'is' : 'are'}`;
}

/** Days before the end of a credential from which on somebody should renew it. */
const soonDays = 14;

/** The worst first. */
export const rules: readonly Rule[] = [
  {
    job: 'mfa-report',
    concerns: (row) => row['admin'] === true && hasNoFactor(row),
    text: ({ length: n }) => `${counted(n, 'administrator')} ${n === 1 ? 'has' : 'have'} no second factor`,
    consequence: 'One stolen password opens everything to whoever has it.',
  },
  {
    job: 'risky-users',
    concerns: () => true,
    text: ({ length: n }) => `${counted(n, 'person', 'people')} may be taken over, as Microsoft sees it`,
    consequence: 'Somebody else may be signing in as them.',
  },
  {
    job: 'mfa-report',
    concerns: hasNoFactor,
    text: ({ length: n }, all) =>
      `${n.toLocaleString('en')} of ${counted(all, 'person', 'people')} ${n === 1 ? 'has' : 'have'} no second factor`,
    consequence: 'A stolen password is enough to sign in as one of them.',
  },
  {
    job: 'secret-expiry-report',
    concerns: ({ daysLeft }) => Number(daysLeft) < 0,
    text: (rows) => {
      const days = rows.map(({ daysLeft }) => -Number(daysLeft));
      const most = Math.max(...days);
      const first = Math.min(...days) === most ? '' : ', the first of them';
      return `${credentials(rows)} expired${first} ${counted(most, 'day')} ago`;
    },
    consequence: 'Applications can no longer sign in with them.',
  },
  {
    job: 'licence-report',
    concerns: ({ suspended }) => Number(suspended) > 0,
    text: (rows) => `${licences(rows, 'suspended')} suspended`,
    consequence: 'Those who have one cannot use the product.',
  },
  {
    job: 'licence-report',
    concerns: ({ warning }) => Number(warning) > 0,
    text: (rows) => `${licences(rows, 'warning')} in a grace period`,
    consequence: 'The subscription has ended: unless it is renewed, those who have one lose the product.',
  },
  {
    job: 'secret-expiry-report',
    concerns: ({ daysLeft }) => Number(daysLeft) >= 0 && Number(daysLeft) < soonDays,
    text: (rows) => `${credentials(rows)} ${rows.length === 1 ? 'ends' : 'end'} within ${soonDays} days`,
    consequence: 'Then applications can no longer sign in with them.',
  },
];

/** As many as a reader takes in. */
const mostFindings = 3;

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
