import { describe, expect, it } from 'vitest';
import type { StoredClientCredential } from '../../../../src/lib/model/credential.ts';
import { parseTenantId } from '../../../../src/lib/model/identifiers.ts';
import { Secret } from '../../../../src/lib/model/secret.ts';
import { describeStep } from '../../../../src/lib/setup/describe-step.ts';
import {
  applicationTag,
  type DirectoryState,
  permissionKey,
  type RegisteredApplication,
} from '../../../../src/lib/setup/directory-state.ts';
import { graphAppId, profiles, requiredResourceAccess } from '../../../../src/lib/setup/permissions.ts';
import { planSetup, type SetupOptions } from '../../../../src/lib/setup/plan.ts';

const nowMs = Date.UTC(2026, 10, 24);
const day = 86_400_000;
const partnerTenantId = parseTenantId('99999999-9999-4999-8999-999999999999')!;
const options: SetupOptions = {
  partnerTenantId,
  application: 'default',
  displayName: 'Broker',
  profile: profiles.gdap,
  credential: 'secret',
  entraEndpoint: 'https://login.test',
  federationAudience: 'api://audience',
  managedIdentityObjectId: 'identity',
};

const application: RegisteredApplication = {
  objectId: 'object',
  clientId: 'client',
  displayName: 'Broker',
  signInAudience: 'AzureADMultipleOrgs',
  tags: [applicationTag('default')],
  redirectUris: ['http://localhost'],
  permissions: requiredResourceAccess(profiles.gdap).flatMap(({ resourceAppId, resourceAccess }) =>
    resourceAccess.map(({ type, id }) => permissionKey(resourceAppId, type, id)),
  ),
  secrets: [{ keyId: 'key', displayName: 'partner-token-broker:ours' }],
  keyCredentials: [{ keyId: 'certificate' }],
};
const stored: StoredClientCredential = {
  clientId: 'client',
  tenantId: partnerTenantId,
  credential: { kind: 'secret', secret: new Secret('secret') },
  endsAtMs: nowMs + 100 * day,
  keyId: 'key',
  version: 'v1',
};
const idOf = (appId: string): string => `principal of ${appId}`;

/** A tenant in which setup has done everything for the profile gdap. */
const done: DirectoryState = {
  application,
  principalId: 'principal',
  resourceIds: new Map(profiles.gdap.resources.map(({ appId }) => [appId, idOf(appId)])),
  scopeGrants: profiles.gdap.resources.map(({ appId, scopes }) => ({
    id: `grant of ${appId}`,
    resourceId: idOf(appId),
    scopes: [
      ...scopes.map(({ value }) => value),
      ...(appId === graphAppId ? ['openid', 'profile', 'offline_access'] : []),
    ],
  })),
  roleGrants: profiles.gdap.resources.flatMap(({ appId, roles }) =>
    roles.map(({ id }) => ({ id: `grant of ${id}`, resourceId: idOf(appId), roleId: id })),
  ),
  federatedTrusts: [],
  adminAgentsId: 'agents',
  isAdminAgent: true,
  isOwner: true,
  stored,
  isProposed: false,
  mark: { name: 'partner-token-broker:ours', storedKeyIds: new Set(['key']) },
};

const plan = (state: Partial<DirectoryState>, more: Partial<SetupOptions> = {}) =>
  planSetup({ ...options, ...more }, { ...done, ...state }, nowMs);
const kinds = (...asked: Parameters<typeof plan>): string[] => plan(...asked).map(({ kind }) => kind);
const changed = (more: Partial<RegisteredApplication>) => plan({ application: { ...application, ...more } });

describe('planSetup', () => {
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
      expect(steps.filter(({ kind }) => kind === 'withdraw_scopes')).toHaveLength(3);
    });
  });

  it('makes the application its own owner only if the profile lets it renew its secret', () => {
    expect(kinds({ isOwner: false })).toEqual(['own_itself']);
    expect(kinds({ isOwner: false }, { profile: profiles.legacy })).not.toContain('own_itself');
    expect(kinds({ isAdminAgent: false })).toEqual(['join_admin_agents']);
  });
});

describe('planSetup of the client credential', () => {
  const certificate = {
    ...stored,
    credential: { kind: 'certificate', privateKey: new Secret('k'), certificate: 'c', thumbprintSha256: 't' },
    keyId: 'certificate',
  } as const;

  it.each([
    ['is missing', undefined],
    ['is for another application', { ...stored, clientId: 'another' }],
    ['is of another kind', certificate],
    ['expires within a month', { ...stored, endsAtMs: nowMs + 30 * day }],
    ['is unknown to Entra', { ...stored, keyId: 'gone' }],
  ])('creates a new one when the stored one %s', (_, found) => {
    expect(plan({ stored: found })).toEqual([{ kind: 'add_secret' }]);
  });

  it('keeps one that Entra lists among others', () => {
    const others = { keyId: 'another', displayName: 'theirs', startsAtMs: 0 };
    expect(changed({ secrets: [others, ...application.secrets] })).toEqual([]);
    expect(
      plan(
        {
          stored: certificate,
          application: { ...application, keyCredentials: [{ keyId: 'x' }, { keyId: 'certificate' }] },
        },
        { credential: 'certificate' },
      ),
    ).toEqual([]);
  });

  it('keeps one that expires in more than 30 days or never', () => {
    expect(plan({ stored: { ...stored, endsAtMs: nowMs + 31 * day } })).toEqual([]);
    const { endsAtMs: _, ...endless } = stored;
    expect(plan({ stored: endless })).toEqual([]);
  });

  it('keeps a certificate while Entra lists its key', () => {
    expect(plan({ stored: certificate }, { credential: 'certificate' })).toEqual([]);
    expect(plan({ stored: { ...certificate, keyId: 'gone' } }, { credential: 'certificate' })).toEqual([
      { kind: 'add_certificate' },
    ]);
    expect(kinds({ application: undefined, stored: undefined }, { credential: 'certificate' })).toContain(
      'add_certificate',
    );
  });

  describe('of kind federated', () => {
    const trust = {
      id: 'trust',
      issuer: `https://login.test/${partnerTenantId}/v2.0`,
      subject: 'identity',
      audiences: ['api://audience'],
    };
    const federated = { ...stored, credential: { kind: 'federated' } } as const;

    it('adds the trust and stores the kind once', () => {
      expect(kinds({}, { credential: 'federated' })).toEqual(['trust_managed_identity', 'store_federated']);
      expect(plan({ stored: federated, federatedTrusts: [trust] }, { credential: 'federated' })).toEqual([]);
    });

    it.each([
      ['issuer', { ...trust, issuer: 'https://login.other' }],
      ['subject', { ...trust, subject: 'another identity' }],
      ['audience', { ...trust, audiences: ['api://other'] }],
    ])('adds a trust when the existing one has another %s', (_, other) => {
      expect(kinds({ stored: federated, federatedTrusts: [other] }, { credential: 'federated' })).toEqual([
        'trust_managed_identity',
      ]);
    });

    it('throws without a managed identity', () => {
      expect(() => plan({}, { credential: 'federated', managedIdentityObjectId: undefined })).toThrow(
        /MANAGED_IDENTITY_CLIENT_ID/,
      );
    });
  });
});
