import { dayText, zoneText } from '../../core/day-text.ts';
import type { PartnerWork } from './partner-work.ts';
import type { Figure, Gap, Section, TenantReport } from './read-report.ts';

type Column = Section['columns'][number];
type Change = Section['changed'][number];

/** A value that is not known. */
const unknown = '–';
/** Values of a column, and permissions, that are named. */
const [countedValues, countedPermissions] = [8, 3];

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
    type === 'text' && name !== 'status' && row[name] ? [String(row[name])] : [],
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

/** What a partner did: `Since 1 Nov 2026, the partner had access 120 times, with no request to change something.` */
export function workText({ since, purposes, changes, approvals, refused }: PartnerWork): string {
  const served = purposes.reduce((sum, { count }) => sum + count, 0);
  const some = (n: number, one: string): string => `${numberText(n)} ${one}${n === 1 ? '' : 's'}`;
  const approved = approvals === 0 ? '' : ` and ${some(approvals, 'approval')} by a second person`;
  const denied = refused === 0 ? '' : ` ${some(refused, 'more time')} it was refused, and nothing was sent.`;
  return served === 0 && refused === 0
    ? `Since ${dayText(since)}, the partner asked for no access.`
    : `Since ${dayText(since)}, the partner had access ${some(served, 'time')}, with ${changes === 0 ? 'no request' : some(changes, 'request')} to change something${approved}.${denied}`;
}

/** How a customer can prove it. */
export const proofText =
  'Each is on record, and the order of the records is signed. Ask for the extract of the log: you can check yourself that no record is missing or changed.';

/** If there are rows and no finding. */
export const nothingText = 'Nothing needs attention in these reports.';

/** The first permissions, and how many others there are. */
export function permissionsText(permissions: readonly string[]): string {
  const others = permissions.length - countedPermissions;
  if (permissions.length === 0) return 'none';
  return [...permissions.slice(0, countedPermissions), ...(others > 0 ? [`${others} others`] : [])].join(', ');
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
export const jobsText = ({ jobs }: Gap): string => jobs.map(({ job, title }) => `${title} (${job})`).join(', ');
