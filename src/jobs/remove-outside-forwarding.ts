import * as z from 'zod';
import { cmdlet } from '../lib/changes/change.ts';
import { defineChange } from '../lib/changes/define-change.ts';
import { addressOf, recipientsNamed } from './forwarding.ts';
import { listObjects, ownDomains } from './parts.ts';

const mailboxShape = z.object({
  Guid: z.guid(),
  ForwardingAddress: z.string().nullish(),
  ForwardingSmtpAddress: z.string().nullish(),
});

export default defineChange({
  name: 'remove-outside-forwarding',
  title: 'Mailboxes do not forward to outside',
  description:
    'Ends the forwarding of mailboxes to addresses and contacts outside of the tenant. With a recipient and an address, Exchange uses the recipient, so that one is judged, and both are taken away together. Forwarding to a group, and to a name that no recipient or several have, stays; the report mail-forwarding lists it. Inbox rules and transport rules stay, too.',
  topic: 'exchange',
  resources: ['exchange'],
  permissions: ['Exchange.Manage'],
  directoryRoles: ['Exchange Administrator'],
  timeoutSeconds: 1_800,
  async plan({ exchange }) {
    const forwarding = [];
    for await (const mailbox of listObjects(exchange, 'Get-Mailbox', mailboxShape, { ResultSize: 'Unlimited' }))
      if (mailbox.ForwardingAddress || mailbox.ForwardingSmtpAddress) forwarding.push(mailbox);
    if (forwarding.length === 0) return [];
    const isOwn = await ownDomains(exchange);
    const { addresses } = await recipientsNamed(
      exchange,
      forwarding.flatMap(({ ForwardingAddress: name }) => name || []),
    );
    return forwarding.flatMap(({ Guid: guid, ForwardingAddress: name, ForwardingSmtpAddress: smtp }) => {
      const target = name ? addresses.get(name) : addressOf(smtp ?? '');
      if (target === undefined || isOwn(target)) return [];
      // In one command: with the recipient gone, Exchange would use the address ("Set-Mailbox", ForwardingAddress).
      return cmdlet(
        'Set-Mailbox',
        { ForwardingAddress: null, ForwardingSmtpAddress: null },
        { read: { cmdlet: 'Get-Mailbox', parameters: { Identity: guid } } },
      );
    });
  },
});
