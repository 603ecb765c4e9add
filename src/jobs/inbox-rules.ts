import * as z from 'zod';
import { defineJob } from '../lib/runs/job/job.ts';
import type { Row } from '../lib/runs/job/row.ts';
import { distinct, listObjects, mailboxNames, ofEachMailbox, ownDomains } from './parts.ts';

const texts = z.array(z.string()).nullish();
const mailboxShape = mailboxNames.extend({ LegacyExchangeDN: z.string().nullish() });
const inboxRule = z.object({
  /** `MAILBOX\NUMBER`. `RuleIdentity` has the number as a JSON number, which is too large to be read exactly. */
  Identity: z.string(),
  Name: z.string().nullish(),
  Enabled: z.boolean().nullish(),
  ForwardTo: texts,
  ForwardAsAttachmentTo: texts,
  RedirectTo: texts,
  DeleteMessage: z.boolean().nullish(),
  MoveToFolder: z.string().nullish(),
});
type InboxRule = z.output<typeof inboxRule>;

/** Folders that hardly anybody opens, by their English names: rules of attackers move replies there. */
const hidden = /^(?:RSS (?:Feeds|Subscriptions)|Archive|Conversation History|Deleted Items|Junk E-?mail|Sync Issues)$/i;

const key = ['id', 'ruleId', 'action', 'to'];

/** Reports the rules of mailboxes that forward messages or take them out of sight. */
export default defineJob({
  name: 'inbox-rules',
  title: 'Inbox rules',
  description:
    'Which rules of mailboxes, also hidden ones, forward or delete messages, or move them to a folder that hardly anybody opens. Reads each mailbox, so run it weekly. A tenant without Exchange Online is skipped.',
  topic: 'exchange',
  resources: ['exchange'],
  permissions: ['Exchange.Manage'],
  // Global Reader cannot read the rules of others ("Get-InboxRule").
  directoryRoles: ['Exchange Administrator'],
  timeoutSeconds: 3_600,
  columns: [
    { name: 'mailbox', title: 'Mailbox', type: 'text' },
    { name: 'type', title: 'Type', type: 'text' },
    { name: 'rule', title: 'Rule', type: 'text' },
    { name: 'enabled', title: 'Enabled', type: 'boolean' },
    { name: 'action', title: 'Action', type: 'text' },
    { name: 'to', title: 'To', type: 'text' },
    { name: 'external', title: 'External', type: 'boolean' },
    { name: 'unread', title: 'Could not be read', type: 'text' },
    { name: 'id', title: 'Mailbox id', type: 'text' },
    { name: 'ruleId', title: 'Rule id', type: 'text' },
  ],
  key,
  historyBy: 'action',
  async run({ exchange }) {
    const mailboxes = await Array.fromAsync(
      listObjects(exchange, 'Get-Mailbox', mailboxShape, { ResultSize: 'Unlimited' }),
    );
    const isOwn = await ownDomains(exchange);
    const colleagues = new Set(mailboxes.map(({ LegacyExchangeDN: name }) => name?.toLowerCase()));
    const found = await ofEachMailbox(exchange, mailboxes, {
      cmdlet: 'Get-InboxRule',
      by: 'Mailbox',
      parameters: { IncludeHidden: true },
      shape: inboxRule,
    });
    const rows = found.flatMap(({ mailbox, objects, unread }): readonly Row[] => {
      const about = {
        mailbox: mailbox.UserPrincipalName ?? null,
        type: mailbox.RecipientTypeDetails ?? null,
        id: mailbox.ExternalDirectoryObjectId,
        unread,
      };
      if (unread !== null) return [about];
      return objects.flatMap((rule) =>
        actionsOf(rule).map(({ action, to = null }) => ({
          ...about,
          rule: rule.Name ?? null,
          enabled: rule.Enabled ?? null,
          action,
          ...(action === 'delete' || action === 'hide' ? { to, external: null } : recipientOf(String(to))),
          ruleId: rule.Identity.slice(rule.Identity.lastIndexOf('\\') + 1),
        })),
      );
    });
    return distinct(rows, key);

    /** `"Name" [SMTP:address]`, or `"Name" [EX:name in Exchange]` for whoever is in the address list, also outside contacts. */
    function recipientOf(text: string): { readonly to: string; readonly external: boolean | null } {
      const [, kind = '', address = text] = /\[(SMTP|EX):([^[\]]*)\]$/i.exec(text) ?? [];
      const to = address.toLowerCase();
      if (kind.toUpperCase() !== 'EX') return { to, external: to.includes('@') ? !isOwn(to) : null };
      return { to: to.slice(to.lastIndexOf('cn=') + 3), external: colleagues.has(to) ? false : null };
    }
  },
});

/** What a rule does with messages, of that which matters here. */
function actionsOf(rule: InboxRule): readonly { readonly action: string; readonly to?: string }[] {
  const to = (action: string, addresses: readonly string[] | null | undefined) =>
    (addresses ?? []).map((address) => ({ action, to: address }));
  const folder = rule.MoveToFolder ?? '';
  return [
    ...to('forward', rule.ForwardTo),
    ...to('forward as attachment', rule.ForwardAsAttachmentTo),
    ...to('redirect', rule.RedirectTo),
    ...(rule.DeleteMessage === true ? [{ action: 'delete' }] : []),
    ...(hidden.test(folder.split(/[\\/]/).at(-1) ?? '') ? [{ action: 'hide', to: folder }] : []),
  ];
}
