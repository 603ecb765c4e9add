import { describe, expect, it } from 'vitest';
import { describeStep } from '../../../../src/operator/setup/setup.ts';
import { graphAppId, profiles } from '../../../../src/lib/consent/permissions.ts';
import { application, changed, done, idOf, kinds, options, plan } from './plan-bench.ts';

describe('planSteps', () => {
  it('returns no steps when everything is set up', () => {
    expect(plan({})).toEqual([]);
  });

  it('throws for a tenant that is not a partner tenant', () => {
    expect(() => plan({ adminAgentsId: undefined })).toThrow(/no group AdminAgents/);
  });

  it('restores what an administrator changed in the application', () => {
    const single = { signInAudience: 'AzureADMyOrg' };
    expect(changed(single)).toEqual([{ kind: 'update_application', differences: ['make it multi-tenant'] }]);
    expect(changed({ redirectUris: ['https://other'], tags: ['theirs'] })).toEqual([
      {
        kind: 'update_application',
        differences: ['add the redirect address http://localhost', 'tag it as managed by setup'],
      },
    ]);
    for (const otherRedirectUris of [
      { spa: ['http://localhost'], publicClient: [] },
      { spa: [], publicClient: ['http://localhost'] },
    ]) {
      expect(changed({ otherRedirectUris })).toEqual([
        {
          kind: 'update_application',
          differences: ['remove http://localhost from the other platforms, so that refresh tokens live 90 days'],
        },
      ]);
    }
    expect(changed({ otherRedirectUris: { spa: ['https://other'], publicClient: [] } })).toEqual([]);
    expect(changed({ permissions: [] })).toEqual([
      { kind: 'update_application', differences: ['set the permissions of the profile gdap'] },
    ]);
    expect(kinds({ principalId: undefined })).toEqual(['create_principal']);
  });

  it('creates the service principal of a resource that the tenant lacks', () => {
    const exchange = profiles.gdap.resources.find(({ name }) => name.includes('Exchange'))!;
    const resourceIds = new Map([...done.resourceIds].filter(([appId]) => appId !== exchange.appId));
    const steps = plan({ resourceIds, scopeGrants: done.scopeGrants.filter(({ id }) => !id.includes(exchange.appId)) });
    expect(steps.map((step) => describeStep(step, options))).toEqual([
      'Create the service principal of Office 365 Exchange Online in the partner tenant',
      'Consent for all users: Office 365 Exchange Online: Exchange.Manage',
    ]);
  });

  it('grants only the missing application permission', () => {
    const [first, ...rest] = done.roleGrants;
    expect(plan({ roleGrants: rest })).toEqual([
      expect.objectContaining({ kind: 'grant_role', roleId: first!.roleId }),
    ]);
    // The same permission of another resource is a different permission.
    const elsewhere = { ...first!, resourceId: 'another resource' };
    expect(kinds({ roleGrants: [elsewhere, ...rest] })).toEqual(['grant_role', 'withdraw_role']);
  });

  it('replaces a consent to other scopes instead of adding a second one', () => {
    const [first, ...rest] = done.scopeGrants;
    const steps = plan({ scopeGrants: [{ ...first!, scopes: ['Directory.AccessAsUser.All', 'Mail.Read'] }, ...rest] });
    expect(steps).toEqual([expect.objectContaining({ kind: 'grant_scopes', grantId: first!.id })]);
  });

  it('replaces a consent that has one other scope instead of one of the profile, and none in another order', () => {
    const change = (of: (scopes: readonly string[]) => readonly string[]) =>
      kinds({ scopeGrants: done.scopeGrants.map((grant) => ({ ...grant, scopes: of(grant.scopes) })) });
    const granted = done.scopeGrants.map(() => 'grant_scopes');
    expect(change((scopes) => ['Mail.Read', ...scopes.slice(1)])).toEqual(granted);
    expect(change((scopes) => scopes.toReversed())).toEqual([]);
  });

  it('withdraws permissions that are not in the profile', () => {
    const scopeGrants = [...done.scopeGrants, { id: 'theirs', resourceId: 'another resource', scopes: ['Mail.Read'] }];
    const roleGrants = [
      ...done.roleGrants,
      { id: 'more', resourceId: idOf(graphAppId), roleId: 'Mail.Send' },
      { id: 'elsewhere', resourceId: 'another resource', roleId: 'Mail.Send' },
    ];
    expect(plan({ scopeGrants, roleGrants })).toEqual([
      { kind: 'withdraw_scopes', grantId: 'theirs' },
      { kind: 'withdraw_role', roleGrantId: 'more' },
      { kind: 'withdraw_role', roleGrantId: 'elsewhere' },
    ]);
  });

  describe('for a profile without Microsoft Graph', () => {
    const profile = {
      name: 'own',
      resources: profiles.legacy.resources.filter(({ name }) => name.includes('Partner')),
    };
    const named = { appId: graphAppId, name: 'Microsoft Graph' };
    const bare = { application: { ...application, permissions: [] }, roleGrants: [] };

    it('grants the sign-in scopes', () => {
      const steps = plan({ ...bare, scopeGrants: [] }, { profile });
      expect(steps).toContainEqual({
        kind: 'grant_scopes',
        resource: named,
        scopes: ['openid', 'profile', 'offline_access'],
      });
    });

    it('withdraws the other scopes of Microsoft Graph and keeps the sign-in scopes', () => {
      const steps = plan({ ...bare, scopeGrants: done.scopeGrants }, { profile });
      expect(steps).toContainEqual({
        kind: 'grant_scopes',
        resource: named,
        scopes: ['openid', 'profile', 'offline_access'],
        grantId: `grant of ${graphAppId}`,
      });
      expect(steps).not.toContainEqual({ kind: 'withdraw_scopes', grantId: `grant of ${graphAppId}` });
      expect(steps.filter(({ kind }) => kind === 'withdraw_scopes')).toHaveLength(2);
    });
  });

  it('makes the application its own owner only if the profile lets it renew its secret', () => {
    expect(kinds({ isOwner: false })).toEqual(['own_itself']);
    expect(kinds({ isOwner: false }, { profile: profiles.legacy })).not.toContain('own_itself');
    expect(kinds({ isAdminAgent: false })).toEqual(['join_admin_agents']);
  });
});
