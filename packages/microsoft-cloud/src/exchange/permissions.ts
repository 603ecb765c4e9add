import type { Row } from '../graph/declaration.ts';
import { perTenant, randomOf, type TenantFacts } from '../population/graph/facts.ts';
import { type MailboxData, mailboxesOf } from '../population/graph/usage-data.ts';
import { pick } from '../seeded.ts';
import { permissionKey } from './changes.ts';
import type { Cmdlet, CmdletContext } from './cmdlet.ts';
import { missingParameter, wrongValue } from './exchange-error.ts';
import { findMailbox, mailboxesIn } from './mailboxes.ts';

/** Rights on a mailbox. Source: parameter `AccessRights` of Add-MailboxPermission. */
const mailboxRights = [
  'ChangeOwner',
  'ChangePermission',
  'DeleteItem',
  'ExternalAccount',
  'FullAccess',
  'ReadPermission',
] as const;

interface Delegate {
  readonly mailbox: MailboxData;
  readonly user: MailboxData;
}

/** Who may open a shared mailbox, and send as it, from the seed: one or two people for each. */
const delegatesOf = perTenant((facts: TenantFacts): readonly Delegate[] => {
  const people = mailboxesOf(facts).filter(({ profile }) => !profile.isSharedMailbox);
  if (people.length === 0) return [];
  return mailboxesOf(facts)
    .filter(({ profile }) => profile.isSharedMailbox)
    .flatMap((mailbox) => {
      const random = randomOf(facts, 'delegates', mailbox.profile.index);
      return [...new Set([pick(random, people), pick(random, people)])].map((user) => ({ mailbox, user }));
    });
});

const permissionRow = (mailboxId: string, user: string, accessRights: readonly string[]): Row => ({
  Identity: mailboxId,
  User: user,
  AccessRights: accessRights,
  Deny: false,
  InheritanceType: 'All',
  IsInherited: false,
});

/** `Get-MailboxPermission`: the owner, the delegates of the seed, and those who were added. */
function mailboxPermissions(context: CmdletContext): readonly Row[] {
  const { facts, changes, parameters } = context;
  const mailbox = findMailbox(context);
  const mailboxId = mailbox.profile.user.id;
  const seeded = delegatesOf(facts)
    .filter((delegate) => delegate.mailbox === mailbox)
    .filter(({ user }) => !changes.removedPermissions.has(permissionKey(mailboxId, user.profile.user.id, 'FullAccess')))
    .map(({ user }) => permissionRow(mailboxId, user.profile.user.userPrincipalName, ['FullAccess']));
  const added = [...changes.permissions.values()]
    .filter((permission) => permission.mailboxId === mailboxId)
    .map(({ userId, accessRights }) => permissionRow(mailboxId, nameOf(facts, userId), accessRights));
  const rows = [
    permissionRow(mailboxId, 'NT AUTHORITY\\SELF', ['FullAccess', 'ReadPermission']),
    ...remnantsOf(facts, mailbox),
    ...seeded,
    ...added,
  ];
  if (!parameters.has('User')) return rows;
  const user = findMailbox(context, 'User').profile.user.userPrincipalName;
  return rows.filter((row) => row['User'] === user);
}

/** What is left of a deleted user, who has only a security identifier, or what the organization denies. */
function remnantsOf(facts: TenantFacts, { profile }: MailboxData): readonly Row[] {
  const kind = randomOf(facts, 'permission remnants', profile.index)() * 50;
  const deleted = 'S-1-5-21-1004336348-1177238915-682003330-1001';
  if (kind < 1) return [permissionRow(profile.user.id, deleted, ['FullAccess', 'ReadPermission'])];
  const denied = { ...permissionRow(profile.user.id, 'Former Administrators', ['FullAccess']), Deny: true };
  return kind < 2 ? [{ ...denied, IsInherited: true }] : [];
}

const nameOf = (facts: TenantFacts, userId: string): string =>
  facts.users.find(({ id }) => id === userId)?.userPrincipalName ?? userId;

/** `Get-RecipientPermission`: who may send as a mailbox. */
function recipientPermissions(context: CmdletContext): readonly Row[] {
  const { facts, parameters } = context;
  const only = parameters.has('Identity') ? findMailbox(context) : undefined;
  const trustee = parameters.has('Trustee') ? findMailbox(context, 'Trustee') : undefined;
  const row = (mailbox: MailboxData, name: string): Row => ({
    Identity: mailbox.profile.user.id,
    Trustee: name,
    AccessControlType: 'Allow',
    AccessRights: ['SendAs'],
    IsInherited: false,
    InheritanceType: 'None',
  });
  const own = mailboxesIn(context).map((mailbox) => ({ mailbox, user: undefined }));
  return [...own, ...delegatesOf(facts)]
    .filter(({ mailbox, user }) => (only ?? mailbox) === mailbox && (trustee === undefined || trustee === user))
    .map(({ mailbox, user }) => row(mailbox, user?.profile.user.userPrincipalName ?? 'NT AUTHORITY\\SELF'));
}

/** The rights of a request, spelled as Exchange spells them. */
function rightsOf({ parameters }: CmdletContext): readonly string[] {
  const asked = parameters.texts('AccessRights').flatMap((text) => text.split(',').map((right) => right.trim()));
  if (asked.length === 0) throw missingParameter('AccessRights');
  return asked.map((right) => {
    const known = mailboxRights.find((each) => each.toLowerCase() === right.toLowerCase());
    if (known === undefined) throw wrongValue('AccessRights', right, 'Microsoft.Exchange.Management.MailboxRights[]');
    return known;
  });
}

const isSeeded = (facts: TenantFacts, mailbox: MailboxData, user: MailboxData): boolean =>
  delegatesOf(facts).some((delegate) => delegate.mailbox === mailbox && delegate.user === user);

/** `Add-MailboxPermission`. Rights that the user has already are kept. */
function addPermission(context: CmdletContext): readonly Row[] {
  const { facts, changes } = context;
  const [mailbox, user] = [findMailbox(context), findMailbox(context, 'User')];
  const [mailboxId, userId] = [mailbox.profile.user.id, user.profile.user.id];
  const rights = rightsOf(context);
  const rest = rights.filter((right) => {
    const key = permissionKey(mailboxId, userId, right);
    if (right !== 'FullAccess' || !isSeeded(facts, mailbox, user)) return true;
    if (!changes.removedPermissions.delete(key))
      context.warn('The appropriate access control entry is already present on the object.');
    return false;
  });
  if (rest.length > 0) {
    const key = permissionKey(mailboxId, userId, '');
    const before = changes.permissions.get(key)?.accessRights ?? [];
    const accessRights = [...new Set([...before, ...rest])];
    if (accessRights.length === before.length)
      context.warn('The appropriate access control entry is already present on the object.');
    changes.permissions.set(key, { mailboxId, userId, accessRights });
  }
  return [permissionRow(mailboxId, user.profile.user.userPrincipalName, rights)];
}

/** `Remove-MailboxPermission`. Warns, as Exchange does, if the user does not have the right. */
function removePermission(context: CmdletContext): readonly Row[] {
  const { facts, changes } = context;
  const [mailbox, user] = [findMailbox(context), findMailbox(context, 'User')];
  const [mailboxId, userId] = [mailbox.profile.user.id, user.profile.user.id];
  const key = permissionKey(mailboxId, userId, '');
  for (const right of rightsOf(context)) {
    const seededKey = permissionKey(mailboxId, userId, right);
    const before = changes.permissions.get(key)?.accessRights ?? [];
    if (before.includes(right)) {
      const accessRights = before.filter((each) => each !== right);
      if (accessRights.length === 0) changes.permissions.delete(key);
      else changes.permissions.set(key, { mailboxId, userId, accessRights });
    } else if (right === 'FullAccess' && isSeeded(facts, mailbox, user) && !changes.removedPermissions.has(seededKey)) {
      changes.removedPermissions.add(seededKey);
    } else {
      context.warn("Can't remove the access control entry on the object because it isn't present.");
    }
  }
  return [];
}

const writeParameters = ['Identity', 'User', 'AccessRights', 'InheritanceType', 'AutoMapping'];

export const permissionCmdlets: readonly Cmdlet[] = [
  {
    kind: 'read',
    name: 'Get-MailboxPermission',
    parameters: ['Identity', 'User', 'Owner'],
    isLimited: true,
    rows: mailboxPermissions,
  },
  {
    kind: 'read',
    name: 'Get-RecipientPermission',
    parameters: ['Identity', 'Trustee', 'AccessRights'],
    isLimited: true,
    rows: recipientPermissions,
  },
  { kind: 'write', name: 'Add-MailboxPermission', parameters: writeParameters, run: addPermission },
  { kind: 'write', name: 'Remove-MailboxPermission', parameters: writeParameters, run: removePermission },
];
