const readAndWrite = (names: string): readonly string[] =>
  names.split(' ').flatMap((name) => [`${name}.Read`, `${name}.ReadWrite`]);

/**
 * Delegated permissions that cover only objects of the signed-in account, although the permission map lists them on paths
 * such as `/users/{id}` and `/drives/{id}` ("Microsoft Graph permissions reference"). Permissions that a newer map adds
 * are recognised by their name and paths.
 */
export const ownObjectPermissions: ReadonlySet<string> = new Set([
  ...readAndWrite('User Mail Calendars Contacts Tasks Notes Files Chat ChatMember OnlineMeetings MailboxSettings'),
  ...readAndWrite(
    'MailboxConfigItem MailboxFolder MailboxItem ShortNotes Presence PrintJob TeamworkSection TeamworkTag',
  ),
  ...readAndWrite('CallDelegation VirtualAppointment VirtualEvent ApprovalSolution CrossTenantUserProfileSharing'),
  ...readAndWrite('EduAssignments EduCurricula EduRoster UserAuthenticationMethod UserAuthMethod-Email'),
  ...readAndWrite('UserAuthMethod-External UserAuthMethod-HardwareOATH UserAuthMethod-MicrosoftAuthApp'),
  ...readAndWrite('UserAuthMethod-Passkey UserAuthMethod-Password UserAuthMethod-Phone UserAuthMethod-PlatformCred'),
  ...readAndWrite('UserAuthMethod-QR UserAuthMethod-SoftwareOATH UserAuthMethod-TAP UserAuthMethod-WindowsHello'),
  ...[
    'AgreementAcceptance.Read AiEnterpriseInteraction.Read Analytics.Read CallEvents.Read Device.Read EngagementRole.Read',
    'InformationProtectionPolicy.Read LearningAssignedCourse.Read LearningSelfInitiatedCourse.Read People.Read',
    'TeamsActivity.Read UserCloudClipboard.Read UserTeamwork.Read UserWindowsSettings.Read Mail.Send ChatMessage.Send',
    'TeamsActivity.Send VirtualAppointmentNotification.Send Notes.Create PrintJob.Create Device.Command',
    'MailboxItem.Export MailboxItem.ImportExport ApprovalSolutionResponse.ReadWrite ChannelMember.ReadWrite',
    'EntitlementMgmt-SubjectAccess.ReadWrite TeamworkTargetedMessage.ReadWrite Content.Process.User',
    'ProtectionScopes.Compute.User',
  ].flatMap((line) => line.split(' ')),
]);

/** Permissions that cover the organization although their name has no constraint. */
export const organizationWide = /^(?:Copilot|AuditActivity\.|ContentActivity\.)|^(?!Notes\.|PrintJob\.)[^.]+\.Create$/;
