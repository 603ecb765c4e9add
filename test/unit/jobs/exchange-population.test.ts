import { expect, test } from 'vitest';
import { session, world } from '../../../packages/microsoft-cloud/test/unit/exchange-session.ts';
import { forwardingsOf } from '../../../packages/microsoft-cloud/src/exchange/forwarding.ts';
import { factsOf } from '../../../packages/microsoft-cloud/src/population/graph/facts.ts';
import { contactRows } from '../../../packages/microsoft-cloud/src/population/graph/tenant-rows.ts';
import { mailboxesOf } from '../../../packages/microsoft-cloud/src/population/graph/usage-data.ts';
import { viewOf } from '../../../packages/microsoft-cloud/test/unit/tenant-view.ts';
import auditSettings from '../../../src/jobs/audit-settings.ts';
import mailForwarding from '../../../src/jobs/mail-forwarding.ts';
import type { Job } from '../../../src/lib/runs/job/job.ts';
import type { Row } from '../../../src/lib/runs/job/row.ts';
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

/** Objects without parameters and pages: the population itself. */
const objects = (customer: Customer, cmdlet: string): Objects => session(viewOf(world, customer))(cmdlet).value;

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
  const isOff = blocks || remote?.['AutoForwardEnabled'] === false || (modes.size === 1 && modes.has('Off'));
  const outside = isOff ? 'no' : modes.size === 1 && modes.has('On') ? 'yes' : 'unknown';
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
