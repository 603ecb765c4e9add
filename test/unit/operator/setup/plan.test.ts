import { describe, expect, it } from 'vitest';
import { graphAppId, profiles } from '../../../../src/lib/consent/permissions.ts';
import { application, changed, done, idOf, plan, requestsOf, texts } from './plan-bench.ts';

describe('planSteps', () => {
  it('returns no steps when everything is set up', () => {
    expect(plan({})).toEqual([]);
  });

  it('throws for a tenant that is not a partner tenant', () => {
    expect(() => plan({ adminAgentsId: undefined })).toThrow(/no group AdminAgents/);
  });

  it('restores what an administrator changed in the application', () => {
    const single = { signInAudience: 'AzureADMyOrg' };
    expect(changed(single)).toEqual(['Change the application: make it multi-tenant']);
    expect(changed({ redirectUris: ['https://other'], tags: ['theirs'] })).toEqual([
      'Change the application: add the redirect address http://localhost, tag it as managed by setup',
    ]);
    for (const otherRedirectUris of [
      { spa: ['http://localhost'], publicClient: [] },
      { spa: [], publicClient: ['http://localhost'] },
    ]) {
      expect(changed({ otherRedirectUris })).toEqual([
        'Change the application: remove http://localhost from the other platforms, so that refresh tokens live 90 days',
      ]);
    }
    expect(changed({ otherRedirectUris: { spa: ['https://other'], publicClient: [] } })).toEqual([]);
    expect(changed({ permissions: [] })).toEqual(['Change the application: set the permissions of the profile gdap']);
    expect(changed({ isLocked: false })).toEqual(['Change the application: lock the keys of its service principals']);
    expect(texts({ principalId: undefined })).toEqual(['Create its service principal in the partner tenant']);
  });

  it('lets only the service account sign in, once it is known, and assigns it before it requires that', async () => {
    const step = 'Let only users who are assigned to the application sign in to it, and assign broker@partner.example';
    const open = { requiresAssignment: false, assignedIds: [] };
    expect(texts(open, { serviceAccount: undefined })).toEqual([]);
    for (const state of [open, { requiresAssignment: false }, { assignedIds: ['another'] }])
      expect(texts(state)).toEqual([step]);
    expect(await requestsOf(plan(open))).toEqual([
      ['POST', '/servicePrincipals/principal/appRoleAssignedTo', '00000000-0000-0000-0000-000000000000'],
      ['PATCH', '/servicePrincipals/principal', true],
    ]);
  });

  it('creates the service principal of a resource that the tenant lacks', () => {
    const exchange = profiles.gdap.resources.find(({ name }) => name.includes('Exchange'))!;
    const resourceIds = new Map([...done.resourceIds].filter(([appId]) => appId !== exchange.appId));
    const scopeGrants = done.scopeGrants.filter(({ id }) => !id.includes(exchange.appId));
    expect(texts({ resourceIds, scopeGrants })).toEqual([
      'Create the service principal of Office 365 Exchange Online in the partner tenant',
      'Consent for all users: Office 365 Exchange Online: Exchange.Manage',
    ]);
  });

  it('grants only the missing application permission', async () => {
    const [first, ...rest] = done.roleGrants;
    const grant = ['POST', '/servicePrincipals/principal/appRoleAssignments', first!.roleId];
    expect(await requestsOf(plan({ roleGrants: rest }))).toEqual([grant]);
    // The same permission of another resource is a different permission.
    const elsewhere = { ...first!, resourceId: 'another resource' };
    expect(await requestsOf(plan({ roleGrants: [elsewhere, ...rest] }))).toEqual([
      grant,
      ['DELETE', `/servicePrincipals/principal/appRoleAssignments/${first!.id}`],
    ]);
  });

  it('replaces a consent to other scopes instead of adding a second one', async () => {
    const [first, ...rest] = done.scopeGrants;
    const steps = plan({ scopeGrants: [{ ...first!, scopes: ['Directory.AccessAsUser.All', 'Mail.Read'] }, ...rest] });
    expect(await requestsOf(steps)).toEqual([
      ['PATCH', `/oauth2PermissionGrants/${first!.id}`, first!.scopes.join(' ')],
    ]);
  });

  it('replaces a consent that has one other scope instead of one of the profile, and none in another order', () => {
    const change = (of: (scopes: readonly string[]) => readonly string[]) =>
      texts({ scopeGrants: done.scopeGrants.map((grant) => ({ ...grant, scopes: of(grant.scopes) })) });
    expect(change((scopes) => ['Mail.Read', ...scopes.slice(1)])).toHaveLength(done.scopeGrants.length);
    expect(change((scopes) => scopes.toReversed())).toEqual([]);
  });

  it('withdraws permissions that are not in the profile', async () => {
    const scopeGrants = [...done.scopeGrants, { id: 'theirs', resourceId: 'another resource', scopes: ['Mail.Read'] }];
    const roleGrants = [
      ...done.roleGrants,
      { id: 'more', resourceId: idOf(graphAppId), roleId: 'Mail.Send' },
      { id: 'elsewhere', resourceId: 'another resource', roleId: 'Mail.Send' },
    ];
    expect(await requestsOf(plan({ scopeGrants, roleGrants }))).toEqual([
      ['DELETE', '/oauth2PermissionGrants/theirs'],
      ['DELETE', '/servicePrincipals/principal/appRoleAssignments/more'],
      ['DELETE', '/servicePrincipals/principal/appRoleAssignments/elsewhere'],
    ]);
  });

  describe('for a profile without Microsoft Graph', () => {
    const profile = {
      name: 'own',
      resources: profiles.legacy.resources.filter(({ name }) => name.includes('Partner')),
    };
    const bare = { application: { ...application, permissions: [] }, roleGrants: [] };

    const signIn = 'openid profile offline_access';

    it('grants the sign-in scopes', async () => {
      const sent = await requestsOf(plan({ ...bare, scopeGrants: [] }, { profile }));
      expect(sent).toContainEqual(['POST', '/oauth2PermissionGrants', signIn]);
    });

    it('withdraws the other scopes of Microsoft Graph and keeps the sign-in scopes', async () => {
      const steps = plan({ ...bare, scopeGrants: done.scopeGrants }, { profile });
      const sent = await requestsOf(steps);
      const grant = `/oauth2PermissionGrants/grant of ${graphAppId}`;
      expect(sent).toContainEqual(['PATCH', grant, signIn]);
      expect(sent).not.toContainEqual(['DELETE', grant]);
      expect(steps.filter(({ text }) => text.startsWith('Withdraw a consent'))).toHaveLength(2);
    });
  });

  it('makes the application its own owner only if the profile lets it renew its secret', () => {
    const own = expect.stringMatching(/^Make the application its own owner/) as string;
    expect(texts({ isOwner: false })).toEqual([own]);
    expect(texts({ isOwner: false }, { profile: profiles.legacy })).not.toContainEqual(own);
    expect(texts({ isAdminAgent: false })).toEqual([expect.stringContaining('the group AdminAgents')]);
  });
});
