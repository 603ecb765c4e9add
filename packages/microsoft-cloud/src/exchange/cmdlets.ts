import type { Cmdlet } from './cmdlet.ts';
import { mailboxCmdlets } from './mailboxes.ts';
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
    ...permissionCmdlets,
    ...recipientCmdlets,
    ...transportRuleCmdlets,
    ...organizationCmdlets,
    ...policyCmdlets,
  ].map((cmdlet) => [cmdlet.name.toLowerCase(), cmdlet]),
);
