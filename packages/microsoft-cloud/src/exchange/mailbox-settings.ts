import type { Row } from '../graph/declaration.ts';
import { dayMs } from '../clock.ts';
import { randomOf } from '../population/graph/facts.ts';
import type { MailboxData } from '../population/graph/usage-data.ts';
import type { Cmdlet, CmdletContext } from './cmdlet.ts';
import { wrongValue } from './exchange-error.ts';
import { exchangeTime } from './format.ts';
import { findMailbox, mailboxRow } from './mailboxes.ts';

/** Settings of a mailbox that one cmdlet reads and another one writes. */
interface SettingsKind {
  readonly noun: string;
  /** What every mailbox has from the start. Each has the type of its value. */
  readonly start: Row;
  /** What differs between mailboxes. */
  readonly own: (context: CmdletContext, mailbox: MailboxData) => Row;
  /** Members of the settings that are enumerations. */
  readonly members: Readonly<Record<string, readonly string[]>>;
}

const kinds: readonly SettingsKind[] = [
  {
    noun: 'MailboxAutoReplyConfiguration',
    start: {
      AutoReplyState: 'Disabled',
      StartTime: '',
      EndTime: '',
      ExternalAudience: 'All',
      InternalMessage: '',
      ExternalMessage: '',
      AutoDeclineFutureRequestsWhenOOF: false,
      DeclineAllEventsForScheduledOOF: false,
      DeclineEventsForScheduledOOF: false,
      DeclineMeetingMessage: '',
      OOFEventSubject: '',
      CreateOOFEvent: false,
    },
    own: ({ facts }, mailbox) => ({
      AutoReplyState: randomOf(facts, 'auto reply', mailbox.profile.index)() < 0.1 ? 'Enabled' : 'Disabled',
      StartTime: exchangeTime(facts.startMs),
      EndTime: exchangeTime(facts.startMs + dayMs),
    }),
    members: { AutoReplyState: ['Enabled', 'Disabled', 'Scheduled'], ExternalAudience: ['None', 'Known', 'All'] },
  },
  {
    noun: 'CalendarProcessing',
    start: {
      AutomateProcessing: 'AutoUpdate',
      AddOrganizerToSubject: true,
      AllBookInPolicy: true,
      AllowConflicts: false,
      AllowRecurringMeetings: true,
      AllRequestInPolicy: false,
      AllRequestOutOfPolicy: false,
      BookingWindowInDays: 180,
      BookInPolicy: [],
      DeleteComments: true,
      DeleteSubject: true,
      ForwardRequestsToDelegates: true,
      MaximumDurationInMinutes: 1440,
      ProcessExternalMeetingMessages: false,
      RemovePrivateProperty: true,
      ResourceDelegates: [],
    },
    own: (context, mailbox) =>
      /Room|Equipment/.test(String(mailboxRow(context, mailbox)['RecipientTypeDetails']))
        ? { AutomateProcessing: 'AutoAccept' }
        : {},
    members: { AutomateProcessing: ['None', 'AutoUpdate', 'AutoAccept'] },
  },
];

/** The value that a request gives a setting. @throws ExchangeError for another type, or an unknown member. */
function given({ parameters }: CmdletContext, { start, members }: SettingsKind, name: string): unknown {
  const before = start[name];
  if (typeof before === 'boolean') return parameters.flag(name);
  if (Array.isArray(before)) return parameters.texts(name);
  const text = parameters.text(name) ?? '';
  if (typeof before === 'number') {
    if (!Number.isInteger(Number(text))) throw wrongValue(name, text, 'System.Int32');
    return Number(text);
  }
  if (name.endsWith('Time')) {
    if (Number.isNaN(Date.parse(text))) throw wrongValue(name, text, 'System.DateTime');
    return exchangeTime(Date.parse(text));
  }
  const known = members[name];
  if (known === undefined) return text;
  const member = known.find((each) => each.toLowerCase() === text.toLowerCase());
  if (member === undefined) throw wrongValue(name, text, `Microsoft.Exchange.Data.${name}`);
  return member;
}

export const settingsCmdlets: readonly Cmdlet[] = kinds.flatMap((kind): readonly Cmdlet[] => [
  {
    kind: 'read',
    name: `Get-${kind.noun}`,
    parameters: ['Identity'],
    isLimited: true,
    rows: (context) => {
      const mailbox = findMailbox(context);
      const { id } = mailbox.profile.user;
      const changed = context.changes.of(kind.noun, id);
      return [{ Identity: id, MailboxOwnerId: id, ...kind.start, ...kind.own(context, mailbox), ...changed }];
    },
  },
  {
    kind: 'write',
    name: `Set-${kind.noun}`,
    parameters: ['Identity', ...Object.keys(kind.start)],
    run: (context) => {
      const mailbox = findMailbox(context);
      const names = Object.keys(kind.start).filter((name) => context.parameters.has(name));
      const values = Object.fromEntries(names.map((name) => [name, given(context, kind, name)]));
      context.changes.change(kind.noun, mailbox.profile.user.id, values);
      return [];
    },
  },
]);
