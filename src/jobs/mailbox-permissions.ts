import * as z from 'zod';
import { defineJob } from '../lib/runs/job/job.ts';
import type { Row } from '../lib/runs/job/row.ts';
import { distinct, listObjects, mailboxNames, ofEachMailbox, readPart } from './parts.ts';

const text = z.string().nullish();
const flag = z.boolean().nullish();
const rights = z.array(z.string());
const mailboxShape = mailboxNames.extend({ Name: text, GrantSendOnBehalfTo: z.array(z.string()).nullish() });
type Mailbox = z.output<typeof mailboxShape>;
const mailboxPermission = z.object({ User: z.string(), AccessRights: rights, Deny: flag, IsInherited: flag });
const recipientPermission = z.object({
  Identity: z.string(),
  Trustee: z.string(),
  AccessControlType: text,
  AccessRights: rights,
  IsInherited: flag,
});

/** The owner, who has these rights anyway. */
const isOwner = (trustee: string): boolean => trustee.toUpperCase() === 'NT AUTHORITY\\SELF';

const key = ['id', 'right', 'trusteeId'];

/** Reports who may open a mailbox of somebody else, and send as it or on behalf of it. */
export default defineJob({
  name: 'mailbox-permissions',
  title: 'Permissions on mailboxes',
  description:
    'Who may open the mailboxes of others, send as them, or on behalf of them. Who is member of a group with a permission is not read. Send as needs Exchange Administrator. Reads each mailbox, so run it weekly. A tenant without Exchange Online is skipped.',
  topic: 'exchange',
  resources: ['exchange'],
  permissions: ['Exchange.Manage'],
  directoryRoles: ['Global Reader', 'Exchange Administrator'],
  timeoutSeconds: 3_600,
  columns: [
    { name: 'mailbox', title: 'Mailbox', type: 'text' },
    { name: 'type', title: 'Type', type: 'text' },
    { name: 'trustee', title: 'Who', type: 'text' },
    { name: 'right', title: 'Right', type: 'text' },
    { name: 'sendAsRead', title: 'Send as read', type: 'text' },
    { name: 'unread', title: 'Could not be read', type: 'text' },
    { name: 'id', title: 'Mailbox id', type: 'text' },
    { name: 'trusteeId', title: 'Id of who', type: 'text' },
  ],
  key,
  historyBy: 'right',
  async run({ exchange }) {
    const all = { ResultSize: 'Unlimited' };
    const mailboxes = await Array.fromAsync(listObjects(exchange, 'Get-Mailbox', mailboxShape, all));
    const { items: sendAs, read } = await readPart(
      listObjects(exchange, 'Get-RecipientPermission', recipientPermission, all),
    );
    const opening = await ofEachMailbox(exchange, mailboxes, {
      cmdlet: 'Get-MailboxPermission',
      by: 'Identity',
      shape: mailboxPermission,
    });

    const byName = new Map<string, Mailbox>();
    for (const mailbox of mailboxes)
      for (const name of [mailbox.Name, mailbox.UserPrincipalName, mailbox.ExternalDirectoryObjectId])
        if (name != null) byName.set(name.toLowerCase(), mailbox);
    const row = (mailbox: Mailbox, trustee: string | null, right: string | null, unread: string | null): Row => {
      const known = byName.get(trustee?.toLowerCase() ?? '');
      return {
        mailbox: mailbox.UserPrincipalName ?? null,
        type: mailbox.RecipientTypeDetails ?? null,
        trustee: known?.UserPrincipalName ?? trustee,
        right,
        sendAsRead: read,
        unread,
        id: mailbox.ExternalDirectoryObjectId,
        trusteeId: known?.ExternalDirectoryObjectId ?? trustee,
      };
    };
    const rows = opening.flatMap(({ mailbox, objects, unread }) => [
      ...(unread === null ? [] : [row(mailbox, null, null, unread)]),
      ...objects
        .filter((each) => each.Deny !== true && each.IsInherited !== true && !isOwner(each.User))
        .flatMap((each) => each.AccessRights.map((right) => row(mailbox, each.User, right, null))),
      ...(mailbox.GrantSendOnBehalfTo ?? []).map((trustee) => row(mailbox, trustee, 'SendOnBehalf', null)),
    ]);
    for (const { Identity: of, Trustee: trustee, AccessControlType: control, ...each } of sendAs) {
      const mailbox = byName.get(of.toLowerCase());
      // The others are those of groups and contacts.
      if (mailbox === undefined || control === 'Deny' || each.IsInherited === true || isOwner(trustee)) continue;
      rows.push(...each.AccessRights.map((right) => row(mailbox, trustee, right, null)));
    }
    return distinct(rows, key);
  },
});
