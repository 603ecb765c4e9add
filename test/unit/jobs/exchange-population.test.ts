import { expect, test } from 'vitest';
import { session, world } from '../../../packages/microsoft-cloud/test/unit/exchange-session.ts';
import { forwardingsOf } from '../../../packages/microsoft-cloud/src/exchange/forwarding.ts';
import { factsOf } from '../../../packages/microsoft-cloud/src/population/graph/facts.ts';
import { world as graphWorld } from '../../../packages/microsoft-cloud/test/unit/served-engine.ts';
import { concealsNames } from '../../../packages/microsoft-cloud/src/population/graph/sets/declare.ts';
import { contactRows } from '../../../packages/microsoft-cloud/src/population/graph/tenant-rows.ts';
import { mailboxesOf } from '../../../packages/microsoft-cloud/src/population/graph/usage-data.ts';
import { viewOf } from '../../../packages/microsoft-cloud/test/unit/tenant-view.ts';
import auditSettings from '../../../src/jobs/audit-settings.ts';
import { textRecords } from '../../../packages/microsoft-cloud/src/dns/text-records.ts';
import domainProtection from '../../../src/jobs/domain-protection.ts';
import inboxRules from '../../../src/jobs/inbox-rules.ts';
import mailForwarding from '../../../src/jobs/mail-forwarding.ts';
import mailboxPermissions from '../../../src/jobs/mailbox-permissions.ts';
import mailboxSizes from '../../../src/jobs/mailbox-sizes.ts';
import type { Job } from '../../../src/lib/runs/job/job.ts';
import type { Row } from '../../../src/lib/runs/job/row.ts';
import { customers, reportOn } from '../../support/population-report.ts';
import { tryJob } from '../../support/try-job.ts';

type Customer = (typeof world.customers)[number];
type Objects = readonly Readonly<Record<string, unknown>>[];

/** Runs a job in a tenant of the simulated cloud. */
async function run(job: Job, customer: Customer) {
  const ask = session(viewOf(world, customer));
  return tryJob(job, {
    exchange: ({ cmdlet, parameters, url }) => {
      const { status, ...body } = ask(cmdlet, parameters, { query: url.search.slice(1) });
      return Response.json(body, { status });
    },
  });
}

/** Objects without pages: the population itself. */
const objectsIn = (view: ReturnType<typeof viewOf>, cmdlet: string, parameters = {}): Objects =>
  session(view)(cmdlet, parameters).value;
const objects = (customer: Customer, cmdlet: string, parameters = {}): Objects =>
  objectsIn(viewOf(world, customer), cmdlet, parameters);

const batchesFor = (mailboxes: readonly unknown[]): number => Math.ceil(mailboxes.length / 10);

function expectedForwarding(customer: Customer): readonly Row[] {
  const facts = factsOf(viewOf(world, customer));
  const own = [facts.initialDomain, facts.defaultDomain];
  const modes = new Set(
    objects(customer, 'Get-HostedOutboundSpamFilterPolicy').map((each) => each['AutoForwardingMode']),
  );
  const [remote] = objects(customer, 'Get-RemoteDomain');
  const rules = objects(customer, 'Get-TransportRule');
  const blocks = rules.some(
    ({ Name: name, State: state }) => name === 'Block forwarding to outside' && state === 'Enabled',
  );
  const isOff = remote?.['AutoForwardEnabled'] === false || (modes.size === 1 && modes.has('Off'));
  // The rule may not concern what a mailbox forwards.
  const isOn = !blocks && modes.size === 1 && modes.has('On');
  const outside = isOff ? 'no' : isOn ? 'yes' : 'unknown';
  const addressOf = (name: string): string => {
    const contact = contactRows(facts).find(({ displayName }) => displayName === name);
    const colleague = mailboxesOf(facts).find(({ profile }) => profile.user.id === name);
    return contact === undefined ? (colleague?.profile.user.userPrincipalName ?? '') : String(contact['mail']);
  };
  const isExternal = (to: string): boolean => !own.some((domain) => to.endsWith(`@${domain}`));
  return [
    ...mailboxesOf(facts).flatMap(({ profile }) => {
      const { user, isSharedMailbox } = profile;
      const found = forwardingsOf(facts).get(user.id);
      if (found === undefined) return [];
      const to = (found.recipient === undefined ? String(found.smtp) : addressOf(found.recipient)).toLowerCase();
      const external = isExternal(to);
      return {
        mailbox: user.userPrincipalName,
        type: isSharedMailbox ? 'SharedMailbox' : 'UserMailbox',
        source: 'mailbox',
        rule: null,
        to,
        external,
        copyKept: found.keepsCopy,
        leavesTenant: external ? outside : 'no',
        unread: null,
        id: user.id,
      };
    }),
    ...rules.flatMap(({ Name: name, Guid: id, State: state, RedirectMessageTo: redirected, BlindCopyTo: copies }) =>
      ((redirected ?? copies ?? []) as readonly string[]).map((to) => ({
        mailbox: null,
        type: null,
        source: 'transport rule',
        rule: String(name),
        to,
        external: true,
        copyKept: redirected === null,
        leavesTenant: state === 'Enabled' ? 'yes' : 'no',
        unread: null,
        id: String(id),
      })),
    ),
  ];
}

test('mail-forwarding has the rows that the population of the simulated cloud contains, with five requests and one for names', async () => {
  const all: Row[] = [];
  for (const customer of world.customers) {
    const { rows, requests } = await run(mailForwarding, customer);
    expect(rows).toEqual(expectedForwarding(customer));
    const named = [...forwardingsOf(factsOf(viewOf(world, customer))).values()].some(({ recipient }) => recipient);
    expect(requests).toHaveLength(named ? 6 : 5);
    all.push(...rows);
  }
  const seen = new Set(all.map(({ source, external, leavesTenant }) => [source, external, leavesTenant].join(' ')));
  expect([...seen].toSorted()).toEqual([
    'mailbox false no',
    'mailbox true no',
    'mailbox true unknown',
    'mailbox true yes',
    'transport rule true no',
    'transport rule true yes',
  ]);
});

function expectedAudit(customer: Customer): readonly Row[] {
  const row = (
    check: string,
    ok: boolean,
    detail: string | null = null,
    subject = 'organization',
    name: string | null = null,
  ) => ({
    check,
    name,
    ok,
    detail,
    subject,
  });
  const [log] = objects(customer, 'Get-AdminAuditLogConfig');
  const [organization] = objects(customer, 'Get-OrganizationConfig');
  const bypassing = objects(customer, 'Get-MailboxAuditBypassAssociation')
    .filter((each) => each['AuditBypassEnabled'] === true)
    .map((each) =>
      row('audit bypass', false, 'AuditBypassEnabled is true', String(each['Guid']), String(each['Name'])),
    );
  const shortened = objects(customer, 'Get-Mailbox')
    .filter((each) => (each['DefaultAuditSet'] as Objects).length < 3)
    .map((each) =>
      row(
        'default audit set',
        false,
        'DefaultAuditSet lacks Owner',
        String(each['ExternalDirectoryObjectId']),
        String(each['UserPrincipalName']),
      ),
    );
  const isLogged = log?.['UnifiedAuditLogIngestionEnabled'] === true;
  const isAudited = organization?.['AuditDisabled'] === false;
  return [
    row('unified audit log', isLogged, isLogged ? null : 'UnifiedAuditLogIngestionEnabled is false'),
    row('mailbox auditing', isAudited, isAudited ? null : 'AuditDisabled is true'),
    ...(bypassing.length === 0 ? [row('audit bypass', true)] : bypassing),
    ...(shortened.length === 0 ? [row('default audit set', true)] : shortened),
  ];
}

test('audit-settings has the rows that the population of the simulated cloud contains, with four requests', async () => {
  const seen = new Set<string>();
  for (const customer of world.customers) {
    const { rows, requests } = await run(auditSettings, customer);
    expect(rows).toEqual(expectedAudit(customer));
    expect(requests).toHaveLength(4);
    for (const { check, ok } of rows) seen.add(`${String(check)} ${String(ok)}`);
  }
  expect(seen.size).toBe(8);
});

function expectedRules(customer: Customer): readonly Row[] {
  const facts = factsOf(viewOf(world, customer));
  const own = [facts.initialDomain, facts.defaultDomain];
  const mailboxes = mailboxesOf(facts);
  return mailboxes.flatMap(({ profile }) =>
    objects(customer, 'Get-InboxRule', { Mailbox: profile.user.id, IncludeHidden: true }).flatMap((rule) => {
      const row = (action: string, to: string | null, external: boolean | null): Row => ({
        mailbox: profile.user.userPrincipalName,
        type: profile.isSharedMailbox ? 'SharedMailbox' : 'UserMailbox',
        rule: String(rule['Name']),
        enabled: rule['Enabled'] === true,
        action,
        to,
        external,
        unread: null,
        id: profile.user.id,
        ruleId: String(rule['RuleIdentity']),
      });
      const sent = (action: string, property: string): readonly Row[] =>
        ((rule[property] ?? []) as readonly string[]).map((text) => {
          const to = text
            .split(/cn=Recipients\/cn=|\[SMTP:/)[1]!
            .replace(']', '')
            .toLowerCase();
          if (to.includes('@')) return row(action, to, !own.some((domain) => to.endsWith(`@${domain}`)));
          return row(action, to, mailboxes.some((each) => each.profile.user.id === to) ? false : null);
        });
      return [
        ...sent('forward', 'ForwardTo'),
        ...sent('forward as attachment', 'ForwardAsAttachmentTo'),
        ...sent('redirect', 'RedirectTo'),
        ...(rule['DeleteMessage'] === true ? [row('delete', null, null)] : []),
        ...(rule['MoveToFolder'] === 'RSS Feeds' ? [row('hide', 'RSS Feeds', null)] : []),
      ];
    }),
  );
}

test('inbox-rules has the rows that the population of the simulated cloud contains, with a request for ten mailboxes', async () => {
  const seen = new Set<string>();
  for (const customer of world.customers) {
    const { rows, requests } = await run(inboxRules, customer);
    expect(rows).toEqual(expectedRules(customer));
    expect(requests).toHaveLength(2 + batchesFor(mailboxesOf(factsOf(viewOf(world, customer)))));
    for (const { action, external } of rows) seen.add(`${String(action)} ${String(external)}`);
  }
  expect([...seen].toSorted()).toEqual([
    'delete null',
    'forward as attachment null',
    'forward true',
    'hide null',
    'redirect false',
  ]);
});

function expectedPermissions(customer: Customer): readonly Row[] {
  const mailboxes = mailboxesOf(factsOf(viewOf(world, customer)));
  const idOf = (name: string): string =>
    mailboxes.find(({ profile: { user } }) => [user.id, user.userPrincipalName].includes(name))?.profile.user.id ??
    name;
  const row = (id: string, trustee: string, right: string): Row => {
    const { user, isSharedMailbox } = mailboxes.find(({ profile }) => profile.user.id === id)!.profile;
    const known = mailboxes.find(({ profile }) => profile.user.id === idOf(trustee));
    return {
      mailbox: user.userPrincipalName,
      type: isSharedMailbox ? 'SharedMailbox' : 'UserMailbox',
      trustee: known?.profile.user.userPrincipalName ?? trustee,
      right,
      sendAsRead: 'yes',
      unread: null,
      id,
      trusteeId: idOf(trustee),
    };
  };
  const others = (each: Readonly<Record<string, unknown>>, property: string): boolean =>
    each[property] !== 'NT AUTHORITY\\SELF' && each['Deny'] !== true;
  const opening = mailboxes.flatMap(({ profile: { user } }) => [
    ...objects(customer, 'Get-MailboxPermission', { Identity: user.id })
      .filter((each) => others(each, 'User'))
      .flatMap((each) =>
        (each['AccessRights'] as readonly string[]).map((right) => row(user.id, String(each['User']), right)),
      ),
    ...objects(customer, 'Get-Mailbox', { Identity: user.id }).flatMap((each) =>
      (each['GrantSendOnBehalfTo'] as readonly string[]).map((name) => row(user.id, name, 'SendOnBehalf')),
    ),
  ]);
  const sendAs = objects(customer, 'Get-RecipientPermission', { ResultSize: 'Unlimited' })
    .filter((each) => others(each, 'Trustee'))
    .map((each) => row(String(each['Identity']), String(each['Trustee']), 'SendAs'));
  return [...opening, ...sendAs];
}

test('mailbox-permissions has the rows that the population of the simulated cloud contains, with a request for ten mailboxes', async () => {
  const seen = new Set<string>();
  for (const customer of world.customers) {
    const { rows, requests } = await run(mailboxPermissions, customer);
    expect(rows).toEqual(expectedPermissions(customer));
    expect(requests).toHaveLength(2 + batchesFor(mailboxesOf(factsOf(viewOf(world, customer)))));
    for (const { right, trustee } of rows)
      seen.add(`${String(right)} ${String(trustee).startsWith('S-1-5') ? 'deleted' : ''}`);
  }
  expect([...seen].toSorted()).toEqual([
    'FullAccess ',
    'FullAccess deleted',
    'ReadPermission deleted',
    'SendAs ',
    'SendOnBehalf ',
  ]);
});

function expectedSizes(customer: Customer): readonly Row[] {
  const facts = factsOf(viewOf(graphWorld, customer));
  const isHidden = concealsNames(facts);
  const mailboxes = mailboxesOf(facts);
  const megabytes = (bytes: number): number => Math.round(bytes / 1024 ** 2);
  const asOf = '2026-11-24';
  const rows = mailboxes.map(({ profile, usedBytes, receiveQuotaBytes, archiveGuid }): Row => {
    const { user, isSharedMailbox, isSynced } = profile;
    const findings = [
      ...(!isHidden && usedBytes >= receiveQuotaBytes * 0.9 ? ['nearly full'] : []),
      ...(isSharedMailbox && user.accountEnabled ? ['sign-in allowed'] : []),
    ];
    return {
      mailbox: user.userPrincipalName,
      type: isSharedMailbox ? 'SharedMailbox' : 'UserMailbox',
      usedMb: isHidden ? null : megabytes(usedBytes),
      quotaMb: isHidden ? null : megabytes(receiveQuotaBytes),
      percent: isHidden ? null : Math.floor((usedBytes / receiveQuotaBytes) * 100),
      finding: findings.join(', ') || null,
      archive: archiveGuid === undefined ? 'none' : 'active',
      archiveMb: null,
      enabled: user.accountEnabled,
      licensed: user.licences.length > 0,
      synced: isSynced,
      asOf: isHidden ? null : asOf,
      sizesRead: isHidden ? 'concealed' : 'yes',
      id: user.id,
    };
  });
  if (!isHidden || mailboxes.length === 0) return rows;
  const usedMb = megabytes(mailboxes.reduce((sum, { usedBytes }) => sum + usedBytes, 0));
  return [...rows, { mailbox: null, type: 'total', usedMb, asOf, sizesRead: 'concealed', id: 'total' }];
}

test('mailbox-sizes has the rows that the population of the simulated cloud contains, with three requests and one for 200 mailboxes more', async () => {
  const seen = new Set<string>();
  for (const customer of customers) {
    const { rows, requests } = await reportOn(mailboxSizes, customer);
    expect(rows).toEqual(expectedSizes(customer));
    const { length } = mailboxesOf(factsOf(viewOf(graphWorld, customer)));
    expect(requests).toHaveLength(2 + Math.max(1, Math.ceil(length / 200)));
    for (const { type, finding, sizesRead } of rows) seen.add([type, finding ?? '', sizesRead].join('; '));
  }
  // More customers have further combinations.
  const kinds = [
    'SharedMailbox; ; concealed',
    'SharedMailbox; ; yes',
    'SharedMailbox; nearly full, sign-in allowed; yes',
    'SharedMailbox; sign-in allowed; concealed',
    'SharedMailbox; sign-in allowed; yes',
    'UserMailbox; ; concealed',
    'UserMailbox; ; yes',
    'UserMailbox; nearly full; yes',
    'total; ; concealed',
  ];
  expect(kinds.filter((kind) => !seen.has(kind))).toEqual([]);
});

test('domain-protection has the rows that the population of the simulated cloud contains, with two requests', async () => {
  const seen = new Set<string>();
  for (const customer of customers) {
    const { rows, requests, asked } = await reportOn(domainProtection, customer);
    const view = viewOf(graphWorld, customer);
    const signers = objectsIn(view, 'Get-DkimSigningConfig');
    const records = (name: string) => textRecords(graphWorld, name)?.join('; ') ?? '';
    expect(rows).toEqual(
      view.rows('domains').map(({ id, isDefault, isInitial }) => {
        const signer = signers.find(({ Domain: domain }) => domain === id);
        const dmarc = /p=(\w+)/.exec(records(`_dmarc.${String(id)}`))?.[1];
        return {
          domain: id,
          default: isDefault,
          initial: isInitial,
          mail: 'yes',
          spf: /[-~]all/.exec(records(String(id)))?.[0] ?? 'absent',
          dmarc: dmarc ?? 'absent',
          pct: dmarc === undefined ? null : 100,
          from: null,
          dkim: signer?.['Enabled'] === true ? 'on' : 'off',
          status: signer?.['Status'] ?? null,
          dkimRead: 'yes',
          dnsRead: 'yes',
        };
      }),
    );
    expect(requests).toHaveLength(2);
    expect(asked.length).toBeLessThanOrEqual(3 * rows.length);
    for (const { initial, spf, dmarc, dkim } of rows) seen.add([initial, spf, dmarc, dkim].map(String).join(' '));
  }
  const kinds = ['-all', '~all', 'absent', 'none', 'quarantine', 'reject', ' on', ' off'];
  expect(kinds.filter((kind) => ![...seen].some((row) => row.includes(kind)))).toEqual([]);
  expect(seen).toContain('true -all absent on');
});
