import { describe, expect, it } from 'vitest';
import type { Row } from '../../src/graph/declaration.ts';
import { dayMs, refusalOf, rowsOrRefusal, startMs, viewOf, worldOf } from './tenant-view.ts';
import { eachTenant, idsOf, text, unknownTo } from './tenants.ts';

describe('logs and security', () => {
  it('have sign-ins of users, within 30 days, the latest at the time that the user shows', () => {
    eachTenant((view) => {
      const rows = rowsOrRefusal(view, 'auditLogs/signIns');
      if (rows === undefined) return;
      const users = view.rows('users');
      expect(
        unknownTo(
          idsOf(users),
          rows.map((row) => text(row, 'userId')),
        ),
      ).toEqual([]);
      const policies = idsOf(view.rows('identity/conditionalAccess/policies'));
      for (const row of rows) {
        const createdMs = Date.parse(text(row, 'createdDateTime'));
        expect(createdMs).toBeGreaterThanOrEqual(view.todayMs - 31 * dayMs);
        expect(createdMs).toBeLessThanOrEqual(startMs);
        expect(
          unknownTo(
            policies,
            (row['appliedConditionalAccessPolicies'] as readonly Row[]).map((each) => text(each, 'id')),
          ),
        ).toEqual([]);
      }
      for (const user of users) {
        const activity = user['signInActivity'] as Row | undefined;
        const last = activity === undefined ? 0 : Date.parse(text(activity, 'lastSuccessfulSignInDateTime'));
        const [attempt] = rows
          .filter(({ userId }) => userId === user['id'])
          .toSorted((left, right) => text(right, 'createdDateTime').localeCompare(text(left, 'createdDateTime')));
        if (attempt !== undefined)
          expect(activity).toMatchObject({
            lastSignInDateTime: attempt['createdDateTime'],
            lastSignInRequestId: attempt['id'],
          });
        const own = rows.filter(({ userId, status }) => userId === user['id'] && (status as Row)['errorCode'] === 0);
        const newest = own.map((row) => Date.parse(text(row, 'createdDateTime')));
        if (last >= startMs - 30 * dayMs) expect(Math.max(...newest)).toBe(last);
        else expect(newest).toEqual([]);
      }
    });
  });

  it('have the same principals, grants and assignments in clouds of the same seed', () => {
    const consents = () => {
      const world = worldOf(3, 3);
      return world.customers.map((customer) => {
        const { servicePrincipals, permissionGrants, roleAssignments } = world.directoryOf(customer);
        return [[...servicePrincipals], [...permissionGrants], [...roleAssignments]];
      });
    };
    expect(consents()).toEqual(consents());
  });

  it('lose the sign-ins and audits that are older than 30 days when the clock is set forward', () => {
    const world = worldOf(3, 3);
    const customer = world.customers.find((each) => refusalOf(viewOf(world, each), 'auditLogs/signIns') === undefined);
    const count = () => {
      const view = viewOf(world, customer);
      return view.rows('auditLogs/signIns').length + view.rows('auditLogs/directoryAudits').length;
    };
    const before = count();
    world.clock.advance(15 * dayMs);
    expect(count()).toBeLessThan(before);
    world.clock.advance(20 * dayMs);
    expect(count()).toBe(0);
  });

  it('have audits of users and groups of the tenant', () => {
    eachTenant((view) => {
      const users = idsOf(view.rows('users'));
      const known = new Set([...users, ...idsOf(view.rows('groups'))]);
      for (const row of view.rows('auditLogs/directoryAudits')) {
        const actor = (row['initiatedBy'] as { readonly user: Row }).user;
        expect(unknownTo(users, [text(actor, 'id')])).toEqual([]);
        expect(
          unknownTo(
            known,
            (row['targetResources'] as readonly Row[]).map((target) => text(target, 'id')),
          ),
        ).toEqual([]);
      }
    });
  });

  it('have risky users with a detection in a sign-in of theirs', () => {
    let risks = 0;
    eachTenant((view) => {
      const risky = rowsOrRefusal(view, 'identityProtection/riskyUsers');
      if (risky === undefined) return;
      risks += risky.length;
      const signIns = view.rows('auditLogs/signIns');
      const detections = view.rows('identityProtection/riskDetections');
      expect(new Set(detections.map((row) => text(row, 'userId')))).toEqual(idsOf(risky));
      for (const detection of detections) {
        const signIn = signIns.find(({ id }) => id === detection['requestId']);
        // A sign-in of the first hours is no longer in the list.
        if (signIn !== undefined)
          expect(signIn).toMatchObject({ userId: detection['userId'], riskState: detection['riskState'] });
      }
    });
    expect(risks).toBeGreaterThan(5);
  });

  it('have alerts about users of the tenant, each with its incident', () => {
    eachTenant((view) => {
      const users = idsOf(view.rows('users'));
      const incidents = idsOf(view.rows('security/incidents'));
      for (const alert of view.rows('security/alerts_v2')) {
        expect(unknownTo(incidents, [text(alert, 'incidentId')])).toEqual([]);
        const [evidence] = alert['evidence'] as readonly { readonly userAccount: Row }[];
        expect(unknownTo(users, [text(evidence?.userAccount, 'azureAdUserId')])).toEqual([]);
      }
    });
  });

  it('have a secure score that is the sum of its controls, one for each day', () => {
    eachTenant((view) => {
      const profiles = new Map(view.rows('security/secureScoreControlProfiles').map((row) => [row['id'], row]));
      const scores = view.rows('security/secureScores');
      expect(idsOf(scores).size).toBe(90);
      for (const score of scores.slice(0, 3)) {
        const controls = score['controlScores'] as readonly Row[];
        const sum = controls.reduce((total, control) => total + Number(control['score']), 0);
        expect(Number(score['currentScore'])).toBeCloseTo(sum, 1);
        for (const control of controls)
          expect(Number(control['score'])).toBeLessThanOrEqual(
            Number(profiles.get(control['controlName'])?.['maxScore']),
          );
      }
    });
  });
});
