import type { Cmdlet } from './cmdlet.ts';
import { logCmdlets } from './logs.ts';
import { folderCmdlets } from './mailbox-folders.ts';
import { settingsCmdlets } from './mailbox-settings.ts';
import { mailboxCmdlets } from './mailboxes.ts';
import { newMailboxCmdlets } from './new-mailbox.ts';
import { organizationCmdlets } from './organization.ts';
import { permissionCmdlets } from './permissions.ts';
import { policyCmdlets } from './policies.ts';
import { recipientCmdlets } from './recipients.ts';
import { setMailboxCmdlets } from './set-mailbox.ts';
import { transportRuleCmdlets } from './transport-rules.ts';

/** All cmdlets, by their name in lower case. */
export const cmdlets: ReadonlyMap<string, Cmdlet> = new Map(
  [
    ...mailboxCmdlets,
    ...setMailboxCmdlets,
    ...newMailboxCmdlets,
    ...settingsCmdlets,
    ...folderCmdlets,
    ...logCmdlets,
    ...permissionCmdlets,
    ...recipientCmdlets,
    ...transportRuleCmdlets,
    ...organizationCmdlets,
    ...policyCmdlets,
  ].map((cmdlet) => [cmdlet.name.toLowerCase(), cmdlet]),
);
