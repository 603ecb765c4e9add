import { beforeEach, describe, expect, it } from 'vitest';
import { provenSuccesses } from '../../../../src/lib/tokens/credential/prove-client-credential.ts';
import { applicationTag } from '../../../../src/lib/consent/directory-state.ts';
import { graphAppId, profiles } from '../../../../src/lib/consent/permissions.ts';
import { runSetup, type SetupRequest } from '../../../../src/operator/setup/setup.ts';
import { problem } from '../../../fakes/scripted-fetch.ts';
import { options, present, SetupBench } from '../../operator/setup/setup-bench.ts';

let bench: SetupBench;
beforeEach(() => {
  bench = new SetupBench();
});

describe('a step of setup', () => {
  const everything = (): SetupRequest => ({ ...options, profile: profiles.gdap });
  beforeEach(() => {
    bench.directory = { "displayName eq 'AdminAgents'": [{ id: 'agents' }] };
  });

  it('uses the ids from earlier steps', async () => {
    let principals = 0;
    bench.graph = ({ method, url, body }) => {
      if (method !== 'POST' || !url.pathname.endsWith('/servicePrincipals')) return undefined;
      return { id: body?.includes('client') === true ? 'principal' : `resource-${(principals += 1)}` };
    };
    await runSetup(bench.deps(), everything());
    expect(bench.redeemer.sent).toHaveLength(provenSuccesses);
    expect(principals).toBe(profiles.gdap.resources.length);
    const grants = bench.seen
      .filter(({ method, url }) => method === 'POST' && url.pathname.endsWith('/oauth2PermissionGrants'))
      .map(({ body }) => JSON.parse(body ?? '') as Record<string, unknown>);
    expect(grants.map(({ resourceId }) => resourceId)).toEqual([1, 2, 3, 4].map((nth) => `resource-${nth}`));
    expect(new Set(grants.map(({ clientId }) => clientId))).toEqual(new Set(['principal']));
    expect(new Set(grants.map(({ consentType }) => consentType))).toEqual(new Set(['AllPrincipals']));
    expect(grants[0]?.['scope']).toMatch(
      /^User\.Read DelegatedAdminRelationship\.Read\.All .* openid profile offline_access$/,
    );
    expect(bench.bodyOf('/appRoleAssignments')).toMatchObject({ principalId: 'principal', resourceId: 'resource-1' });
    expect(bench.bodyOf('/applications')).toMatchObject({
      displayName: 'Broker',
      signInAudience: 'AzureADMultipleOrgs',
      tags: [applicationTag('default')],
      web: { redirectUris: ['http://localhost'] },
    });
    expect(bench.bodyOf('/owners/$ref')).toEqual({
      '@odata.id': 'https://graph.microsoft.com/v1.0/directoryObjects/principal',
    });
    expect(bench.bodyOf('/members/$ref')).toEqual({
      '@odata.id': 'https://graph.microsoft.com/v1.0/directoryObjects/principal',
    });
  });

  it('updates an existing consent and withdraws what is not in the profile', async () => {
    bench.directory["displayName eq 'Broker'"] = [present];
    bench.directory["appId eq 'client'"] = [{ id: 'principal' }];
    bench.directory[`appId eq '${graphAppId}'`] = [{ id: 'graph', appId: graphAppId }];
    bench.directory['/oauth2PermissionGrants'] = [
      { id: 'ours', consentType: 'AllPrincipals', resourceId: 'graph', scope: 'openid Mail.Read' },
      { id: 'beyond', consentType: 'AllPrincipals', resourceId: 'another', scope: 'x' },
    ];
    bench.directory['/appRoleAssignments'] = [{ id: 'role', resourceId: 'graph', appRoleId: 'beyond' }];
    await runSetup(bench.deps(), options);
    expect(bench.writes()).toEqual([
      'PATCH /oauth2PermissionGrants/ours',
      'DELETE /oauth2PermissionGrants/beyond',
      'DELETE /servicePrincipals/principal/appRoleAssignments/role',
      'POST /groups/agents/members/$ref',
      'POST /applications/object/addPassword',
    ]);
    expect(bench.bodyOf('/oauth2PermissionGrants/ours')).toEqual({ scope: 'openid profile offline_access' });
  });

  it.each([403, 409])('is not retried when Graph answers %i', async (status) => {
    bench.graph = ({ method, url }) =>
      method === 'POST' && url.pathname.endsWith('/$ref') ? problem(status, 'No') : undefined;
    await expect(runSetup(bench.deps(), everything())).rejects.toMatchObject({ logFields: { status } });
    expect(bench.clock.slept).toEqual([]);
  });

  it('is retried while a new object is not replicated, for half a minute', async () => {
    let refusals = 3;
    bench.graph = ({ method, url }) =>
      method === 'POST' && url.pathname.endsWith('/$ref') && refusals-- > 0
        ? problem(refusals === 1 ? 400 : 404, 'NotFound')
        : undefined;
    await runSetup(bench.deps(), everything());
    expect(bench.clock.slept).toEqual([1_000, 2_000, 4_000]);
    bench.clock.slept.length = 0;
    refusals = Number.POSITIVE_INFINITY;
    await expect(runSetup(bench.deps(), everything())).rejects.toMatchObject({ logFields: { status: 404 } });
    expect(bench.clock.slept).toEqual([1_000, 2_000, 4_000, 8_000, 15_000]);
  });

  it('succeeds when the reference exists already', async () => {
    bench.graph = ({ method, url }) =>
      method === 'POST' && url.pathname.endsWith('/$ref')
        ? problem(400, 'Request_BadRequest', 'One or more added object references already exist')
        : undefined;
    expect((await runSetup(bench.deps(), everything())).changed).toBe(true);
    expect(bench.clock.slept).toEqual([]);
  });

  it('keeps tags and redirect addresses that an administrator added', async () => {
    bench.directory["displayName eq 'Broker'"] = [
      { ...present, tags: [...present.tags, 'theirs'], web: { redirectUris: ['https://theirs.example'] } },
    ];
    bench.directory["appId eq 'client'"] = [{ id: 'principal' }];
    await runSetup(bench.deps(), everything());
    expect(bench.bodyOf('/applications/object')).toMatchObject({
      tags: [applicationTag('default'), 'theirs'],
      web: { redirectUris: ['https://theirs.example', 'http://localhost'] },
    });
  });

  it('moves the redirect address from the single-page platform to web', async () => {
    bench.directory["displayName eq 'Broker'"] = [
      { ...present, web: { redirectUris: [] }, spa: { redirectUris: ['http://localhost', 'https://theirs.example'] } },
    ];
    bench.directory["appId eq 'client'"] = [{ id: 'principal' }];
    await runSetup(bench.deps(), everything());
    expect(bench.bodyOf('/applications/object')).toMatchObject({
      web: { redirectUris: ['http://localhost'] },
      spa: { redirectUris: ['https://theirs.example'] },
    });
    expect(bench.bodyOf('/applications/object')).not.toHaveProperty('publicClient');
  });

  it.each([{}, { id: '' }, { id: 'object' }, { id: '', appId: 'client' }])(
    'fails when Graph returns an application without an id: %j',
    async (answer) => {
      bench.graph = ({ method }) => (method === 'POST' ? answer : undefined);
      await expect(runSetup(bench.deps(), options)).rejects.toMatchObject({
        code: 'resource_error',
        detail: expect.stringMatching(/^Microsoft Graph returned an object without (id|appId)\.$/) as string,
      });
    },
  );
});
