import type { Row } from '../graph/declaration.ts';
import { idOf, randomOf } from '../population/graph/facts.ts';
import type { MailboxData } from '../population/graph/usage-data.ts';
import type { Cmdlet, CmdletContext } from './cmdlet.ts';
import { missingParameter, objectExists, objectNotFound, wrongValue } from './exchange-error.ts';
import { exchangeTime, sizeText } from './format.ts';
import { findMailbox } from './mailboxes.ts';

/** The folders of every mailbox, with their share of its items. Source: "Get-MailboxFolderStatistics", `FolderScope`. */
const folders = [
  { name: 'Top of Information Store', type: 'Root', share: 0 },
  { name: 'Calendar', type: 'Calendar', share: 0.05 },
  { name: 'Contacts', type: 'Contacts', share: 0.01 },
  { name: 'Deleted Items', type: 'DeletedItems', share: 0 },
  { name: 'Drafts', type: 'Drafts', share: 0.01 },
  { name: 'Inbox', type: 'Inbox', share: 0.6 },
  { name: 'Junk Email', type: 'JunkEmail', share: 0.03 },
  { name: 'Sent Items', type: 'SentItems', share: 0.3 },
  { name: 'Recoverable Items', type: 'RecoverableItemsRoot', share: 0 },
] as const;

type Folder = (typeof folders)[number];

const pathOf = ({ name, type }: Folder): string => (type === 'Root' ? '/' : `/${name}`);

/** `Get-MailboxFolderStatistics`: items of the mailbox by folder. The sums are those of Get-MailboxStatistics. */
function folderStatistics(context: CmdletContext): readonly Row[] {
  const { facts, parameters } = context;
  const mailbox = findMailbox(context);
  const scope = parameters.text('FolderScope')?.toLowerCase();
  const isKnown = scope === undefined || scope === 'all' || folders.some(({ type }) => type.toLowerCase() === scope);
  if (!isKnown) throw wrongValue('FolderScope', scope, 'Microsoft.Exchange.Data.Directory.ElcFolderType');
  // What the shares leave over is in the inbox, so that the sums are right.
  const rest = (total: number): number =>
    total - folders.reduce((sum, { share, type }) => sum + (type === 'Inbox' ? 0 : Math.floor(total * share)), 0);
  const countOf = (total: number, { share, type }: Folder): number =>
    type === 'Inbox' ? rest(total) : Math.floor(total * share);
  const wanted = folders.filter(({ type }) => scope === undefined || scope === 'all' || type.toLowerCase() === scope);
  return wanted.map((folder) => {
    const isDeleted = folder.type === 'DeletedItems';
    const items = isDeleted ? mailbox.deletedItemCount : countOf(mailbox.itemCount, folder);
    const bytes = isDeleted ? mailbox.deletedBytes : countOf(mailbox.usedBytes, folder);
    const subfolders = folder.type === 'Root' ? mailbox.itemCount : items;
    return {
      Identity: `${mailbox.profile.user.id}\\${folder.type === 'Root' ? '' : folder.name}`,
      Name: folder.name,
      FolderId: idOf(facts, 'folder', mailbox.profile.index, folder.name),
      FolderPath: pathOf(folder),
      FolderType: folder.type,
      FolderSize: sizeText(bytes),
      FolderAndSubfolderSize: sizeText(folder.type === 'Root' ? mailbox.usedBytes : bytes),
      ItemsInFolder: items,
      ItemsInFolderAndSubfolders: subfolders,
      DeletedItemsInFolder: 0,
      HiddenItemsInFolder: 0,
      ...datesOf(context, mailbox, items),
    };
  });
}

/** Only with `IncludeOldestAndNewestItems`. */
function datesOf({ facts, parameters }: CmdletContext, mailbox: MailboxData, items: number): Row {
  if (parameters.flag('IncludeOldestAndNewestItems') !== true) return {};
  const newestMs = mailbox.lastActivityMs ?? facts.startMs;
  return {
    OldestItemReceivedDate: items === 0 ? null : exchangeTime(Math.min(mailbox.createdMs, newestMs)),
    NewestItemReceivedDate: items === 0 ? null : exchangeTime(newestMs),
  };
}

/** Rights and roles on a folder. Source: parameter `AccessRights` of Add-MailboxFolderPermission. */
const folderRights: readonly string[] = [
  'Author',
  'AvailabilityOnly',
  'Contributor',
  'CreateItems',
  'CreateSubfolders',
  'DeleteAllItems',
  'DeleteOwnedItems',
  'EditAllItems',
  'EditOwnedItems',
  'Editor',
  'FolderContact',
  'FolderOwner',
  'FolderVisible',
  'LimitedDetails',
  'NonEditingAuthor',
  'None',
  'Owner',
  'PublishingAuthor',
  'PublishingEditor',
  'ReadItems',
  'Reviewer',
];

interface Place {
  readonly mailbox: MailboxData;
  readonly folder: Folder;
}

/** `mailbox:\Calendar`; without a folder, the root of the mailbox. @throws ExchangeError 404 for what does not exist. */
function placeOf(context: CmdletContext): Place {
  const identity = context.parameters.required('Identity');
  const [, address = identity, path = ''] = /^(.*?):\\(.*)$/s.exec(identity) ?? [];
  const mailbox = findMailbox(context, 'Identity', address);
  const name = path.replace(/^\\/, '').toLowerCase();
  const folder = folders.find((each) => (name === '' ? each.type === 'Root' : each.name.toLowerCase() === name));
  if (folder === undefined) throw objectNotFound(identity);
  return { mailbox, folder };
}

const kindOf = ({ folder }: Place): string => `folder ${folder.name}`;

/** User → rights. `Default` and `Anonymous` are there from the start. */
function rightsIn({ changes, facts }: CmdletContext, place: Place): ReadonlyMap<string, readonly string[]> {
  const { mailbox, folder } = place;
  const isShown = folder.type === 'Calendar' && randomOf(facts, 'calendar', mailbox.profile.index)() < 0.9;
  const start: Row = { Default: [isShown ? 'AvailabilityOnly' : 'None'], Anonymous: ['None'] };
  const kept = Object.entries({ ...start, ...changes.of(kindOf(place), mailbox.profile.user.id) });
  return new Map(kept.flatMap(([user, rights]) => (rights === null ? [] : [[user, rights as readonly string[]]])));
}

const permissionRow = ({ mailbox, folder }: Place, user: string, rights: readonly string[]): Row => ({
  Identity: `${mailbox.profile.user.userPrincipalName}:\\${folder.type === 'Root' ? '' : folder.name}`,
  FolderName: folder.name,
  User: user,
  AccessRights: rights,
  SharingPermissionFlags: null,
});

/** Who a permission is for: a special user, or the owner of a mailbox. @throws ExchangeError */
function userIn(context: CmdletContext): string {
  const name = context.parameters.required('User');
  const special = ['Default', 'Anonymous'].find((each) => each.toLowerCase() === name.toLowerCase());
  return special ?? findMailbox(context, 'User').profile.user.userPrincipalName;
}

function askedRights({ parameters }: CmdletContext): readonly string[] {
  const asked = parameters.texts('AccessRights').flatMap((text) => text.split(',').map((right) => right.trim()));
  if (asked.length === 0) throw missingParameter('AccessRights');
  return asked.map((right) => {
    const known = folderRights.find((each) => each.toLowerCase() === right.toLowerCase());
    if (known === undefined)
      throw wrongValue('AccessRights', right, 'Microsoft.Exchange.Management.StoreTasks.MailboxFolderAccessRight[]');
    return known;
  });
}

/** @param needed whether the user must have a permission before, or must not. */
const writeCmdlet = (name: string, needed: 'present' | 'absent', rights: 'asked' | 'none'): Cmdlet => ({
  kind: 'write',
  name,
  parameters: [
    'Identity',
    'User',
    'SendNotificationToUser',
    ...(rights === 'asked' ? ['AccessRights', 'SharingPermissionFlags'] : []),
  ],
  run: (context) => {
    const place = placeOf(context);
    const user = userIn(context);
    const isThere = rightsIn(context, place).has(user);
    if (isThere && needed === 'absent') throw objectExists(`An existing permission entry was found for user: ${user}.`);
    if (!isThere && needed === 'present') throw objectNotFound(user);
    const asked = rights === 'asked' ? askedRights(context) : null;
    context.changes.change(kindOf(place), place.mailbox.profile.user.id, { [user]: asked });
    return asked === null || needed === 'present' ? [] : [permissionRow(place, user, asked)];
  },
});

function folderPermissions(context: CmdletContext): readonly Row[] {
  const place = placeOf(context);
  const only = context.parameters.has('User') ? userIn(context) : undefined;
  return [...rightsIn(context, place)]
    .filter(([user]) => only === undefined || user === only)
    .map(([user, rights]) => permissionRow(place, user, rights));
}

export const folderCmdlets: readonly Cmdlet[] = [
  {
    kind: 'read',
    name: 'Get-MailboxFolderStatistics',
    parameters: ['Identity', 'FolderScope', 'IncludeOldestAndNewestItems', 'Archive'],
    isLimited: true,
    rows: folderStatistics,
  },
  {
    kind: 'read',
    name: 'Get-MailboxFolderPermission',
    parameters: ['Identity', 'User'],
    isLimited: true,
    rows: folderPermissions,
  },
  writeCmdlet('Add-MailboxFolderPermission', 'absent', 'asked'),
  writeCmdlet('Set-MailboxFolderPermission', 'present', 'asked'),
  writeCmdlet('Remove-MailboxFolderPermission', 'present', 'none'),
];
