import { dayMs } from '../../core/clock.ts';
import { dayText, zoneText } from '../../core/day-text.ts';
import { ageText, jobsWithRules, mostFindings } from './findings.ts';
import { permissionPhrase } from './permission-phrase.ts';
import { comparedDays, type Deed, deedKinds, type PartnerWork } from './partner-work.ts';
import type { Figure, Gap, Section, TenantReport } from './read-report.ts';

type Column = Section['columns'][number];
type Change = Section['changed'][number];

/** A value that is not known. */
const unknown = '–';
/** Values of a column that are named. */
const countedValues = 8;

const numbers = new Intl.NumberFormat('en', { maximumFractionDigits: 2 });

export const numberText = (value: number): string => numbers.format(value);

/** `1 row`, `1,234 rows`. */
export const rowsText = (count: number): string => `${numberText(count)} ${count === 1 ? 'row' : 'rows'}`;

/** Customers do not know the aliases of resources, nor Microsoft's identifiers of states and sign-in methods. */
const customerWords: Readonly<Record<string, ReadonlyMap<string, string>>> = {
  resource: new Map([
    ['graph', 'Microsoft Graph'],
    ['exchange', 'Exchange Online'],
    ['arm', 'Azure Resource Manager'],
    ['aad-graph', 'Azure AD Graph'],
  ]),
  status: new Map([
    ['Enabled', 'active'],
    ['LockedOut', 'locked out'],
    ['Warning', 'in grace period'],
    ['Suspended', 'suspended'],
    ['Deleted', 'deleted'],
  ]),
  methods: new Map([
    ['alternateMobilePhone', 'second mobile phone'],
    ['fido2', 'security key'],
    ['fido2SecurityKey', 'security key'],
    ['hardwareOneTimePasscode', 'code of a device'],
    ['microsoftAuthenticatorPasswordless', 'Authenticator without password'],
    ['microsoftAuthenticatorPush', 'Authenticator'],
    ['mobilePhone', 'mobile phone'],
    ['officePhone', 'office phone'],
    ['passKeyDeviceBound', 'passkey'],
    ['passKeyDeviceBoundAuthenticator', 'passkey in Authenticator'],
    ['securityQuestion', 'security question'],
    ['softwareOneTimePasscode', 'code of an app'],
    ['temporaryAccessPass', 'temporary access pass'],
    ['windowsHelloForBusiness', 'Windows Hello'],
  ]),
};

export function cellText(value: unknown, { name, type }: Pick<Column, 'name' | 'type'>): string {
  if (value === undefined || value === null || value === '') return unknown;
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'number' && name === 'daysLeft' && value < 0)
    return `expired ${numberText(-value)} ${value === -1 ? 'day' : 'days'} ago`;
  if (typeof value === 'number') return numberText(value);
  if (typeof value !== 'string') return JSON.stringify(value);
  return type === 'date' ? dayText(value) : wordsOf(value, name);
}

/** Whether a value of a column is something to look at: the state of a licence that ends. */
export const isWarning = (value: unknown, column: string): boolean => column === 'status' && value === 'Warning';

/** A text of a column, with Microsoft's identifiers in words. */
export function wordsOf(value: string, column: string): string {
  const words = Object.hasOwn(customerWords, column) ? customerWords[column] : undefined;
  if (words === undefined) return guestAddress(value);
  const several = column === 'methods' ? value.split(' ') : [value];
  return several.map((word) => words.get(word) ?? word).join(', ');
}

/** Entra writes the address of a guest into its user principal name: `ada_partner.example#EXT#@contoso.onmicrosoft.com`. */
const guestAddress = (text: string): string => text.replace(/^(.+)_([^_]+)#EXT#@.*$/, '$1@$2');

/** `+3`, `-2`, or nothing if it did not change or is not known. */
export function differenceText({ now, before }: Figure): string {
  if (before === undefined || now === before) return '';
  return `${now > before ? '+' : ''}${numberText(now - before)}`;
}

/** The most frequent values with their numbers, and how many others there are. */
export function countsText({ values }: NonNullable<Section['counts']>): string {
  const others = values.slice(countedValues);
  const rest = others.reduce((sum, [, count]) => sum + count, 0);
  return [
    ...values.slice(0, countedValues).map(([value, count]) => `${value} ${numberText(count)}`),
    ...(others.length === 0 ? [] : [`${others.length} others ${numberText(rest)}`]),
  ].join(', ');
}

/** How many rows were added, changed and removed, if the earlier rows are kept. */
export function changesText({ changes, changesCut }: Pick<Section, 'changes' | 'changesCut'>): string {
  if (changes === undefined) return 'the earlier rows are not kept any more';
  const parts = (['added', 'changed', 'removed'] as const).flatMap((kind) =>
    changes[kind] === 0 ? [] : [`${numberText(changes[kind])} ${kind}`],
  );
  return parts.length === 0 ? 'no row changed' : [...parts, ...(changesCut ? ['and more'] : [])].join(', ');
}

/** Names the row by its first two texts. Its state names no row, and it is what often changed. */
export function changedRow(change: Change, columns: readonly Column[]): string {
  const row = change.change === 'removed' ? change.before : change.after;
  const texts = columns.flatMap(({ name, type }) =>
    type === 'text' && name !== 'status' && row[name] ? [cellText(row[name], { name, type })] : [],
  );
  return texts.slice(0, 2).join(', ') || unknown;
}

/** What differs in the row. Columns that are not shown are named only. */
export function changedCells(change: Change, columns: readonly Column[]): string {
  if (change.change !== 'changed') return '';
  return change.columns
    .map((name) => {
      const column = columns.find((each) => each.name === name);
      if (column === undefined) return name;
      const text = (row: Readonly<Record<string, unknown>>): string => cellText(row[name], column);
      return `${column.title}: ${text(change.before)} → ${text(change.after)}`;
    })
    .join('; ');
}

/**
 * The report in a few sentences: how much needs the customer, and whether the partner changed something. That it changed nothing
 * is said only if no token went to people or applications and each request was answered, and as what the log has: it has nothing
 * of what the partner's people do in the portals of Microsoft.
 */
export function summaryText({ findings, work }: TenantReport): string {
  const n = findings.length;
  // There may be more than are shown.
  const first = n === mostFindings ? ' first' : '';
  return [
    n === 0 ? [] : `${n} ${n === 1 ? 'thing needs' : 'things need'} your attention${first}.`,
    work === undefined ? [] : [changedText(work), work.tokens ? directText : []].flat(),
  ]
    .flat()
    .join(' ');
}

const directText = 'What people and applications did with direct access is not on record.';

function changedText({ since, changes, unclear, tokens }: PartnerWork): string {
  const of = (count: number): string => `${numberText(count)} of our requests`;
  const day = dayText(since);
  const open = unclear === 0 ? '' : ` It is not known whether ${of(unclear)} did.`;
  if (changes > 0) return `Since ${day}, ${of(changes)} that can change your tenant succeeded.${open}`;
  if (unclear > 0) return `Since ${day}, no request of ours is known to have changed your tenant.${open}`;
  if (tokens) return `None of our requests has changed your tenant since ${day}.`;
  return `By our audit log, we have changed nothing in your tenant since ${day}.`;
}

/** From where it is known what a partner did, and how a customer can prove it. */
export function workText(work: PartnerWork | undefined): string {
  if (work === undefined) return 'This report does not say it: the audit log could not be read.';
  const since = dayText(work.since);
  if (work.deeds.length === 0) return `Our audit log has no access to your tenant since ${since}.`;
  return `From our audit log since ${since}; what we do in the portals of Microsoft is not in it. Ask us for its extract, and you can check that no record in it is missing or changed.`;
}

const kindTexts: Readonly<Record<Deed['kind'], readonly [title: string, note?: string]>> = {
  changed: ['Changed'],
  unclear: ['Not known whether it changed anything', 'Microsoft failed or did not answer.'],
  read: ['Checked or read'],
  direct: ['Direct access', 'What was done with it is not on record.'],
  approval: ['Approvals and emergencies'],
  none: ['Not done', 'None of these read or changed anything.'],
};

/** What a partner did, by what came of it. */
export const workGroups = ({ deeds }: PartnerWork) =>
  deedKinds.flatMap((kind) => {
    const [some, [title, note]] = [deeds.filter((deed) => deed.kind === kind), kindTexts[kind]];
    return some.length === 0 ? [] : [{ title, note, deeds: some }];
  });

/** The columns of {@link workCells}. */
export const workColumns: readonly Pick<Column, 'title' | 'type'>[] = [
  { title: 'What', type: 'text' },
  { title: 'Times', type: 'number' },
  { title: 'Last', type: 'date' },
];

/** A row of what a partner did. What was done with direct access is not known, so there stands what it permits. */
export function workCells({ kind, name, about, permissions, count, lastAt }: Deed): readonly string[] {
  const more = about ?? (kind === 'direct' ? permissionPhrase(permissions) : '');
  return [more === '' ? name : `${name}: ${more}`, numberText(count), dayText(lastAt)];
}

/** The permissions behind all that a partner did, in plain words and by Microsoft's names. Empty if none is known. */
export function permitsText(work: PartnerWork | undefined): readonly string[] {
  const all = [...new Set(work?.deeds.flatMap(({ permissions }) => permissions))].toSorted();
  return all.length === 0
    ? []
    : [`Together they ${permissionPhrase(all)}.`, `Microsoft calls these permissions: ${all.join(', ')}.`];
}

/** The title of {@link permitsText}. */
export const permitsTitle = 'What these accesses permit';

/** In which reports nothing was found. Empty if something was: silence would be good news. */
export function nothingFoundText({ findings, sections, createdAt }: TenantReport): string {
  const looked = sections.flatMap(({ job, title, asOf }) =>
    jobsWithRules.has(job) ? `${title}${ageText(asOf, Date.parse(createdAt))}` : [],
  );
  return findings.length > 0 || looked.length === 0
    ? ''
    : `Nothing that needs attention was found in: ${looked.join(', ')}.`;
}

/** Which reports could not be read, and why: those that were tried, and those that look for what needs attention. */
export const unreadIn = ({ gaps }: TenantReport): readonly (readonly [titles: string, reason: string])[] =>
  gaps.flatMap(({ outcome, reason, jobs }) => {
    const some = jobs.filter(({ job }) => outcome !== undefined || jobsWithRules.has(job));
    return some.length === 0 ? [] : [[some.map(gapText).join(', '), reason] as const];
  });

/** Both in sentences. */
export function checkedText(report: TenantReport): string {
  const unread = unreadIn(report).map(([titles, reason]) => `${titles} (${reason.replace(/\.$/, '')})`);
  const missing = unread.length === 0 ? '' : `Could not be read: ${unread.join('; ')}.`;
  return `${nothingFoundText(report)} ${missing}`.trim();
}

/** `Users, since 1 Nov 2026`: the day of its rows in the report. */
const gapText = ({ title, asOf }: Gap['jobs'][number]): string =>
  asOf === undefined ? title : `${title} since ${dayText(asOf)}`;

/** The days that a report is about: `2 Nov to 2 Dec 2026`. */
export function reportDays({ createdAt }: TenantReport): string {
  const [from, to] = [Date.parse(createdAt) - comparedDays * dayMs, Date.parse(createdAt)].map((ms) =>
    dayText(new Date(ms).toISOString()),
  );
  const year = to?.slice(-5) ?? '';
  return `${from?.endsWith(year) ? from.slice(0, -5) : from} to ${to}`;
}

/** Where the rows come from, and in which zone days are: `Data from 23 Nov 2026 to 24 Nov 2026. …` */
export function periodText({ sections }: TenantReport): string {
  const times = sections.map(({ asOf }) => asOf).toSorted();
  const [first, last] = [times[0], times.at(-1)].map((iso) => iso && dayText(iso));
  if (first === undefined || last === undefined) return 'There are no data yet.';
  return `${first === last ? `Data of ${first}` : `Data from ${first} to ${last}`}. Days are in the time zone ${zoneText()}.`;
}

/** Whether and how long the broker reaches the customer. */
export function accessText({ access, relationshipEndsAt: end, createdAt }: TenantReport): string {
  if (end === undefined) return access;
  return `${access} It ${end < createdAt ? 'ended' : 'ends'} on ${dayText(end)}.`;
}

/** The jobs of a gap: `Users (user-report)`. */
export const jobsText = ({ jobs }: Gap): string => jobs.map((of) => `${gapText(of)} (${of.job})`).join(', ');
