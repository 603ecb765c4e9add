import { describe, expect, test } from 'vitest';
import domainProtection from '../../../src/jobs/domain-protection.ts';
import inboxRules from '../../../src/jobs/inbox-rules.ts';
import mailboxPermissions from '../../../src/jobs/mailbox-permissions.ts';
import mailboxSizes from '../../../src/jobs/mailbox-sizes.ts';
import { BrokerError } from '../../../src/lib/core/errors.ts';
import { problem } from '../../fakes/scripted-fetch.ts';
import { tryJob, type TryJobOptions } from '../../support/try-job.ts';

type Objects = readonly Readonly<Record<string, unknown>>[];

const dnOf = (id: string): string => `/o=ExchangeLabs/cn=Recipients/cn=${id}`;
const mailbox = (id: string, more: object = {}) => ({
  UserPrincipalName: `${id}@contoso.com`,
  ExternalDirectoryObjectId: id,
  RecipientTypeDetails: 'UserMailbox',
  Name: id,
  LegacyExchangeDN: dnOf(id.toUpperCase()),
  ...more,
});
/** Exchange with mailboxes, and the answer to a cmdlet about one of them. */
const exchangeOf =
  (mailboxes: Objects, ofOne: (name: string) => Objects | Response, more: Record<string, Objects | Response> = {}) =>
  ({ cmdlet, parameters }: { cmdlet: string; parameters: Readonly<Record<string, unknown>> }) => {
    if (cmdlet === 'Get-Mailbox') return mailboxes;
    if (cmdlet === 'Get-AcceptedDomain') return [{ DomainName: 'contoso.com' }];
    return more[cmdlet] ?? ofOne(String(parameters['Mailbox'] ?? parameters['Identity']).split('@')[0] ?? '');
  };
const outOfScope = () =>
  Response.json(
    {
      error: {
        code: 'BadRequest',
        details: [{ message: "ExA6F5A7|X|It is out of the current user's read scope." }],
      },
    },
    { status: 400 },
  );

describe('inbox-rules', () => {
  const rule = (more: object) => ({ Identity: 'a\\18446744073709551615', Name: 'R', Enabled: true, ...more });
  const reportOn = (mailboxes: Objects, ofOne: (name: string) => Objects | Response) =>
    tryJob(inboxRules, { exchange: exchangeOf(mailboxes, ofOne) });
  const rowsOf = async (...rules: Objects) =>
    (await reportOn([mailbox('a'), mailbox('b')], (name) => (name === 'a' ? rules : []))).rows;

  test('reads each mailbox with its hidden rules, ten in a request, and keeps the whole number of a rule', async () => {
    const mailboxes = Array.from({ length: 25 }, (_, at) => mailbox(`m${at}`));
    const { rows, requests, cmdlets } = await reportOn(mailboxes, (name) =>
      name === 'm7' ? [rule({ DeleteMessage: true })] : [],
    );
    expect(rows).toEqual([
      {
        mailbox: 'm7@contoso.com',
        type: 'UserMailbox',
        rule: 'R',
        enabled: true,
        action: 'delete',
        to: null,
        external: null,
        unread: null,
        id: 'm7',
        ruleId: '18446744073709551615',
      },
    ]);
    expect(requests).toHaveLength(2 + 3);
    expect(cmdlets.at(-1)?.parameters).toEqual({ Mailbox: 'm24@contoso.com', IncludeHidden: true });
    expect(cmdlets.at(-1)?.headers.get('x-anchormailbox')).toBe('UPN:m24@contoso.com');
  });

  test.each([
    ['"Out" [SMTP:Out@Mail.example]', 'out@mail.example', true],
    ['"B" [SMTP:b@contoso.com]', 'b@contoso.com', false],
    [`"B" [EX:${dnOf('b')}]`, 'b', false],
    // A contact or a group of the address list, which may lead outside.
    [`"Contact" [EX:${dnOf('c')}]`, 'c', null],
    ['somebody', 'somebody', null],
    ['out@mail.example', 'out@mail.example', true],
  ])('reads the recipient %s', async (ForwardTo, to, external) => {
    expect(await rowsOf(rule({ ForwardTo: [ForwardTo] }))).toMatchObject([{ action: 'forward', to, external }]);
  });

  test('has a row for each action and recipient, once', async () => {
    const rows = await rowsOf(
      rule({
        Enabled: false,
        ForwardAsAttachmentTo: ['"X" [SMTP:x@mail.example]', '"Y" [SMTP:X@mail.example]'],
        RedirectTo: ['"X" [SMTP:x@mail.example]'],
        DeleteMessage: true,
        MoveToFolder: 'a:\\RSS Subscriptions',
      }),
    );
    expect(rows.map(({ action, to, enabled }) => [action, to, enabled])).toEqual([
      ['forward as attachment', 'x@mail.example', false],
      ['redirect', 'x@mail.example', false],
      ['delete', null, false],
      ['hide', 'a:\\RSS Subscriptions', false],
    ]);
  });

  test('leaves out rules that sort messages', async () => {
    expect(await rowsOf(rule({ MoveToFolder: 'Newsletters', DeleteMessage: false, ForwardTo: null }))).toEqual([]);
  });

  test('has a row with the reason for a mailbox that cannot be read', async () => {
    const { rows } = await reportOn([mailbox('a'), mailbox('b'), mailbox('c')], (name) =>
      name === 'b' ? outOfScope() : name === 'c' ? [{ Name: 'without identity' }] : [],
    );
    expect(rows).toEqual([
      { mailbox: 'b@contoso.com', type: 'UserMailbox', id: 'b', unread: 'Exchange Online refuses access (400 X).' },
      expect.objectContaining({ id: 'c', unread: expect.stringContaining('expected shape') as string }),
    ]);
  });

  test('reads 10,000 mailboxes, and says so of the others', async () => {
    const mailboxes = Array.from({ length: 10_001 }, (_, at) => mailbox(`m${at}`));
    const { rows, requests } = await reportOn(mailboxes, () => []);
    expect(rows).toMatchObject([{ id: 'm10000', unread: 'The report reads 10000 mailboxes of a tenant.' }]);
    expect(requests).toHaveLength(2 + 1_000);
  });

  test('fails with the reason if no mailbox can be read, as for a Global Reader', async () => {
    const refused = reportOn([mailbox('a'), mailbox('b')], outOfScope);
    await expect(refused).rejects.toMatchObject({ code: 'access_denied' });
    expect((await reportOn([], outOfScope)).rows).toEqual([]);
  });
});

describe('mailbox-permissions', () => {
  const right = (User: string, AccessRights: readonly string[] = ['FullAccess'], more: object = {}) => ({
    User,
    AccessRights,
    Deny: false,
    IsInherited: false,
    ...more,
  });
  const sendAs = (Identity: string, Trustee: string, more: object = {}) => ({
    Identity,
    Trustee,
    AccessControlType: 'Allow',
    AccessRights: ['SendAs'],
    IsInherited: false,
    ...more,
  });
  const reportOn = (
    mailboxes: Objects,
    ofOne: (name: string) => Objects | Response,
    recipients: Objects | Response = [],
  ) =>
    tryJob(mailboxPermissions, {
      exchange: exchangeOf(mailboxes, ofOne, { 'Get-RecipientPermission': recipients }),
    });

  test('has a row for each right of somebody else', async () => {
    const { rows, requests } = await reportOn(
      [mailbox('a', { GrantSendOnBehalfTo: ['b'] }), mailbox('b', { Name: 'Name of b' })],
      (name) =>
        name === 'a'
          ? [
              right('NT AUTHORITY\\SELF', ['FullAccess', 'ReadPermission']),
              right('B@contoso.com', ['FullAccess', 'ReadPermission']),
              right('B@contoso.com'),
              right('S-1-5-21-1'),
              right('inherits', ['FullAccess'], { IsInherited: true }),
              right('denied', ['FullAccess'], { Deny: true }),
            ]
          : [],
      [
        sendAs('Name of b', 'a'),
        sendAs('b', 'NT AUTHORITY\\SELF'),
        sendAs('Name of b', 'denied', { AccessControlType: 'Deny' }),
        sendAs('Name of b', 'inherits', { IsInherited: true }),
        sendAs('a group', 'a'),
      ],
    );
    expect(rows.map((row) => [row['mailbox'], row['right'], row['trustee'], row['trusteeId']])).toEqual([
      ['a@contoso.com', 'FullAccess', 'b@contoso.com', 'b'],
      ['a@contoso.com', 'ReadPermission', 'b@contoso.com', 'b'],
      ['a@contoso.com', 'FullAccess', 'S-1-5-21-1', 'S-1-5-21-1'],
      ['a@contoso.com', 'SendOnBehalf', 'b@contoso.com', 'b'],
      ['b@contoso.com', 'SendAs', 'a@contoso.com', 'a'],
    ]);
    expect(rows.every((row) => row['sendAsRead'] === 'yes' && row['unread'] === null)).toBe(true);
    expect(requests).toHaveLength(3);
  });

  test('reports the rest if Exchange does not show who may send as others, as to a Global Reader', async () => {
    const { rows } = await reportOn([mailbox('a')], () => [right('b')], problem(401, 'Unauthorized'));
    expect(rows).toMatchObject([{ right: 'FullAccess', sendAsRead: 'no access' }]);
  });

  test('has a row with the reason for a mailbox that cannot be read', async () => {
    const { rows } = await reportOn([mailbox('a'), mailbox('b')], (name) =>
      name === 'a' ? outOfScope() : [right('a')],
    );
    expect(rows).toMatchObject([
      { id: 'a', right: null, trustee: null, unread: 'Exchange Online refuses access (400 X).' },
      { id: 'b', right: 'FullAccess', unread: null },
    ]);
  });

  test('fails with the reason if no mailbox can be read', async () => {
    await expect(reportOn([mailbox('a')], outOfScope)).rejects.toMatchObject({ code: 'access_denied' });
  });
});

describe('mailbox-sizes', () => {
  const zeros = '00000000-0000-0000-0000-000000000000';
  const usage = (name: string, used: number | undefined, quota: number | undefined = 50 * 1024 ** 3) => ({
    userPrincipalName: name,
    reportRefreshDate: '2026-11-22',
    storageUsedInBytes: used,
    prohibitSendReceiveQuotaInBytes: quota,
  });
  const gigabyte = 1024 ** 3;
  const reportOn = (
    mailboxes: Objects,
    usages: Objects | Response,
    {
      users = [],
      archive = () => [],
      parameters = {},
    }: { users?: Objects; archive?: (name: string) => Objects | Response; parameters?: object } = {},
  ) =>
    tryJob(mailboxSizes, {
      exchange: exchangeOf(mailboxes, archive),
      graph: {
        "/beta/reports/getMailboxUsageDetail(period='D7')": usages instanceof Response ? usages : { value: usages },
        '/users': { value: users },
      },
      parameters: { ...parameters },
    });

  test('joins sizes by name and accounts by id, with three requests', async () => {
    const { rows, requests } = await reportOn(
      [
        mailbox('a', { ArchiveGuid: zeros }),
        mailbox('b', { RecipientTypeDetails: 'RoomMailbox', ArchiveGuid: 'x' }),
        mailbox('c'),
      ],
      [usage('A@contoso.com', 45 * gigabyte), usage('b@contoso.com', 44.9 * gigabyte), usage('gone@contoso.com', 1)],
      {
        users: [
          { id: 'a', accountEnabled: true, assignedLicenses: [{}], onPremisesSyncEnabled: null },
          { id: 'b', accountEnabled: false, assignedLicenses: [], onPremisesSyncEnabled: true },
        ],
      },
    );
    const known = { archiveMb: null, asOf: '2026-11-22', sizesRead: 'yes', quotaMb: 51_200 };
    expect(rows).toEqual([
      {
        ...known,
        mailbox: 'a@contoso.com',
        type: 'UserMailbox',
        usedMb: 46_080,
        percent: 90,
        finding: 'nearly full',
        archive: 'none',
        enabled: true,
        licensed: true,
        synced: false,
        id: 'a',
      },
      {
        ...known,
        mailbox: 'b@contoso.com',
        type: 'RoomMailbox',
        usedMb: 45_978,
        percent: 89,
        finding: null,
        archive: 'active',
        enabled: false,
        licensed: false,
        synced: true,
        id: 'b',
      },
      {
        ...known,
        mailbox: 'c@contoso.com',
        type: 'UserMailbox',
        usedMb: null,
        quotaMb: null,
        percent: null,
        finding: null,
        archive: null,
        enabled: null,
        licensed: null,
        synced: null,
        asOf: null,
        id: 'c',
      },
    ]);
    expect(requests).toHaveLength(3);
  });

  test.each([
    ['SharedMailbox', true, 'nearly full, sign-in allowed'],
    ['RoomMailbox', true, 'nearly full, sign-in allowed'],
    ['EquipmentMailbox', true, 'nearly full, sign-in allowed'],
    ['SharedMailbox', false, 'nearly full'],
    ['UserMailbox', true, 'nearly full'],
  ])('finds of a full %s whose account is enabled (%s): %s', async (RecipientTypeDetails, accountEnabled, finding) => {
    const { rows } = await reportOn([mailbox('a', { RecipientTypeDetails })], [usage('a@contoso.com', 49 * gigabyte)], {
      users: [{ id: 'a', accountEnabled }],
    });
    expect(rows).toMatchObject([{ finding }]);
  });

  test('knows the sum alone where names are concealed', async () => {
    const { rows } = await reportOn(
      [mailbox('a')],
      [usage('0123456789ABCDEF0123456789ABCDEF', gigabyte), usage('1123456789ABCDEF0123456789ABCDEF', gigabyte)],
    );
    expect(rows).toMatchObject([
      { id: 'a', usedMb: null, finding: null, sizesRead: 'concealed' },
      { id: 'total', mailbox: null, type: 'total', usedMb: 2_048, sizesRead: 'concealed' },
    ]);
  });

  test('reports the mailboxes if the role does not show sizes, as Global Reader', async () => {
    const { rows } = await reportOn([mailbox('a', { ArchiveGuid: zeros })], problem(403, 'S2SUnauthorized'));
    expect(rows).toMatchObject([{ id: 'a', usedMb: null, archive: 'none', sizesRead: 'no access' }]);
  });

  test('reads the size of each archive on request, and leaves out one that cannot be read', async () => {
    const mailboxes = ['a', 'b', 'c', 'd'].map((id) => mailbox(id, { ArchiveGuid: id === 'a' ? zeros : 'x' }));
    const { rows, cmdlets } = await reportOn(mailboxes, [], {
      parameters: { archiveSizes: true },
      archive: (name) =>
        name === 'b'
          ? [{ TotalItemSize: '1.5 GB (1,610,612,736 bytes)' }]
          : name === 'c'
            ? [{ TotalItemSize: 'Unlimited' }]
            : problem(404, 'NotFound'),
    });
    expect(rows.map(({ archiveMb }) => archiveMb)).toEqual([null, 1_536, null, null]);
    expect(cmdlets.slice(1).map(({ parameters }) => parameters)).toEqual(
      ['b', 'c', 'd'].map((id) => ({ Identity: `${id}@contoso.com`, Archive: true })),
    );
  });

  test('fails if Exchange throttles every mailbox, so that it is tried again', async () => {
    const throttled = () => problem(429, 'TooManyRequests', '', { 'retry-after': '600' });
    const mailboxes = [mailbox('a', { ArchiveGuid: 'x' })];
    const report = reportOn(mailboxes, [], { parameters: { archiveSizes: true }, archive: throttled });
    await expect(report).rejects.toMatchObject({ code: 'throttled' });
  });
});

describe('domain-protection', () => {
  const domain = (id: string, more: object = {}) => ({ id, isVerified: true, supportedServices: ['Email'], ...more });
  const reportOn = (domains: Objects, more: TryJobOptions = {}) =>
    tryJob(domainProtection, {
      graph: { '/domains': { value: domains } },
      exchange: { 'Get-DkimSigningConfig': [] },
      ...more,
    });
  /** The report on one domain, with these records. Null: the server does not answer for the name. */
  const inDns = (id: string, records: Readonly<Record<string, readonly string[] | null>>) =>
    reportOn([domain(id)], {
      dns: (name) => {
        const found = records[name];
        if (found === null) throw Object.assign(new Error(name), { code: 'ETIMEOUT' });
        return found;
      },
    });

  test('joins the domains with their DKIM, and leaves out those that are not verified', async () => {
    const { rows } = await reportOn(
      [
        domain('a.example', { isDefault: true, isInitial: false }),
        domain('B.example'),
        domain('c.example', { supportedServices: [] }),
        domain('d.example', { supportedServices: null }),
        domain('new.example', { isVerified: false }),
      ],
      {
        exchange: {
          'Get-DkimSigningConfig': [
            { Domain: 'A.example', Enabled: true, Status: 'Valid' },
            { Domain: 'b.example', Enabled: false, Status: 'CnameMissing' },
            { Domain: 'd.example' },
          ],
        },
      },
    );
    const read = { dkimRead: 'yes', dnsRead: 'yes', spf: 'absent', dmarc: 'absent', pct: null, from: null };
    expect(rows).toEqual([
      { ...read, domain: 'a.example', default: true, initial: false, mail: 'yes', dkim: 'on', status: 'Valid' },
      { ...read, domain: 'B.example', default: null, initial: null, mail: 'yes', dkim: 'off', status: 'CnameMissing' },
      { ...read, domain: 'c.example', default: null, initial: null, mail: 'no', dkim: 'off', status: null },
      { ...read, domain: 'd.example', default: null, initial: null, mail: null, dkim: null, status: null },
    ]);
  });

  test('knows nothing of DKIM without Exchange, or without a role', async () => {
    const token: TryJobOptions['token'] = ({ resource: { alias } }) => {
      if (alias === 'exchange') throw new BrokerError('resource_unavailable', 'No Exchange.');
    };
    expect((await reportOn([domain('a.example')], { token })).rows).toMatchObject([
      { dkim: null, dkimRead: 'no licence' },
    ]);
    const exchange = { 'Get-DkimSigningConfig': problem(403, 'Forbidden') };
    expect((await reportOn([domain('a.example')], { exchange })).rows).toMatchObject([
      { dkim: null, dkimRead: 'no access' },
    ]);
  });

  test.each([
    [['v=spf1 include:spf.protection.outlook.com -all', 'MS=ms1'], '-all'],
    [['v=spf1 mx ~ALL'], '~all'],
    [['V=SPF1 ?all'], '?all'],
    [['v=spf1 +all'], '+all'],
    [['v=spf1 all'], '+all'],
    [['v=spf1 redirect=_spf.example.net'], 'redirect'],
    [['v=spf1'], 'no all'],
    [['v=spf1 -all', 'v=spf1 ~all'], 'several records'],
    [['v=spf10 -all', 'spf2.0/pra -all'], 'absent'],
    [[], 'absent'],
  ])('reads SPF of %j as %s', async (records, spf) => {
    expect((await inDns('a.example', { 'a.example': records })).rows).toMatchObject([{ spf, dnsRead: 'yes' }]);
  });

  test.each([
    [['v=DMARC1; p=reject; pct=50; rua=mailto:a@a.example'], 'reject', 50],
    [['v = DMARC1 ;P=Quarantine'], 'quarantine', 100],
    [['v=DMARC1; p=none; sp=reject'], 'none', 100],
    [['v=DMARC1; rua=mailto:a@a.example'], 'none', 100],
    [['v=DMARC1; p=block'], 'not valid', 100],
    [['v=DMARC1; p=reject; pct=all'], 'reject', null],
    [['v=DMARC1; p=reject', 'v=DMARC1; p=none'], 'absent', null],
    [['v=dmarc1; p=reject', 'p=reject; v=DMARC1'], 'absent', null],
  ])('reads DMARC of %j as %s', async (records, dmarc, pct) => {
    expect((await inDns('a.example', { '_dmarc.a.example': records })).rows).toMatchObject([
      { dmarc, pct, from: null },
    ]);
  });

  test('takes the record of the parent domain for a domain without one of its own', async () => {
    const parent = {
      '_dmarc.b.example.com': ['v=DMARC1; p=none'],
      '_dmarc.example.com': ['v=DMARC1; p=reject; sp=quarantine'],
    };
    expect((await inDns('a.b.example.com', parent)).rows).toMatchObject([{ dmarc: 'quarantine', from: 'example.com' }]);
    const suffix = { '_dmarc.gov.uk': ['v=DMARC1; p=reject; psd=y'], '_dmarc.a.gov.uk': ['v=DMARC1; p=none'] };
    expect((await inDns('b.a.gov.uk', suffix)).rows).toMatchObject([{ dmarc: 'none', from: 'a.gov.uk' }]);
    const ofMicrosoft = { '_dmarc.onmicrosoft.com': ['v=DMARC1; p=reject'] };
    const { rows, asked } = await inDns('a.onmicrosoft.com', ofMicrosoft);
    expect([rows[0]?.['dmarc'], asked]).toEqual(['absent', ['a.onmicrosoft.com', '_dmarc.a.onmicrosoft.com']]);
  });

  test('knows nothing where DNS does not answer, and does not call it absent', async () => {
    const unknown = { dmarc: null, pct: null, from: null, dnsRead: 'no answer' };
    expect((await inDns('a.example', { '_dmarc.a.example': null })).rows).toMatchObject([
      { ...unknown, spf: 'absent' },
    ]);
    expect((await inDns('b.a.example', { '_dmarc.a.example': null })).rows).toMatchObject([unknown]);
    const own = { 'a.example': null, '_dmarc.a.example': ['v=DMARC1; p=none'] };
    expect((await inDns('a.example', own)).rows).toMatchObject([{ spf: null, dmarc: 'none', dnsRead: 'no answer' }]);
  });
});
