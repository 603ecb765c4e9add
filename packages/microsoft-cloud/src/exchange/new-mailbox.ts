import type { Profile } from '../population/graph/user-profiles.ts';
import { idOf } from '../population/graph/facts.ts';
import type { MailboxData } from '../population/graph/usage-data.ts';
import type { Row } from '../graph/declaration.ts';
import type { Cmdlet, CmdletContext } from './cmdlet.ts';
import { missingParameter, objectExists } from './exchange-error.ts';
import { mailboxesIn, mailboxRow } from './mailboxes.ts';

/** Kinds of mailboxes without an account that signs in, by the switch that makes one. */
const kinds: Readonly<Record<string, string>> = {
  Shared: 'SharedMailbox',
  Room: 'RoomMailbox',
  Equipment: 'EquipmentMailbox',
};

/** `New-Mailbox`: creates the account as well. A mailbox of a person needs a name to sign in with, and a password. */
function newMailbox(context: CmdletContext): readonly Row[] {
  const { facts, changes, parameters, createdMs } = context;
  const name = parameters.required('Name');
  const kind = Object.keys(kinds).find((each) => parameters.flag(each) === true);
  const signInName = kind === undefined ? parameters.required('MicrosoftOnlineServicesID') : undefined;
  if (kind === undefined && !parameters.has('Password')) throw missingParameter('Password');
  const alias = parameters.text('Alias') ?? name.toLowerCase().replace(/[^a-z0-9._-]+/g, '');
  const address = parameters.text('PrimarySmtpAddress') ?? signInName ?? `${alias}@${facts.defaultDomain}`;
  const isTaken = mailboxesIn(context).some(
    ({ profile }) => profile.user.userPrincipalName.toLowerCase() === address.toLowerCase(),
  );
  if (isTaken) throw objectExists(`The proxy address "SMTP:${address}" is already being used by another recipient.`);
  const number = changes.mailboxes.length;
  const displayName = parameters.text('DisplayName') ?? name;
  const profile: Profile = {
    index: facts.users.length + number,
    user: {
      id: idOf(facts, 'created mailbox', number),
      userPrincipalName: address,
      displayName,
      givenName: parameters.text('FirstName') ?? '',
      surname: parameters.text('LastName') ?? '',
      userType: 'Member',
      createdMs,
      licences: [],
      methods: [],
      isAdmin: false,
      accountEnabled: kind === undefined,
      validFromMs: createdMs,
    },
    department: null,
    jobTitle: null,
    managerIndex: undefined,
    place: undefined,
    mobilePhone: null,
    businessPhone: null,
    employeeId: null,
    isSynced: false,
    lastPasswordChangeMs: createdMs,
    passwordNeverExpires: false,
    hasAccepted: true,
    isSharedMailbox: kind === 'Shared',
  };
  const mailbox = emptyMailbox(idOf(facts, 'created mailbox guid', number), profile);
  changes.mailboxes.push(mailbox);
  if (kind !== undefined)
    changes.change('mailbox', profile.user.id, {
      RecipientTypeDetails: kinds[kind],
      IsResource: kind !== 'Shared',
    });
  context.addUser(profile);
  return [mailboxRow(context, mailbox)];
}

const gigabyte = 1_073_741_824;

const emptyMailbox = (exchangeGuid: string, profile: Profile): MailboxData => ({
  profile,
  exchangeGuid,
  archiveGuid: undefined,
  createdMs: profile.user.createdMs,
  lastActivityMs: undefined,
  itemCount: 0,
  usedBytes: 0,
  deletedItemCount: 0,
  deletedBytes: 0,
  warningQuotaBytes: 48 * gigabyte,
  sendQuotaBytes: 49 * gigabyte,
  receiveQuotaBytes: 50 * gigabyte,
  sentCount: 0,
  receivedCount: 0,
  readCount: 0,
  forwardingAddress: undefined,
  isLegacyOpen: false,
});

export const newMailboxCmdlets: readonly Cmdlet[] = [
  {
    kind: 'write',
    name: 'New-Mailbox',
    parameters: [
      'Name',
      'Alias',
      'DisplayName',
      'FirstName',
      'LastName',
      'MicrosoftOnlineServicesID',
      'Password',
      'PrimarySmtpAddress',
      'ResetPasswordOnNextLogon',
      ...Object.keys(kinds),
    ],
    run: newMailbox,
  },
];
