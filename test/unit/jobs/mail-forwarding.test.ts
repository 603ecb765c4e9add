import { describe, expect, test } from 'vitest';
import mailForwarding from '../../../src/jobs/mail-forwarding.ts';
import { BrokerError } from '../../../src/lib/core/errors.ts';
import { problem } from '../../fakes/scripted-fetch.ts';
import { tryJob } from '../../support/try-job.ts';

type Objects = readonly Readonly<Record<string, unknown>>[];

const mailbox = (id: string, more: object = {}) => ({
  UserPrincipalName: `${id}@contoso.com`,
  ExternalDirectoryObjectId: id,
  RecipientTypeDetails: 'UserMailbox',
  ForwardingAddress: null,
  ForwardingSmtpAddress: null,
  DeliverToMailboxAndForward: false,
  ...more,
});
const forwarding = (smtp: string) => mailbox('a', { ForwardingSmtpAddress: `smtp:${smtp}` });
const rule = (more: object) => ({ Name: 'Rule', Guid: 'g1', State: 'Enabled', Mode: 'Enforce', ...more });
const prefix = 'Microsoft.Exchange.MessagingPolicies.Rules.Tasks.';
const block = {
  MessageTypeMatches: 'AutoForward',
  Conditions: [`${prefix}MessageTypeMatchesPredicate`],
  Actions: [`${prefix}RejectMessageAction`],
};

interface Organization {
  readonly mailboxes?: Objects;
  readonly domains?: Objects;
  readonly modes?: readonly string[];
  readonly remotes?: Objects;
  readonly rules?: Objects;
}

const answers = ({
  mailboxes = [],
  domains = [{ DomainName: 'contoso.com' }, { DomainName: 'Contoso.onmicrosoft.com', MatchSubDomains: true }],
  modes = ['On'],
  remotes = [{ DomainName: '*', AutoForwardEnabled: true }],
  rules = [],
}: Organization): Readonly<Record<string, Objects>> => ({
  'Get-Mailbox': mailboxes,
  'Get-AcceptedDomain': domains,
  'Get-HostedOutboundSpamFilterPolicy': modes.map((AutoForwardingMode) => ({ AutoForwardingMode })),
  'Get-RemoteDomain': remotes,
  'Get-TransportRule': rules,
});
const report = (organization: Organization, more: Readonly<Record<string, Objects | Response>> = {}) =>
  tryJob(mailForwarding, { exchange: { ...answers(organization), ...more } });
const rowsOf = async (organization: Organization) => (await report(organization)).rows;

describe('mail-forwarding', () => {
  test('reports a mailbox that forwards, with five cmdlets and the properties that it needs', async () => {
    const { rows, cmdlets, requests } = await report({
      mailboxes: [
        mailbox('quiet'),
        mailbox('a', { ForwardingSmtpAddress: 'smtp:Out@Mail.example', DeliverToMailboxAndForward: true }),
      ],
    });
    expect(rows).toEqual([
      {
        mailbox: 'a@contoso.com',
        type: 'UserMailbox',
        source: 'mailbox',
        rule: null,
        to: 'out@mail.example',
        external: true,
        copyKept: true,
        leavesTenant: 'yes',
        unread: null,
        id: 'a',
      },
    ]);
    expect(cmdlets.map(({ cmdlet, parameters }) => [cmdlet, parameters])).toEqual([
      ['Get-Mailbox', { ResultSize: 'Unlimited' }],
      ['Get-AcceptedDomain', {}],
      ['Get-TransportRule', {}],
      ['Get-HostedOutboundSpamFilterPolicy', {}],
      ['Get-RemoteDomain', {}],
    ]);
    expect(requests).toHaveLength(5);
    expect(cmdlets[0]?.url.searchParams.get('$select')).toBe(
      'UserPrincipalName,ExternalDirectoryObjectId,RecipientTypeDetails,ForwardingAddress,ForwardingSmtpAddress,DeliverToMailboxAndForward',
    );
  });

  test.each([
    ['b@contoso.com', false],
    ['b@CONTOSO.com', false],
    ['b@contoso.onmicrosoft.com', false],
    ['b@mail.contoso.onmicrosoft.com', false],
    ['b@mail.contoso.com', true],
    ['b@notcontoso.com', true],
    ['"b@contoso.com"@mail.example', true],
  ])('takes %s for external: %s', async (address, external) => {
    expect(await rowsOf({ mailboxes: [forwarding(address)] })).toMatchObject([
      { external, leavesTenant: external ? 'yes' : 'no' },
    ]);
  });

  test.each([
    ['no policy lets it', { modes: ['Off'] }, 'no'],
    ['Automatic, which means different things', { modes: ['Automatic'] }, 'unknown'],
    ['policies differ', { modes: ['On', 'Off'] }, 'unknown'],
    ['policies agree', { modes: ['On', 'on'] }, 'yes'],
    ['there is no policy', { modes: [] }, 'unknown'],
    ['a mode that is not known', { modes: ['Sometimes'] }, 'unknown'],
    ['no remote domain allows it', { remotes: [{ DomainName: '*', AutoForwardEnabled: false }] }, 'no'],
    [
      'its own remote domain allows it',
      {
        remotes: [
          { DomainName: '*', AutoForwardEnabled: false },
          { DomainName: 'Mail.example', AutoForwardEnabled: true },
        ],
      },
      'yes',
    ],
    [
      'only a domain above allows it',
      {
        remotes: [
          { DomainName: '*', AutoForwardEnabled: false },
          { DomainName: '*.example', AutoForwardEnabled: true },
        ],
      },
      'yes',
    ],
    ['there is no remote domain', { remotes: [] }, 'unknown'],
    ['a rule rejects it', { rules: [rule(block)] }, 'unknown'],
    ['a rule rejects it, and Automatic', { rules: [rule(block)], modes: ['Automatic'] }, 'unknown'],
    ['a rule for mail to outside', { rules: [rule({ ...block, SentToScope: 'NotInOrganization' })] }, 'unknown'],
    ['a rule for mail within', { rules: [rule({ ...block, SentToScope: 'InOrganization' })] }, 'unknown'],
    ['a rule for mail from outside', { rules: [rule({ ...block, FromScope: 'NotInOrganization' })] }, 'unknown'],
    ['a rule with an exception', { rules: [rule({ ...block, Exceptions: ['x'] })] }, 'unknown'],
    [
      'a rule with another condition',
      { rules: [rule({ ...block, Conditions: [...block.Conditions, `${prefix}FromPredicate`] })] },
      'unknown',
    ],
    ['a rule that is off', { rules: [rule({ ...block, State: 'Disabled' })] }, 'yes'],
    ['a rule that only tests', { rules: [rule({ ...block, Mode: 'Audit' })] }, 'yes'],
    ['a rule that marks it', { rules: [rule({ ...block, Actions: [`${prefix}PrependSubjectAction`] })] }, 'yes'],
    ['a rule for other mail', { rules: [rule({ ...block, MessageTypeMatches: 'OOF' })] }, 'yes'],
  ] satisfies [string, Organization, string][])(
    'says whether mail leaves if %s',
    async (_case, organization, leavesTenant) => {
      const [row] = await rowsOf({ mailboxes: [forwarding('out@mail.example')], ...organization });
      expect(row).toMatchObject({ external: true, leavesTenant });
    },
  );

  test('finds the address of a recipient that is named, and ignores an address beside it', async () => {
    const recipients: Readonly<Record<string, object>> = {
      Supplier: { PrimarySmtpAddress: 'x@contoso.com', ExternalEmailAddress: 'SMTP:s@supplier.example' },
      Boss: { PrimarySmtpAddress: 'Boss@contoso.com', RecipientType: 'UserMailbox' },
      Everyone: { PrimarySmtpAddress: 'all@contoso.com', RecipientType: 'MailUniversalDistributionGroup' },
    };
    const names = ['Supplier', 'Boss', 'Everyone', 'gone', 'Boss'];
    const mailboxes = names.map((ForwardingAddress, at) =>
      mailbox(`m${at}`, { ForwardingAddress, ForwardingSmtpAddress: 'smtp:ignored@mail.example' }),
    );
    const { rows, cmdlets, requests } = await tryJob(mailForwarding, {
      exchange: ({ cmdlet, parameters }) => {
        if (cmdlet !== 'Get-Recipient') return answers({ mailboxes })[cmdlet] ?? [];
        const found = recipients[String(parameters['Identity'])];
        return found === undefined ? problem(404, 'NotFound') : [found];
      },
    });
    expect(rows.map(({ to, external, leavesTenant }) => [to, external, leavesTenant])).toEqual([
      ['s@supplier.example', true, 'yes'],
      ['boss@contoso.com', false, 'no'],
      ['Everyone', null, 'unknown'],
      ['gone', null, 'unknown'],
      ['boss@contoso.com', false, 'no'],
    ]);
    // One request for all names, each once.
    expect([cmdlets.length, requests.length]).toEqual([5 + 4, 5 + 1]);
  });

  const named = (reply: Objects | Response) =>
    report(
      { mailboxes: [mailbox('a', { ForwardingAddress: 'Boss' }), forwarding('out@mail.example')] },
      { 'Get-Recipient': reply },
    );

  test('does not choose among recipients with one name', async () => {
    const { rows } = await named([{ PrimarySmtpAddress: 'a@contoso.com' }, { PrimarySmtpAddress: 'b@else.example' }]);
    expect(rows[0]).toMatchObject({ to: 'Boss', external: null, leavesTenant: 'unknown', unread: null });
  });

  test.each([
    ['a role is missing', problem(403, 'Forbidden')],
    ['Exchange takes the name for wrong', problem(400, 'BadRequest')],
  ])('says that a recipient could not be read if %s, and reports the rest', async (_name, refusal) => {
    expect((await named(refusal)).rows).toMatchObject([
      { to: 'Boss', external: null, leavesTenant: 'unknown', unread: 'Get-Recipient' },
      { to: 'out@mail.example', external: true, leavesTenant: 'yes', unread: 'Get-Recipient' },
    ]);
    await expect(named(problem(503, 'Busy'))).rejects.toMatchObject({ code: 'resource_error' });
  });

  test('reports the rest if the whole batch of recipients is refused', async () => {
    const batch = { '/$batch': problem(403, 'Forbidden') };
    const { rows } = await report({ mailboxes: [mailbox('a', { ForwardingAddress: 'Boss' })] }, batch);
    expect(rows).toMatchObject([{ to: 'Boss', leavesTenant: 'unknown', unread: 'Get-Recipient' }]);
  });

  test('reports the addresses of transport rules', async () => {
    const rows = await rowsOf({
      modes: ['Off'],
      rules: [
        rule({ Name: 'Redirect', RedirectMessageTo: ['Out@mail.example', 'b@contoso.com'] }),
        rule({ Name: 'Copies', Guid: 'g2', BlindCopyTo: ['c@mail.example'], CopyTo: ['Some group'], Mode: 'Audit' }),
        rule({ Name: 'Off', Guid: 'g3', AddToRecipients: ['d@mail.example'], State: 'Disabled' }),
        rule({ Name: 'Mark', Guid: 'g4', RedirectMessageTo: null }),
      ],
    });
    expect(
      rows.map(({ mailbox: of, rule: name, to, external, copyKept, leavesTenant, id }) => [
        of,
        name,
        to,
        external,
        copyKept,
        leavesTenant,
        id,
      ]),
    ).toEqual([
      [null, 'Redirect', 'out@mail.example', true, false, 'yes', 'g1'],
      [null, 'Redirect', 'b@contoso.com', false, false, 'no', 'g1'],
      [null, 'Copies', 'c@mail.example', true, true, 'no', 'g2'],
      [null, 'Copies', 'some group', null, true, 'no', 'g2'],
      [null, 'Off', 'd@mail.example', true, true, 'no', 'g3'],
    ]);
  });

  test('names what it could not read, and reports the rest', async () => {
    const { rows } = await report(
      { mailboxes: [forwarding('out@mail.example'), mailbox('b', { ForwardingSmtpAddress: 'smtp:c@contoso.com' })] },
      {
        'Get-HostedOutboundSpamFilterPolicy': problem(403, 'Forbidden'),
        'Get-RemoteDomain': problem(401, 'Unauthorized'),
      },
    );
    const unread = 'Get-HostedOutboundSpamFilterPolicy, Get-RemoteDomain';
    expect(rows).toMatchObject([
      { external: true, leavesTenant: 'unknown', unread },
      { external: false, leavesTenant: 'no', unread },
    ]);
  });

  test('reads 50,000 mailboxes page by page', async () => {
    const pages = 50;
    const { rows, cmdlets } = await tryJob(mailForwarding, {
      exchange: ({ cmdlet, url }) => {
        if (cmdlet !== 'Get-Mailbox') return answers({})[cmdlet] ?? [];
        const page = Number(url.searchParams.get('$skiptoken') ?? 0);
        const value = Array.from({ length: 1_000 }, (_, at) =>
          at === 0
            ? { ...forwarding('out@mail.example'), ExternalDirectoryObjectId: `p${page}` }
            : mailbox(`${page}-${at}`),
        );
        if (page === pages - 1) return { value };
        return { value, '@odata.nextLink': `${url.origin}${url.pathname}?$skiptoken=${page + 1}` };
      },
    });
    expect(rows.map(({ id }) => id)).toEqual(Array.from({ length: pages }, (_, page) => `p${page}`));
    expect(cmdlets).toHaveLength(pages + 4);
  });

  test('waits when it is throttled, and asks again', async () => {
    let refused = 0;
    const { rows } = await tryJob(mailForwarding, {
      exchange: ({ cmdlet }) =>
        cmdlet === 'Get-RemoteDomain' && refused++ === 0
          ? problem(429, 'TooManyRequests', '', { 'retry-after': '20' })
          : (answers({ mailboxes: [forwarding('out@mail.example')] })[cmdlet] ?? []),
    });
    expect([refused, rows.map(({ leavesTenant }) => leavesTenant)]).toEqual([2, ['yes']]);
  });

  test.each([
    ['the role is missing', { 'Get-Mailbox': problem(403, 'Forbidden') }, 'access_denied'],
    ['domains are refused', { 'Get-AcceptedDomain': problem(403, 'Forbidden') }, 'access_denied'],
    ['rules are refused', { 'Get-TransportRule': problem(401, 'Unauthorized') }, 'access_denied'],
    ['throttled to the end', { 'Get-RemoteDomain': problem(429, 'x', '', { 'retry-after': '600' }) }, 'throttled'],
    ['a mailbox without id', { 'Get-Mailbox': [{ UserPrincipalName: 'x' }] }, 'resource_error'],
  ])('fails with the reason of Exchange: %s', async (_case, more, code) => {
    await expect(report({}, more)).rejects.toMatchObject({ code });
  });

  test('skips a tenant without Exchange', async () => {
    const token = (): void => {
      throw new BrokerError('resource_unavailable', 'No Exchange.');
    };
    await expect(tryJob(mailForwarding, { token })).rejects.toMatchObject({ code: 'resource_unavailable' });
  });
});
