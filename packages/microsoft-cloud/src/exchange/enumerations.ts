const names = (text: string): ReadonlySet<string> => new Set(text.toLowerCase().split(/\s+/));

/** Members of enumerations, by parameter. Sources: "Get-Recipient", "Get-Mailbox", "Get-TransportRule". */
const enumerations: Readonly<Record<string, ReadonlySet<string>>> = {
  RecipientTypeDetails: names(
    'ArbitrationMailbox AuditLogMailbox AuxAuditLogMailbox Contact DisabledUser DiscoveryMailbox DynamicDistributionGroup ' +
      'EquipmentMailbox Group GroupMailbox GuestMailUser LegacyMailbox LinkedMailbox LinkedRoomMailbox LinkedUser ' +
      'MailContact MailForestContact MailNonUniversalGroup MailUniversalDistributionGroup MailUniversalSecurityGroup ' +
      'MailUser MonitoringMailbox NonUniversalGroup PublicFolder PublicFolderMailbox RemoteEquipmentMailbox ' +
      'RemoteGroupMailbox RemoteRoomMailbox RemoteSharedMailbox RemoteTeamMailbox RemoteUserMailbox RoomList ' +
      'RoleGroup RoomMailbox SchedulingMailbox SharedMailbox SharedWithMailUser TeamMailbox UniversalDistributionGroup ' +
      'UniversalSecurityGroup User UserMailbox',
  ),
  RecipientType: names(
    'Contact DynamicDistributionGroup Group MailContact MailNonUniversalGroup MailUniversalDistributionGroup ' +
      'MailUniversalSecurityGroup MailUser PublicFolder User UserMailbox',
  ),
  State: names('Disabled Enabled'),
};

/** Whether an enumeration has the member, in lower case. True for a parameter that is no enumeration. */
export const isMember = (parameter: string, value: string): boolean => enumerations[parameter]?.has(value) ?? true;
