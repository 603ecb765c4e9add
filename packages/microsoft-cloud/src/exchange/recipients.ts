import type { Row } from '../graph/declaration.ts';
import { devicesOf } from '../population/graph/device-data.ts';
import { dayMs } from '../clock.ts';
import { type TenantFacts, idOf, randomOf } from '../population/graph/facts.ts';
import { type GroupData, groupDataOf } from '../population/graph/group-data.ts';
import { siteOfOwner } from '../population/graph/site-data.ts';
import { contactRows } from '../population/graph/tenant-rows.ts';
import { mailboxByUser } from '../population/graph/usage-data.ts';
import { externalAddressOf, profilesOf } from '../population/graph/user-profiles.ts';
import { type Cmdlet, type CmdletContext, recipientCmdlet } from './cmdlet.ts';
import { objectNotFound } from './exchange-error.ts';
import { distinguishedNameOf, exchangeTime, unitOf } from './format.ts';
import { accountProperties, findMailbox, mailboxesIn } from './mailboxes.ts';
import { findRow } from './select-rows.ts';

const isDistribution = ({ kind }: GroupData): boolean => kind === 'mailSecurity' || kind === 'distribution';
const isUnified = ({ kind }: GroupData): boolean => kind === 'team' || kind === 'unified';

const groupType = (group: GroupData): string =>
  isUnified(group)
    ? 'GroupMailbox'
    : group.kind === 'distribution'
      ? 'MailUniversalDistributionGroup'
      : 'MailUniversalSecurityGroup';

function groupProperties(facts: TenantFacts, group: GroupData): Row {
  const address = `${group.mailNickname}@${facts.defaultDomain}`;
  return {
    Identity: group.displayName,
    Id: group.displayName,
    Name: group.displayName,
    Alias: group.mailNickname,
    DisplayName: group.displayName,
    DistinguishedName: distinguishedNameOf(facts, group.displayName),
    EmailAddresses: [`SMTP:${address}`],
    ExternalDirectoryObjectId: group.id,
    Guid: idOf(facts, 'recipient', group.id),
    OrganizationalUnit: unitOf(facts),
    PrimarySmtpAddress: address,
    RecipientType: isUnified(group) ? 'MailUniversalDistributionGroup' : groupType(group),
    RecipientTypeDetails: groupType(group),
    WhenChanged: exchangeTime(group.createdMs),
    WhenCreated: exchangeTime(group.createdMs),
  };
}

/** `Get-DistributionGroup`. */
const distributionRow = (facts: TenantFacts, group: GroupData): Row => ({
  ...groupProperties(facts, group),
  GroupType: group.kind === 'distribution' ? 'Universal' : 'Universal, SecurityEnabled',
  HiddenFromAddressListsEnabled: false,
  IsDirSynced: false,
  ManagedBy: group.ownerIds,
  MemberDepartRestriction: 'Open',
  MemberJoinRestriction: 'Closed',
  ModerationEnabled: false,
  RequireSenderAuthenticationEnabled: randomOf(facts, 'senders', group.id)() < 0.7,
});

/** `Get-UnifiedGroup`. */
const unifiedRow = (facts: TenantFacts, group: GroupData): Row => ({
  ...groupProperties(facts, group),
  AccessType: group.kind === 'team' ? 'Private' : 'Public',
  GroupMemberCount: group.memberIds.length,
  HiddenFromAddressListsEnabled: group.kind === 'team',
  HiddenFromExchangeClientsEnabled: group.kind === 'team',
  IsMembershipDynamic: false,
  ManagedBy: group.ownerIds,
  Notes: group.description,
  RequireSenderAuthenticationEnabled: true,
  ResourceProvisioningOptions: group.kind === 'team' ? ['Team'] : [],
  SharePointSiteUrl: siteOfOwner(facts).get(group.id)?.webUrl ?? null,
});

const groupsOf = ({ facts }: CmdletContext): readonly GroupData[] => (facts.hasExchange ? groupDataOf(facts) : []);

/** Every recipient: mailboxes, groups with an address, and contacts. */
export function recipientRows(context: CmdletContext): readonly Row[] {
  const { facts, changes } = context;
  if (!facts.hasExchange) return [];
  return [
    ...mailboxesIn(context).map((mailbox) =>
      accountProperties(facts, mailbox, changes.of('mailbox', mailbox.profile.user.id)),
    ),
    ...groupsOf(context)
      .filter((group) => isDistribution(group) || isUnified(group))
      .map((group) => groupProperties(facts, group)),
    ...contactRows(facts).map(({ id, displayName, mail, mailNickname }) => ({
      Identity: displayName,
      Name: displayName,
      Alias: mailNickname,
      DisplayName: displayName,
      EmailAddresses: [`SMTP:${String(mail)}`],
      ExternalDirectoryObjectId: id,
      Guid: id,
      PrimarySmtpAddress: mail,
      RecipientType: 'MailContact',
      RecipientTypeDetails: 'MailContact',
    })),
  ];
}

/** `Get-DistributionGroupMember`: the members that are recipients. */
function groupMembers(context: CmdletContext): readonly Row[] {
  const groups = groupsOf(context).filter(isDistribution);
  const wanted = findRow(
    groups.map((group) => groupProperties(context.facts, group)),
    context.parameters.required('Identity'),
  );
  const group = groups.find(({ id }) => id === wanted['ExternalDirectoryObjectId']);
  const members = new Set(group?.memberIds);
  return recipientRows(context).filter(({ ExternalDirectoryObjectId: id }) => members.has(String(id)));
}

/** `Get-User`: every account, with or without a mailbox. */
function userRows({ facts }: CmdletContext): readonly Row[] {
  return profilesOf(facts).map((profile) => {
    const { user } = profile;
    const isGuest = user.userType === 'Guest';
    const hasMailbox = mailboxByUser(facts).has(user.id);
    const mailboxType = profile.isSharedMailbox ? 'SharedMailbox' : 'UserMailbox';
    return {
      Identity: user.id,
      Name: user.id,
      AccountDisabled: !user.accountEnabled,
      City: profile.place?.city ?? '',
      Company: isGuest ? '' : facts.name,
      Department: profile.department ?? '',
      DisplayName: user.displayName,
      DistinguishedName: distinguishedNameOf(facts, user.id),
      ExternalDirectoryObjectId: user.id,
      FirstName: user.givenName,
      Guid: idOf(facts, 'recipient', profile.index),
      IsDirSynced: profile.isSynced,
      LastName: user.surname,
      MobilePhone: profile.mobilePhone ?? '',
      Office: profile.place?.office ?? '',
      Phone: profile.businessPhone ?? '',
      RecipientType: hasMailbox ? 'UserMailbox' : isGuest ? 'MailUser' : 'User',
      RecipientTypeDetails: hasMailbox ? mailboxType : isGuest ? 'GuestMailUser' : 'User',
      Title: profile.jobTitle ?? '',
      UserPrincipalName: user.userPrincipalName,
      WindowsEmailAddress: isGuest ? externalAddressOf(user) : hasMailbox ? user.userPrincipalName : '',
      WhenCreated: exchangeTime(user.createdMs),
    };
  });
}

/** `Get-MobileDevice`: the telephones of the owners of mailboxes. */
function mobileDevices(context: CmdletContext): readonly Row[] {
  const { facts, parameters } = context;
  const only = parameters.has('Mailbox') ? findMailbox(context, 'Mailbox').profile.user.id : undefined;
  return devicesOf(facts)
    .filter(
      ({ model, owner }) =>
        (model.system === 'iOS' || model.system === 'Android') && mailboxByUser(facts).has(owner.id),
    )
    .filter(({ owner }) => only === undefined || owner.id === only)
    .map((device) => ({
      Identity: `${device.owner.id}\\ExchangeActiveSyncDevices\\Outlook§${device.serial}`,
      Name: `Outlook§${device.serial}`,
      Guid: device.id,
      ClientType: 'Outlook',
      DeviceAccessState: 'Allowed',
      DeviceAccessStateReason: 'Global',
      DeviceId: device.serial,
      DeviceModel: device.model.model,
      DeviceOS: `${device.model.system} ${device.version}`,
      DeviceType: 'Outlook',
      DeviceUserAgent: 'Outlook-iOS-Android/1.0',
      FirstSyncTime: exchangeTime(Math.min(device.registeredMs + dayMs, facts.startMs)),
      FriendlyName: 'Outlook for iOS and Android',
      IsCompliant: device.isCompliant,
      IsManaged: device.isManaged,
      UserDisplayName: device.owner.userPrincipalName,
      WhenChanged: exchangeTime(device.lastSeenMs),
    }));
}

export const recipientCmdlets: readonly Cmdlet[] = [
  recipientCmdlet('Get-Recipient', recipientRows, {
    parameters: ['RecipientType', 'Properties'],
    selectors: ['RecipientTypeDetails', 'RecipientType'],
  }),
  recipientCmdlet('Get-User', userRows),
  recipientCmdlet('Get-DistributionGroup', (context) =>
    groupsOf(context)
      .filter(isDistribution)
      .map((group) => distributionRow(context.facts, group)),
  ),
  {
    kind: 'read',
    name: 'Get-DistributionGroupMember',
    parameters: ['Identity'],
    isLimited: true,
    rows: groupMembers,
  },
  recipientCmdlet('Get-DynamicDistributionGroup', () => []),
  {
    kind: 'read',
    name: 'Get-DynamicDistributionGroupMember',
    parameters: ['Identity'],
    isLimited: true,
    // No tenant has a dynamic distribution group.
    rows: ({ parameters }) => {
      throw objectNotFound(parameters.required('Identity'));
    },
  },
  recipientCmdlet(
    'Get-UnifiedGroup',
    (context) =>
      groupsOf(context)
        .filter(isUnified)
        .map((group) => unifiedRow(context.facts, group)),
    { parameters: ['IncludeAllProperties'] },
  ),
  {
    kind: 'read',
    name: 'Get-MobileDevice',
    parameters: ['Mailbox', 'Identity', 'Filter', 'ActiveSync', 'OWAforDevices', 'RestApi', 'UniversalOutlook'],
    keys: ['Identity', 'Name', 'Guid', 'DeviceId'],
    isLimited: true,
    rows: mobileDevices,
  },
];
