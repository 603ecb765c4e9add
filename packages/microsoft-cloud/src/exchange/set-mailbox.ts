import type { Row } from '../graph/declaration.ts';
import type { Cmdlet, CmdletContext } from './cmdlet.ts';
import { wrongValue } from './exchange-error.ts';
import { casRow, findMailbox, mailboxRow } from './mailboxes.ts';
import { recipientRows } from './recipients.ts';
import { findRow } from './select-rows.ts';

/** Properties of a mailbox that are true or false. */
const mailboxFlags = [
  'AuditEnabled',
  'DeliverToMailboxAndForward',
  'HiddenFromAddressListsEnabled',
  'LitigationHoldEnabled',
  'MessageCopyForSendOnBehalfEnabled',
  'MessageCopyForSentAsEnabled',
  'RetentionHoldEnabled',
  'SingleItemRecoveryEnabled',
] as const;

const casFlags = [
  'ActiveSyncEnabled',
  'ECPEnabled',
  'EwsEnabled',
  'ImapEnabled',
  'MacOutlookEnabled',
  'MAPIEnabled',
  'OutlookMobileEnabled',
  'OWAEnabled',
  'OWAforDevicesEnabled',
  'PopEnabled',
  'UniversalOutlookEnabled',
] as const;

function flagsOf({ parameters }: CmdletContext, names: readonly string[]): Row {
  const given = names.filter((name) => parameters.has(name));
  return Object.fromEntries(
    given.map((name) => {
      const value = parameters.flag(name);
      if (value === undefined) throw wrongValue(name, null, 'System.Boolean');
      return [name, value];
    }),
  );
}

const address = /^(?:smtp:)?[^\s@:]+@[^\s@:]+$/i;

/** Forwarding to an address outside, or to a recipient of the tenant. Null ends it. */
function forwarding(context: CmdletContext): Row {
  const { parameters } = context;
  const changed: Record<string, unknown> = {};
  if (parameters.has('ForwardingSmtpAddress')) {
    const to = parameters.text('ForwardingSmtpAddress');
    if (to !== undefined && !address.test(to))
      throw wrongValue('ForwardingSmtpAddress', to, 'Microsoft.Exchange.Data.ProxyAddress');
    changed['ForwardingSmtpAddress'] = to === undefined ? null : `smtp:${to.replace(/^smtp:/i, '')}`;
  }
  if (parameters.has('ForwardingAddress')) {
    const to = parameters.text('ForwardingAddress');
    changed['ForwardingAddress'] = to === undefined ? null : recipient(context, to)['Identity'];
  }
  return changed;
}

/** A mailbox, a group or a contact. @throws ExchangeError 404 for a recipient who does not exist. */
const recipient = (context: CmdletContext, identity: string): Row => findRow(recipientRows(context), identity);

const types: Readonly<Record<string, string>> = { regular: 'UserMailbox', shared: 'SharedMailbox' };

function typeOf({ parameters }: CmdletContext): Row {
  const type = parameters.text('Type');
  if (type === undefined) return {};
  const details = types[type.toLowerCase()];
  if (details === undefined) throw wrongValue('Type', type, 'Microsoft.Exchange.Data.ConvertibleMailboxSubType');
  return { RecipientTypeDetails: details, IsShared: details === 'SharedMailbox' };
}

/** `GrantSendOnBehalfTo`: a list that replaces the one before, or a table with `add` and `remove`. */
function sendOnBehalf(context: CmdletContext, before: readonly string[]): Row {
  const { parameters } = context;
  if (!parameters.has('GrantSendOnBehalfTo')) return {};
  const given = parameters.value('GrantSendOnBehalfTo');
  const idsOf = (list: unknown): readonly string[] => {
    const names: readonly unknown[] = list === undefined ? [] : Array.isArray(list) ? list : [list];
    return names.map((name) => String(recipient(context, String(name))['Identity']));
  };
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    return { GrantSendOnBehalfTo: idsOf(given ?? undefined) };
  const table = new Map(Object.entries(given).map(([name, value]) => [name.toLowerCase(), value as unknown]));
  const removed = new Set(idsOf(table.get('remove')));
  return {
    GrantSendOnBehalfTo: [...new Set([...before, ...idsOf(table.get('add'))])].filter((id) => !removed.has(id)),
  };
}

function setMailbox(context: CmdletContext): readonly Row[] {
  const mailbox = findMailbox(context);
  const { id } = mailbox.profile.user;
  const before = mailboxRow(context, mailbox)['GrantSendOnBehalfTo'] as readonly string[];
  const retention = context.parameters.text('RetentionPolicy');
  context.changes.change('mailbox', id, {
    ...flagsOf(context, mailboxFlags),
    ...forwarding(context),
    ...typeOf(context),
    ...sendOnBehalf(context, before),
    ...(retention === undefined ? {} : { RetentionPolicy: retention }),
  });
  return [];
}

function setCasMailbox(context: CmdletContext): readonly Row[] {
  const mailbox = findMailbox(context);
  const { parameters } = context;
  // Null means that the setting of the organization applies.
  const disabled = parameters.has('SmtpClientAuthenticationDisabled')
    ? {
        SmtpClientAuthenticationDisabled:
          parameters.value('SmtpClientAuthenticationDisabled') === null
            ? null
            : parameters.flag('SmtpClientAuthenticationDisabled'),
      }
    : {};
  const changed = { ...flagsOf(context, casFlags), ...disabled };
  const before = casRow(context, mailbox);
  if (Object.entries(changed).every(([name, value]) => before[name] === value))
    context.warn('The command completed successfully but no settings have been modified.');
  context.changes.change('cas', mailbox.profile.user.id, changed);
  return [];
}

export const setMailboxCmdlets: readonly Cmdlet[] = [
  {
    kind: 'write',
    name: 'Set-Mailbox',
    parameters: [
      'Identity',
      ...mailboxFlags,
      'ForwardingSmtpAddress',
      'ForwardingAddress',
      'GrantSendOnBehalfTo',
      'RetentionPolicy',
      'Type',
    ],
    run: setMailbox,
  },
  {
    kind: 'write',
    name: 'Set-CASMailbox',
    parameters: ['Identity', ...casFlags, 'SmtpClientAuthenticationDisabled'],
    run: setCasMailbox,
  },
];
