import { describe, expect, it } from 'vitest';
import { createUsers } from '../../src/population/users.ts';
import type { Row } from '../../src/graph/declaration.ts';
import { dayMs, digest, everything, refusalOf, reportOf, rowOf, startMs, viewOf, worldOf } from './tenant-view.ts';
import { eachTenant, idsOf, text, unknownTo } from './tenants.ts';

describe('data of a tenant', () => {
  it('is the same for the same seed, and another for another seed', () => {
    const of = (seed: number, tenant: number) => {
      const world = worldOf(seed, 3);
      return digest(everything(viewOf(world, world.customers[tenant])));
    };
    expect(of(7, 2)).toBe(of(7, 2));
    expect(new Set([of(7, 2), of(8, 2), of(7, 1)]).size).toBe(3);
    const partner = (seed: number) => digest(everything(viewOf(worldOf(seed, 1), undefined)));
    expect(partner(7)).toBe(partner(7));
  });

  it('moves with the start: only the times differ, by the same days', () => {
    const days = 400;
    const linesAt = (nowMs: number) => {
      const world = worldOf(4, 2, nowMs);
      // The day on which the organization was created is the same in all clouds.
      return everything(viewOf(world, world.customers[1])).replaceAll('2019-03-11T09:20:00Z', '').split('\n');
    };
    const later = (date: string) => new Date(Date.parse(`${date}T00:00:00Z`) + days * dayMs).toISOString().slice(0, 10);
    const moved = linesAt(startMs).map((line) => line.replace(/20\d\d-\d\d-\d\d(?=["T])/g, later));
    const after = linesAt(startMs + days * dayMs);
    expect(moved.filter((line, at) => line !== after[at])).toEqual([]);
  });

  it('has ids that are unique within each list', () => {
    eachTenant((view) => {
      for (const path of ['users', 'groups', 'devices', 'sites', 'auditLogs/directoryAudits', 'contacts']) {
        const rows = view.rows(path);
        expect([path, idsOf(rows).size]).toEqual([path, rows.length]);
      }
    });
  });

  it('keeps the users and licences that the tenant had before', () => {
    eachTenant((view) => {
      const before = createUsers(view.customer as never, view.world.seeded, startMs);
      const rows = view.rows('users');
      expect(rows.map(({ id, userPrincipalName, accountEnabled }) => [id, userPrincipalName, accountEnabled])).toEqual(
        before.map((user) => [user.id, user.userPrincipalName, user.accountEnabled]),
      );
    });
  });
});

describe('users', () => {
  it('have as many licences as the tenant has consumed, and the plans of their licences', () => {
    eachTenant((view) => {
      const users = view.rows('users');
      const skus = view.rows('subscribedSkus');
      for (const sku of skus) {
        const holders = users.filter(({ assignedLicenses }) =>
          (assignedLicenses as readonly Row[]).some(({ skuId }) => skuId === sku['skuId']),
        );
        expect(sku['consumedUnits']).toBe(holders.length);
        const planIds = (sku['servicePlans'] as readonly Row[]).map(({ servicePlanId }) => String(servicePlanId));
        for (const { assignedPlans } of holders)
          expect(
            unknownTo(new Set((assignedPlans as readonly Row[]).map((plan) => text(plan, 'servicePlanId'))), planIds),
          ).toEqual([]);
      }
    });
  });

  it('have managers of the tenant, without circles', () => {
    eachTenant((view) => {
      const users = idsOf(view.rows('users'));
      for (const start of users) {
        const seen = new Set<string>();
        for (let at: string | undefined = start; at !== undefined; ) {
          expect(seen.has(at)).toBe(false);
          seen.add(at);
          const [manager]: readonly string[] = view.references('users/{id}/manager', at);
          if (manager !== undefined) expect(unknownTo(users, [manager])).toEqual([]);
          at = manager;
        }
      }
    });
  });

  it('have methods that agree with the registration report', () => {
    const typeOf: Readonly<Record<string, string>> = {
      microsoftAuthenticatorPush: 'microsoftAuthenticatorAuthenticationMethod',
      softwareOneTimePasscode: 'softwareOathAuthenticationMethod',
      mobilePhone: 'phoneAuthenticationMethod',
      fido2SecurityKey: 'fido2AuthenticationMethod',
      passKeyDeviceBoundAuthenticator: 'fido2AuthenticationMethod',
      windowsHelloForBusiness: 'windowsHelloForBusinessAuthenticationMethod',
    };
    const seen = new Set<string>();
    eachTenant((view) => {
      const registered = view.rows('reports/authenticationMethods/userRegistrationDetails');
      // The report leaves disabled users out.
      expect(idsOf(registered)).toEqual(idsOf(view.rows('users').filter(({ accountEnabled }) => accountEnabled)));
      for (const row of registered) {
        const types = view
          .rows('users/{id}/authentication/methods', text(row, 'id'))
          .map((method) => text(method, '@odata.type').replace('#microsoft.graph.', ''));
        const names = row['methodsRegistered'] as readonly string[];
        for (const name of names) seen.add(name);
        const expected = names.map((name) => typeOf[name]);
        expect(new Set(types)).toEqual(new Set(['passwordAuthenticationMethod', ...expected]));
        expect(types).toHaveLength(expected.length + 1);
        expect(row['isMfaRegistered']).toBe(types.length > 1);
      }
    });
    expect([...seen].toSorted()).toEqual(Object.keys(typeOf).toSorted());
  });

  it('have a mailbox where the reports say so', () => {
    eachTenant((view) => {
      const names = new Set(view.rows('users').map((user) => text(user, 'userPrincipalName')));
      const mailboxes = reportOf(view, 'getMailboxUsageDetail').map((line) => line['User Principal Name'] ?? '');
      if (rowOf(view, 'admin/reportSettings')?.['displayConcealedNames'] === true) {
        expect(mailboxes.every((name) => /^[0-9A-F]{32}$/.test(name))).toBe(true);
        return;
      }
      expect(unknownTo(names, mailboxes)).toEqual([]);
      const withSettings = view.rows('users').filter(({ id }) => rowOf(view, 'users/{id}/mailboxSettings', String(id)));
      expect(withSettings.map((user) => text(user, 'userPrincipalName'))).toEqual(mailboxes);
      if (view.customer?.trait === 'no_exchange') expect(mailboxes).toEqual([]);
    });
  });
});

describe('a large tenant', () => {
  it('has bounded logs', () => {
    const world = worldOf(1, 3, startMs, 2000);
    const view = viewOf(
      world,
      world.customers.find((each) => refusalOf(viewOf(world, each), 'auditLogs/signIns') === undefined),
    );
    expect(view.rows('users')).toHaveLength(2000);
    expect(view.rows('auditLogs/signIns').length).toBeLessThanOrEqual(2000);
    expect(view.rows('auditLogs/signIns').length).toBeGreaterThan(800);
    expect(view.rows('auditLogs/directoryAudits').length).toBeLessThanOrEqual(300);
  });
});

describe('licences of the tenant', () => {
  it('decide which requests Graph refuses', () => {
    const seen = new Set<string>();
    eachTenant((view) => {
      const names = view
        .rows('subscribedSkus')
        .flatMap(({ servicePlans }) => (servicePlans as readonly Row[]).map((plan) => text(plan, 'servicePlanName')));
      const p2 = names.includes('AAD_PREMIUM_P2');
      const premium = p2 || names.includes('AAD_PREMIUM');
      const nonPremium = { status: 403, code: 'Authentication_RequestFromNonPremiumTenantOrB2CTenant' };
      expect(refusalOf(view, 'auditLogs/signIns')).toEqual(premium ? undefined : nonPremium);
      expect(refusalOf(view, 'identityProtection/riskyUsers')?.status).toBe(p2 ? undefined : 403);
      expect(refusalOf(view, 'deviceManagement/managedDevices')?.status).toBe(
        names.includes('INTUNE_A') ? undefined : 400,
      );
      seen.add(`${premium} ${p2}`);
    });
    expect(seen).toEqual(new Set(['true true', 'true false', 'false false']));
  });
});
