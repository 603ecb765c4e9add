import type { Row } from '../graph/declaration.ts';
import { hourMs, idOf, randomOf, type TenantFacts } from '../population/graph/facts.ts';
import { type MailboxData, mailboxesOf } from '../population/graph/usage-data.ts';
import { contactRows } from '../population/graph/tenant-rows.ts';
import { profilesOf } from '../population/graph/user-profiles.ts';
import { pick } from '../seeded.ts';
import { type Cmdlet, type CmdletContext, recipientCmdlet } from './cmdlet.ts';
import { objectNotFound } from './exchange-error.ts';
import { distinguishedNameOf, exchangeTime, legacyNameOf, sizeText, unitOf } from './format.ts';
import { forwardingsOf } from './forwarding.ts';
import { findRow } from './select-rows.ts';

/** What all cmdlets about a recipient with an account return. */
export function accountProperties(facts: TenantFacts, { profile, createdMs }: MailboxData, changes: Row): Row {
  const { user, isSharedMailbox } = profile;
  const alias = user.userPrincipalName.split('@')[0] ?? '';
  const initial = `${alias}@${facts.initialDomain}`;
  return {
    Identity: user.id,
    Id: user.id,
    Name: user.id,
    Alias: alias,
    DisplayName: user.displayName,
    DistinguishedName: distinguishedNameOf(facts, user.id),
    EmailAddresses: [
      `SMTP:${user.userPrincipalName}`,
      ...(initial === user.userPrincipalName ? [] : [`smtp:${initial}`]),
    ],
    ExternalDirectoryObjectId: user.id,
    Guid: idOf(facts, 'recipient', profile.index),
    OrganizationalUnit: unitOf(facts),
    PrimarySmtpAddress: user.userPrincipalName,
    RecipientType: 'UserMailbox',
    RecipientTypeDetails: changes['RecipientTypeDetails'] ?? (isSharedMailbox ? 'SharedMailbox' : 'UserMailbox'),
    WindowsEmailAddress: user.userPrincipalName,
    WhenChanged: exchangeTime(facts.startMs - 24 * hourMs),
    WhenCreated: exchangeTime(createdMs),
  };
}

/** `Get-Mailbox`. */
export function mailboxRow({ facts, changes }: CmdletContext, mailbox: MailboxData): Row {
  const { profile } = mailbox;
  const { user } = profile;
  const changed = changes.of('mailbox', user.id);
  const forwarding = forwardingsOf(facts).get(user.id);
  return {
    ...accountProperties(facts, mailbox, changed),
    UserPrincipalName: user.userPrincipalName,
    ExchangeGuid: mailbox.exchangeGuid,
    LegacyExchangeDN: legacyNameOf(user.id),
    AccountDisabled: !user.accountEnabled,
    ...archiveProperties(mailbox),
    ...auditProperties(facts, mailbox),
    ...holdProperties,
    ...quotaProperties(mailbox),
    DeliverToMailboxAndForward: forwarding?.keepsCopy ?? false,
    ForwardingAddress: forwarding?.recipient ?? null,
    ForwardingSmtpAddress: forwarding?.smtp === undefined ? null : `smtp:${forwarding.smtp}`,
    GrantSendOnBehalfTo: onBehalfOf(facts, mailbox),
    HiddenFromAddressListsEnabled: false,
    IsDirSynced: profile.isSynced,
    IsMailboxEnabled: true,
    IsResource: false,
    IsShared: profile.isSharedMailbox,
    MessageCopyForSendOnBehalfEnabled: false,
    MessageCopyForSentAsEnabled: false,
    Office: profile.place?.office ?? '',
    RoleAssignmentPolicy: 'Default Role Assignment Policy',
    SharingPolicy: 'Default Sharing Policy',
    SKUAssigned: user.licences.length > 0 ? true : null,
    UsageLocation: user.licences.length > 0 ? 'United Kingdom' : null,
    WhenMailboxCreated: exchangeTime(mailbox.createdMs),
    ...changed,
  };
}

/** Names of those who may send on behalf of a mailbox: an assistant of a few. */
function onBehalfOf(facts: TenantFacts, { profile }: MailboxData): readonly string[] {
  const random = randomOf(facts, 'on behalf', profile.index);
  const assistant = pick(random, mailboxesOf(facts)).profile;
  return random() < 0.06 && assistant !== profile ? [assistant.user.id] : [];
}

const archiveProperties = ({ archiveGuid, profile }: MailboxData): Row => ({
  ArchiveGuid: archiveGuid ?? '00000000-0000-0000-0000-000000000000',
  ArchiveName: archiveGuid === undefined ? [] : [`In-Place Archive - ${profile.user.displayName}`],
  ArchiveState: archiveGuid === undefined ? 'None' : 'Local',
  ArchiveStatus: archiveGuid === undefined ? 'None' : 'Active',
  AutoExpandingArchiveEnabled: false,
});

/** Somebody has chosen the owner's actions of a few mailboxes, which ends the default for them ("Manage mailbox auditing"). */
const auditProperties = (facts: TenantFacts, { profile }: MailboxData): Row => ({
  AuditEnabled: true,
  AuditLogAgeLimit: '90.00:00:00',
  DefaultAuditSet:
    randomOf(facts, 'audit set', profile.index)() < 0.02 ? ['Admin', 'Delegate'] : ['Admin', 'Delegate', 'Owner'],
});

/** `Get-MailboxAuditBypassAssociation`: every account, and whether its actions are recorded. */
const auditBypassRows = ({ facts }: CmdletContext): readonly Row[] =>
  profilesOf(facts).map(({ user, index }) => ({
    Identity: user.id,
    Name: user.id,
    Guid: idOf(facts, 'recipient', index),
    ObjectId: user.id,
    AuditBypassEnabled: randomOf(facts, 'audit bypass', index)() < 0.01,
  }));

const holdProperties: Row = {
  InPlaceHolds: [],
  LitigationHoldDate: null,
  LitigationHoldDuration: 'Unlimited',
  LitigationHoldEnabled: false,
  LitigationHoldOwner: '',
  RetainDeletedItemsFor: '14.00:00:00',
  RetentionHoldEnabled: false,
  RetentionPolicy: 'Default MRM Policy',
  SingleItemRecoveryEnabled: true,
};

const quotaProperties = (mailbox: MailboxData): Row => ({
  IssueWarningQuota: sizeText(mailbox.warningQuotaBytes),
  ProhibitSendQuota: sizeText(mailbox.sendQuotaBytes),
  ProhibitSendReceiveQuota: sizeText(mailbox.receiveQuotaBytes),
  MaxReceiveSize: sizeText(36 * 1024 * 1024),
  MaxSendSize: sizeText(35 * 1024 * 1024),
});

/** `Get-CASMailbox`: which protocols a mailbox may use. */
export function casRow({ facts, changes }: CmdletContext, mailbox: MailboxData): Row {
  const { user } = mailbox.profile;
  const account = accountProperties(facts, mailbox, changes.of('mailbox', user.id));
  return {
    Identity: account['Identity'],
    Name: account['Name'],
    DisplayName: account['DisplayName'],
    DistinguishedName: account['DistinguishedName'],
    EmailAddresses: account['EmailAddresses'],
    ExternalDirectoryObjectId: user.id,
    Guid: account['Guid'],
    PrimarySmtpAddress: user.userPrincipalName,
    ActiveSyncAllowedDeviceIDs: [],
    ActiveSyncEnabled: true,
    ActiveSyncMailboxPolicy: 'Default',
    ECPEnabled: true,
    EwsEnabled: true,
    ImapEnabled: mailbox.isLegacyOpen,
    MacOutlookEnabled: true,
    MAPIEnabled: true,
    OneWinNativeOutlookEnabled: true,
    OutlookMobileEnabled: true,
    OWAEnabled: true,
    OWAforDevicesEnabled: true,
    OwaMailboxPolicy: 'OwaMailboxPolicy-Default',
    PopEnabled: mailbox.isLegacyOpen,
    SmtpClientAuthenticationDisabled: null,
    UniversalOutlookEnabled: true,
    ...changes.of('cas', user.id),
  };
}

/** The mailboxes of the seed, and those that were created. */
export const mailboxesIn = ({ facts, changes }: Pick<CmdletContext, 'facts' | 'changes'>): readonly MailboxData[] =>
  changes.mailboxes.length === 0 ? mailboxesOf(facts) : [...mailboxesOf(facts), ...changes.mailboxes];

const mailboxRows = (context: CmdletContext): readonly Row[] =>
  mailboxesIn(context).map((mailbox) => mailboxRow(context, mailbox));

const withDelegateNames = (rows: readonly Row[]): readonly Row[] => {
  const names = new Map(rows.map(({ Identity: id, DisplayName: name }) => [id, name]));
  return rows.map((row) => ({
    ...row,
    GrantSendOnBehalfToWithDisplayNames: (row['GrantSendOnBehalfTo'] as readonly unknown[]).map((id) => names.get(id)),
  }));
};

/** No mailbox of the cloud is inactive or deleted. */
function selectedMailboxes(context: CmdletContext): readonly Row[] {
  const { parameters } = context;
  if (parameters.flag('InactiveMailboxOnly') === true || parameters.flag('SoftDeletedMailbox') === true) return [];
  const rows =
    parameters.flag('IncludeGrantSendOnBehalfToWithDisplayNames') === true
      ? withDelegateNames(mailboxRows(context))
      : mailboxRows(context);
  return parameters.flag('Archive') === true ? rows.filter(({ ArchiveStatus: status }) => status === 'Active') : rows;
}

/** The mailbox that a parameter names, or a part of it. @throws ExchangeError 404 for none, 400 for several. */
export function findMailbox(
  context: CmdletContext,
  parameter = 'Identity',
  identity = context.parameters.required(parameter),
): MailboxData {
  const mailboxes = mailboxesIn(context);
  // Reports ask about every mailbox, so that the usual names do without the rows of all.
  const named = mailboxes.find(({ profile: { user } }) => user.id === identity || user.userPrincipalName === identity);
  if (named !== undefined) return named;
  const row = findRow(mailboxRows(context), identity);
  const found = mailboxes.find(({ profile }) => profile.user.id === row['ExternalDirectoryObjectId']);
  if (found === undefined) throw objectNotFound(identity);
  return found;
}

/** `Get-MailboxStatistics`. With `Archive`, the statistics of the archive, which a mailbox may not have. */
function statisticsRow(context: CmdletContext): Row {
  const mailbox = findMailbox(context);
  const { facts, parameters } = context;
  const isArchive = parameters.flag('Archive') === true;
  if (isArchive && mailbox.archiveGuid === undefined) throw objectNotFound(parameters.required('Identity'));
  const share = isArchive ? randomOf(facts, 'archive', mailbox.profile.index)() : 1;
  const { lastActivityMs } = mailbox;
  return {
    DisplayName: mailbox.profile.user.displayName,
    DeletedItemCount: Math.floor(mailbox.deletedItemCount * share),
    IsArchiveMailbox: isArchive,
    ItemCount: Math.floor(mailbox.itemCount * share),
    LastInteractionTime: lastActivityMs === undefined ? null : exchangeTime(lastActivityMs),
    LastLogonTime: lastActivityMs === undefined ? null : exchangeTime(lastActivityMs),
    LastUserActionTime: lastActivityMs === undefined ? null : exchangeTime(lastActivityMs),
    MailboxGuid: isArchive ? mailbox.archiveGuid : mailbox.exchangeGuid,
    MailboxTypeDetail: mailbox.profile.isSharedMailbox ? 'SharedMailbox' : 'UserMailbox',
    OwnerADGuid: mailbox.profile.user.id,
    StorageLimitStatus: null,
    TotalDeletedItemSize: sizeText(Math.floor(mailbox.deletedBytes * share)),
    TotalItemSize: sizeText(Math.floor(mailbox.usedBytes * share)),
  };
}

/**
 * `Get-InboxRule`: mailboxes that forward have a rule that forwards, and some have one that moves messages, deletes them, or
 * hands them to a colleague or a contact.
 */
function inboxRules(context: CmdletContext): readonly Row[] {
  const mailbox = findMailbox(context, 'Mailbox');
  const { facts } = context;
  const { user, index } = mailbox.profile;
  const random = randomOf(facts, 'inbox rules', index);
  const rule = (at: number, name: string, more: Row): Row => {
    const id = String(BigInt(`0x${idOf(facts, 'inbox rule', index, at).replaceAll('-', '').slice(0, 15)}`));
    return {
      Identity: `${user.id}\\${id}`,
      Name: name,
      RuleIdentity: id,
      Priority: at + 1,
      Enabled: true,
      InError: false,
      MailboxOwnerId: user.id,
      Description: name,
      DeleteMessage: false,
      ForwardAsAttachmentTo: null,
      ForwardTo: null,
      MarkAsRead: false,
      MoveToFolder: null,
      RedirectTo: null,
      StopProcessingRules: true,
      SubjectContainsWords: null,
      ...more,
    };
  };
  const forwarding = mailbox.forwardingAddress;
  return [
    ...(forwarding === undefined ? [] : [rule(0, 'Forward', { ForwardTo: [`"${forwarding}" [SMTP:${forwarding}]`] })]),
    ...(random() < 0.3
      ? [rule(1, 'Newsletters', { MoveToFolder: 'Newsletters', SubjectContainsWords: ['newsletter'] })]
      : []),
    ...unusualRules(context, mailbox).map((more, at) => rule(2 + at, ['.', 'Clean up', 'Copies'][at] ?? '', more)),
  ];
}

/** Rules that look like those of an attacker, some of which an attacker made. */
function unusualRules({ facts }: CmdletContext, { profile }: MailboxData): readonly Row[] {
  const random = randomOf(facts, 'unusual inbox rules', profile.index);
  const kind = random() * 50;
  const colleague = pick(random, mailboxesOf(facts)).profile.user;
  const contact = contactRows(facts)[0];
  const inList = (name: string, id: string): string => `"${name}" [EX:${legacyNameOf(id)}]`;
  const words = { SubjectContainsWords: ['invoice', 'payment'] };
  if (kind < 1)
    return [
      { ...words, MarkAsRead: true, MoveToFolder: 'RSS Feeds' },
      { ...words, DeleteMessage: true },
    ];
  if (kind < 2) return [{ DeleteMessage: true, Enabled: false }];
  if (kind < 3) return [{ RedirectTo: [inList(colleague.displayName, colleague.id)] }];
  if (kind < 4 && contact !== undefined)
    return [{ ForwardAsAttachmentTo: [inList(String(contact['displayName']), String(contact['id']))] }];
  return [];
}

export const mailboxCmdlets: readonly Cmdlet[] = [
  recipientCmdlet('Get-Mailbox', selectedMailboxes, {
    parameters: [
      'Archive',
      'InactiveMailboxOnly',
      'IncludeGrantSendOnBehalfToWithDisplayNames',
      'IncludeInactiveMailbox',
      'SoftDeletedMailbox',
    ],
  }),
  recipientCmdlet('Get-CASMailbox', (context) => mailboxesIn(context).map((mailbox) => casRow(context, mailbox))),
  {
    kind: 'read',
    name: 'Get-MailboxStatistics',
    parameters: ['Identity', 'Archive', 'IncludeSoftDeletedRecipients'],
    rows: (context) => [statisticsRow(context)],
  },
  {
    kind: 'read',
    name: 'Get-MailboxAuditBypassAssociation',
    keys: ['Identity', 'Name', 'Guid'],
    parameters: ['Identity'],
    isLimited: true,
    rows: (context) => (context.facts.hasExchange ? auditBypassRows(context) : []),
  },
  {
    kind: 'read',
    name: 'Get-InboxRule',
    parameters: ['Mailbox', 'Identity', 'IncludeHidden', 'BypassScopeCheck'],
    keys: ['Identity', 'Name', 'RuleIdentity'],
    rows: inboxRules,
  },
];
