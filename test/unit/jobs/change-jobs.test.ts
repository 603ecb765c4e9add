import { describe, expect, test } from 'vitest';
import { session } from '../../../packages/microsoft-cloud/test/unit/exchange-session.ts';
import { ask, world } from '../../../packages/microsoft-cloud/test/unit/served-engine.ts';
import { viewOf } from '../../../packages/microsoft-cloud/test/unit/tenant-view.ts';
import blockStaleGuests from '../../../src/jobs/block-stale-guests.ts';
import mailboxAudit from '../../../src/jobs/mailbox-audit.ts';
import partnerNamedLocations from '../../../src/jobs/partner-named-locations.ts';
import removeOutsideForwarding from '../../../src/jobs/remove-outside-forwarding.ts';
import sharepointSharingLevel from '../../../src/jobs/sharepoint-sharing-level.ts';
import type { Job } from '../../../src/lib/runs/job/job.ts';
import { type Customer, customers, nowMs, populationOf, type Raw, reportOn } from '../../support/population-report.ts';
import { tryJob } from '../../support/try-job.ts';

/* What the built-in changes plan, compared with what the data of the simulated cloud asks for, computed here. */

interface Planned {
  readonly change: Readonly<Record<string, unknown>>;
  readonly before: unknown;
  readonly facts?: unknown;
}

const plannedIn = (rows: readonly Raw[]): readonly Planned[] =>
  rows.map(({ content }) => {
    const { nonce: _nonce, ...planned } = JSON.parse(String(content)) as Planned & { readonly nonce: string };
    return planned;
  });
const planIn = async (job: Job, customer: Customer, parameters = {}): Promise<readonly Planned[]> =>
  plannedIn((await reportOn(job, customer, { parameters })).rows);

const hasPremium = (customer: Customer): boolean => populationOf(customer).hasPlan('AAD_PREMIUM', 'AAD_PREMIUM_P2');
const premium = customers.filter(hasPremium);
const plain = customers.filter((customer) => !hasPremium(customer));
const dayMs = 86_400_000;

describe('block-stale-guests', () => {
  const times = ({ createdDateTime, externalUserStateChangeDateTime, signInActivity }: Raw): readonly number[] =>
    [createdDateTime, externalUserStateChangeDateTime, ...Object.values(signInActivity ?? {})]
      .map((value) => Date.parse(String(value)))
      .filter((ms) => !Number.isNaN(ms));
  const staleIn = (customer: Customer, days: number): readonly Raw[] =>
    populationOf(customer)
      .rows('users')
      .filter(
        (user) =>
          user['userType'] === 'Guest' &&
          user['accountEnabled'] === true &&
          user['onPremisesSyncEnabled'] !== true &&
          times(user).every((ms) => ms <= nowMs - days * dayMs),
      );

  test.each([30, 180])('blocks the guests who have not signed in for %i days, while they do not', async (days) => {
    let total = 0;
    for (const customer of premium) {
      const expected = staleIn(customer, days);
      total += expected.length;
      expect(await planIn(blockStaleGuests, customer, { days })).toEqual(
        expected.map(({ id, signInActivity }) => ({
          change: {
            action: 'update',
            path: `/users/${String(id)}`,
            properties: { accountEnabled: false },
            while: { path: `/users/${String(id)}`, properties: ['signInActivity'] },
          },
          before: { accountEnabled: true },
          facts: { signInActivity: signInActivity ?? null },
        })),
      );
    }
    expect(total).toBeGreaterThan(0);
  });

  test('fails without Entra ID P1, and where no activity is shown', async () => {
    expect(plain.length).toBeGreaterThan(0);
    for (const customer of plain.slice(0, 3))
      await expect(planIn(blockStaleGuests, customer)).rejects.toMatchObject({
        code: 'job_failed',
        detail: expect.stringContaining('neither Entra ID P1 nor P2'),
      });
    const blind = reportOn(blockStaleGuests, premium[0]!, {
      replace: (name, value) => (name === 'signInActivity' ? null : value),
    });
    await expect(blind).rejects.toMatchObject({
      code: 'job_failed',
      detail: expect.stringContaining('no sign-in of any account'),
    });
  });

  test('leaves out guests of whom nothing is known, and counts an attempt that failed', async () => {
    const old = '2020-01-01T00:00:00Z';
    const guest = (digit: number, more: object = {}) => ({
      id: `${String(digit).repeat(8)}-2222-4333-8444-555555555555`,
      userType: 'Guest',
      accountEnabled: true,
      createdDateTime: old,
      signInActivity: { lastSignInDateTime: old },
      ...more,
    });
    const users = [
      guest(0),
      guest(1, { createdDateTime: null, signInActivity: null }),
      guest(2, {
        signInActivity: { lastSuccessfulSignInDateTime: old, lastSignInDateTime: '2026-11-20T00:00:00Z' },
      }),
      guest(3, { externalUserStateChangeDateTime: '2026-11-20T00:00:00Z' }),
      guest(4, { onPremisesSyncEnabled: true }),
      guest(5, { accountEnabled: false }),
      guest(6, { userType: 'Member' }),
    ];
    const { rows } = await tryJob(blockStaleGuests, {
      graph: ({ url }) => {
        const [, id] = /\/users\/([\w-]+)$/.exec(url.pathname) ?? [];
        if (id !== undefined) return users.find((user) => user.id === id)!;
        if (url.pathname.endsWith('/users')) return { value: users };
        const servicePlans = [{ servicePlanName: 'AAD_PREMIUM' }];
        return { value: [{ capabilityStatus: 'Enabled', servicePlans }] };
      },
    });
    expect(rows.map(({ target }) => target)).toEqual(['/users/00000000-2222-4333-8444-555555555555']);
  });
});

describe('remove-outside-forwarding', () => {
  test('clears both values of each mailbox that forwards outside, by its GUID', async () => {
    const seen = { address: 0, contact: 0, both: 0, stays: 0 };
    for (const customer of customers) {
      const run = session(viewOf(world, customer));
      const domains = new Set(run('Get-AcceptedDomain').value?.map(({ DomainName }) => DomainName) ?? []);
      const recipients = run('Get-Recipient', { ResultSize: 'Unlimited' }).value ?? [];
      const nameOf = ({ DisplayName }: Raw) => String(DisplayName);
      // A name that two recipients have says nothing.
      const contacts = recipients.filter(
        (each) =>
          each['RecipientType'] === 'MailContact' &&
          recipients.filter((other) => nameOf(other) === nameOf(each)).length === 1,
      );
      const mailboxes = run('Get-Mailbox', { ResultSize: 'Unlimited' }).value ?? [];
      const expected = mailboxes.filter(({ ForwardingAddress: name, ForwardingSmtpAddress: smtp }) => {
        if (name === null && smtp === null) return false;
        const goesOut =
          name === null ? !domains.has(String(smtp).split('@')[1]) : contacts.some((each) => nameOf(each) === name);
        seen[!goesOut ? 'stays' : name === null ? 'address' : smtp === null ? 'contact' : 'both'] += 1;
        return goesOut;
      });
      const planning = planIn(removeOutsideForwarding, customer);
      if (mailboxes.length === 0) continue;
      const planned = await planning;
      expect(planned).toEqual(
        expected.map(({ Guid, ForwardingAddress, ForwardingSmtpAddress }) => ({
          change: {
            action: 'cmdlet',
            cmdlet: 'Set-Mailbox',
            parameters: { ForwardingAddress: null, ForwardingSmtpAddress: null, Identity: Guid },
            read: { cmdlet: 'Get-Mailbox', parameters: { Identity: Guid } },
          },
          before: { ForwardingAddress, ForwardingSmtpAddress },
        })),
      );
    }
    expect(Object.entries(seen).filter(([, times]) => times === 0)).toEqual([]);
  });

  test('leaves a mailbox that forwards to a group, or to nobody who is known', async () => {
    const guid = (digit: number) => `${String(digit).repeat(8)}-2222-4333-8444-555555555555`;
    const mailbox = (digit: number, ForwardingAddress: string) => ({
      Guid: guid(digit),
      ForwardingAddress,
      ForwardingSmtpAddress: 'smtp:out@mail.example',
    });
    const mailboxes = [mailbox(1, 'Everybody'), mailbox(2, 'Gone'), mailbox(3, 'Supplier')];
    const { rows } = await tryJob(removeOutsideForwarding, {
      exchange: ({ cmdlet, parameters: { Identity } }) => {
        if (cmdlet === 'Get-AcceptedDomain') return [{ DomainName: 'contoso.com' }];
        if (cmdlet === 'Get-Mailbox') return mailboxes.filter(({ Guid }) => (Identity ?? Guid) === Guid);
        if (Identity === 'Everybody')
          return [{ RecipientType: 'MailUniversalDistributionGroup', PrimarySmtpAddress: 'all@out.example' }];
        if (Identity === 'Supplier')
          return [{ RecipientType: 'MailContact', ExternalEmailAddress: 'SMTP:a@out.example' }];
        return Response.json({ error: { code: 'NotFound', message: '' } }, { status: 404 });
      },
    });
    expect(rows.map(({ target }) => target)).toEqual([`Set-Mailbox ${guid(3)}`]);
  });
});

describe('mailbox-audit', () => {
  test('turns auditing on where the organization has it off, and looks at no mailbox', async () => {
    let off = 0;
    for (const customer of customers) {
      const { AuditDisabled: isOff } = session(viewOf(world, customer))('Get-OrganizationConfig').value[0] ?? {};
      const { rows, cmdlets } = await reportOn(mailboxAudit, customer);
      expect(new Set(cmdlets.map(({ cmdlet }) => cmdlet))).toEqual(new Set(['Get-OrganizationConfig']));
      off += isOff === true ? 1 : 0;
      const change = {
        action: 'cmdlet',
        cmdlet: 'Set-OrganizationConfig',
        parameters: { AuditDisabled: false },
        read: { cmdlet: 'Get-OrganizationConfig', parameters: {} },
      };
      expect(plannedIn(rows)).toEqual(isOff === true ? [{ change, before: { AuditDisabled: true } }] : []);
    }
    expect(off).toBeGreaterThan(0);
    expect(off).toBeLessThan(customers.length);
  });

  test('fails if Exchange does not show it', async () => {
    const hidden = [[], [{ Name: 'contoso' }]];
    for (const objects of hidden)
      await expect(tryJob(mailboxAudit, { exchange: { 'Get-OrganizationConfig': objects } })).rejects.toThrow();
  });
});

describe('sharepoint-sharing-level', () => {
  const order = [
    'disabled',
    'existingExternalUserSharingOnly',
    'externalUserSharingOnly',
    'externalUserAndGuestSharing',
  ];

  test.each(order)('lowers what is more open than %s, and nothing else', async (level) => {
    let changed = 0;
    for (const customer of customers) {
      const { status, body } = ask(customer, 'admin/sharepoint/settings');
      if (status !== 200) {
        await expect(planIn(sharepointSharingLevel, customer, { level })).rejects.toMatchObject({
          code: 'resource_unavailable',
        });
        continue;
      }
      const present = String(body['sharingCapability']);
      const isOpen = order.indexOf(present) > order.indexOf(level);
      changed += isOpen ? 1 : 0;
      const change = {
        action: 'update',
        path: '/admin/sharepoint/settings',
        properties: { sharingCapability: level },
      };
      expect(await planIn(sharepointSharingLevel, customer, { level })).toEqual(
        isOpen ? [{ change, before: { sharingCapability: present } }] : [],
      );
    }
    expect(changed > 0).toBe(level !== 'externalUserAndGuestSharing');
  });

  test('fails for a level that it does not know', async () => {
    const graph = { '/admin/sharepoint/settings': { sharingCapability: 'unknownFutureValue' } };
    await expect(tryJob(sharepointSharingLevel, { graph })).rejects.toMatchObject({ code: 'job_failed' });
  });
});

describe('partner-named-locations', () => {
  const ranges = ['203.0.113.0/24', '2001:db8::/32', '203.0.113.0/24'];
  const type = { '@odata.type': '#microsoft.graph.ipNamedLocation' };
  const ipRanges = [
    { '@odata.type': '#microsoft.graph.iPv4CidrRange', cidrAddress: '203.0.113.0/24' },
    { '@odata.type': '#microsoft.graph.iPv6CidrRange', cidrAddress: '2001:db8::/32' },
  ];

  test('creates the location, with its type in the body', async () => {
    for (const customer of premium.slice(0, 3))
      expect(await planIn(partnerNamedLocations, customer, { ranges })).toEqual([
        {
          change: {
            action: 'create',
            collection: '/identity/conditionalAccess/namedLocations',
            properties: { ...type, displayName: 'Partner', ipRanges },
            key: ['displayName'],
          },
          before: null,
        },
      ]);
  });

  test('sets the ranges of the location that has the name, and nothing where they are right', async () => {
    const [customer] = premium;
    const offices = populationOf(customer!)
      .rows('identity/conditionalAccess/namedLocations')
      .find(({ displayName }) => displayName === 'Offices')!;
    expect(await planIn(partnerNamedLocations, customer!, { name: 'Offices', ranges })).toEqual([
      {
        change: {
          action: 'update',
          path: `/identity/conditionalAccess/namedLocations/${String(offices['id'])}`,
          properties: { ...type, displayName: 'Offices', ipRanges },
        },
        before: { ...type, displayName: 'Offices', ipRanges: offices['ipRanges'] },
      },
    ]);
    const same = (offices['ipRanges'] as readonly Raw[]).map(({ cidrAddress }) => String(cidrAddress));
    expect(await planIn(partnerNamedLocations, customer!, { name: 'Offices', ranges: same })).toEqual([]);
  });

  test('fails for a name that countries have, and without Entra ID P1', async () => {
    await expect(
      planIn(partnerNamedLocations, premium[0]!, { name: 'Allowed countries', ranges }),
    ).rejects.toMatchObject({ code: 'job_failed', detail: expect.stringContaining('no list of IP ranges') });
    await expect(planIn(partnerNamedLocations, plain[0]!, { ranges })).rejects.toMatchObject({
      detail: expect.stringContaining('neither Entra ID P1 nor P2'),
    });
  });

  test.each(['203.0.113.0', '203.0.113.0/7', '203.0.113.0/33', '::/129', '203.0.113.0/024', 'x/24', '1.2.3.4/24/8'])(
    'refuses the range %s',
    (range) => {
      expect(partnerNamedLocations.parameters.schema.safeParse({ ranges: [range] }).success).toBe(false);
    },
  );

  test('needs ranges', () => {
    expect(partnerNamedLocations.parameters.schema.safeParse({}).success).toBe(false);
    expect(partnerNamedLocations.parameters.schema.safeParse({ ranges: [] }).success).toBe(false);
  });
});
