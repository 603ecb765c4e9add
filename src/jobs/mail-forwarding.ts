import * as z from 'zod';
import { BrokerError } from '../lib/core/errors.ts';
import { defineJob } from '../lib/runs/job/job.ts';
import type { Row } from '../lib/runs/job/row.ts';
import { addressOf, recipientsNamed } from './forwarding.ts';
import { domainOf, listObjects, ownDomains } from './parts.ts';

const text = z.string().nullish();
const texts = z.array(z.string()).nullish();
const mailboxShape = z.object({
  UserPrincipalName: text,
  ExternalDirectoryObjectId: z.string(),
  RecipientTypeDetails: text,
  ForwardingAddress: text,
  ForwardingSmtpAddress: text,
  DeliverToMailboxAndForward: z.boolean().nullish(),
});
const outboundPolicy = z.object({ AutoForwardingMode: z.string() });
const remoteDomain = z.object({ DomainName: z.string(), AutoForwardEnabled: z.boolean() });
const transportRule = z.object({
  Name: z.string(),
  Guid: z.string(),
  State: text,
  Mode: text,
  Actions: texts,
  MessageTypeMatches: text,
  AddToRecipients: texts,
  BlindCopyTo: texts,
  CopyTo: texts,
  RedirectMessageTo: texts,
});
type TransportRule = z.output<typeof transportRule>;

type Answer = 'yes' | 'no' | 'unknown';

/** Reports where mailboxes and transport rules send mail, and whether it leaves the tenant. */
export default defineJob({
  name: 'mail-forwarding',
  title: 'Forwarding of mail',
  description:
    'Which mailboxes and transport rules forward mail, where to, and whether the settings of the tenant let it leave. Inbox rules are not read. A tenant without Exchange Online is skipped.',
  topic: 'exchange',
  resources: ['exchange'],
  permissions: ['Exchange.Manage'],
  directoryRoles: ['Global Reader', 'Exchange Administrator'],
  timeoutSeconds: 1_800,
  columns: [
    { name: 'mailbox', title: 'Mailbox', type: 'text' },
    { name: 'type', title: 'Type', type: 'text' },
    { name: 'source', title: 'Source', type: 'text' },
    { name: 'rule', title: 'Transport rule', type: 'text' },
    { name: 'to', title: 'To', type: 'text' },
    { name: 'external', title: 'External', type: 'boolean' },
    { name: 'copyKept', title: 'Copy kept', type: 'boolean' },
    { name: 'leavesTenant', title: 'Leaves the tenant', type: 'text' },
    { name: 'unread', title: 'Could not be read', type: 'text' },
    { name: 'id', title: 'Id', type: 'text' },
  ],
  key: ['id', 'source', 'to'],
  historyBy: 'source',
  async run({ exchange }) {
    const mailboxes = [];
    for await (const mailbox of listObjects(exchange, 'Get-Mailbox', mailboxShape, { ResultSize: 'Unlimited' })) {
      if (mailbox.ForwardingAddress || mailbox.ForwardingSmtpAddress) mailboxes.push(mailbox);
    }
    const isOwn = await ownDomains(exchange);
    const rules = await Array.fromAsync(listObjects(exchange, 'Get-TransportRule', transportRule));
    const unread: string[] = [];
    /** Undefined if Exchange refuses: then only what follows from it is unknown. */
    const readIfAllowed = async <T>(cmdlet: string, read: () => Promise<T>): Promise<T | undefined> => {
      try {
        return await read();
      } catch (error) {
        if (!(error instanceof BrokerError) || error.transient) throw error;
        unread.push(cmdlet);
        return undefined;
      }
    };
    const objects = <T extends z.ZodObject>(cmdlet: string, shape: T) =>
      readIfAllowed(cmdlet, () => Array.fromAsync(listObjects(exchange, cmdlet, shape)));
    const policies = await objects('Get-HostedOutboundSpamFilterPolicy', outboundPolicy);
    const remotes = await objects('Get-RemoteDomain', remoteDomain);

    const mode = modeOf(policies?.map(({ AutoForwardingMode: each }) => each));
    const blocked = blockedBy(rules);
    const forwardingLeaves = (address: string): Answer => {
      const answers = [mode, blocked, remoteAllows(remotes, domainOf(address))];
      return answers.includes('no') ? 'no' : answers.includes('unknown') ? 'unknown' : 'yes';
    };

    const names = mailboxes.flatMap(({ ForwardingAddress: name }) => name || []);
    const recipients = await readIfAllowed('Get-Recipient', () => recipientsNamed(exchange, names));
    if (recipients?.refused === true) unread.push('Get-Recipient');
    const note = unread.length === 0 ? null : unread.join(', ');
    const rows: Row[] = mailboxes.map((mailbox) => {
      const { ForwardingAddress: name, ForwardingSmtpAddress: smtp } = mailbox;
      // With both, Exchange ignores the address ("Set-Mailbox").
      const target = name ? recipients?.addresses.get(name) : addressOf(smtp ?? '');
      const external = target === undefined ? null : !isOwn(target);
      return {
        mailbox: mailbox.UserPrincipalName ?? null,
        type: mailbox.RecipientTypeDetails ?? null,
        source: 'mailbox',
        rule: null,
        to: target ?? name ?? null,
        external,
        copyKept: mailbox.DeliverToMailboxAndForward ?? null,
        leavesTenant: target === undefined ? 'unknown' : external ? forwardingLeaves(target) : 'no',
        unread: note,
        id: mailbox.ExternalDirectoryObjectId,
      };
    });
    return [...rows, ...rules.flatMap((rule) => ruleRows(rule, isOwn))];
  },
});

/**
 * Whether the outbound policies let forwarded mail leave. Automatic means off for most tenants and on for some, and different
 * policies apply to different senders ("Control automatic external email forwarding").
 */
function modeOf(modes: readonly string[] = []): Answer {
  const [only, ...others] = new Set(modes.map((mode) => mode.toLowerCase()));
  if (only === undefined || others.length > 0) return 'unknown';
  return only === 'on' ? 'yes' : only === 'off' ? 'no' : 'unknown';
}

/** The setting of the domain itself counts before those for what is below another, the nearest first, and for all. */
function remoteAllows(remotes: readonly z.output<typeof remoteDomain>[] | undefined, domain: string): Answer {
  const names = [domain, ...domain.split('.').map((_, at, labels) => `*.${labels.slice(at + 1).join('.')}`), '*'];
  const found = (name: string) => remotes?.find((each) => each.DomainName.toLowerCase() === name);
  const setting = names.map(found).find((each) => each !== undefined);
  return setting === undefined ? 'unknown' : setting.AutoForwardEnabled ? 'yes' : 'no';
}

const isInForce = ({ State: state, Mode: mode }: TransportRule): boolean =>
  state?.toLowerCase() === 'enabled' && mode?.toLowerCase() === 'enforce';

/**
 * `unknown`: a transport rule rejects or deletes forwarded mail. Such a rule does not concern what a mailbox forwards by
 * `ForwardingSmtpAddress` (Exchange team, "The many ways to block automatic email forwarding in Exchange Online").
 */
function blockedBy(rules: readonly TransportRule[]): Answer {
  const blocking = rules.filter(
    (rule) =>
      isInForce(rule) &&
      rule.MessageTypeMatches?.toLowerCase() === 'autoforward' &&
      rule.Actions?.some((action) => /\b(?:Reject|Delete)Message\w*Action$/.test(action)),
  );
  return blocking.length > 0 ? 'unknown' : 'yes';
}

/** The addresses that a transport rule sends mail to, apart from what senders wrote. The policies above do not concern it. */
function ruleRows(rule: TransportRule, isOwn: (address: string) => boolean): readonly Row[] {
  const { RedirectMessageTo: redirected, AddToRecipients, BlindCopyTo, CopyTo } = rule;
  const copies = [AddToRecipients, BlindCopyTo, CopyTo].flatMap((each) => each ?? []);
  const targets = new Map([
    ...(redirected ?? []).map((address) => [addressOf(address), false] as const),
    ...copies.map((address) => [addressOf(address), true] as const),
  ]);
  return [...targets].map(([to, copyKept]) => {
    const external = to.includes('@') ? !isOwn(to) : null;
    return {
      mailbox: null,
      type: null,
      source: 'transport rule',
      rule: rule.Name,
      to,
      external,
      copyKept,
      leavesTenant: !isInForce(rule) || external === false ? 'no' : external === null ? 'unknown' : 'yes',
      unread: null,
      id: rule.Guid,
    };
  });
}
