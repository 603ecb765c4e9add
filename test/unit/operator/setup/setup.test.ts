import { beforeEach, describe, expect, it } from 'vitest';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import { graphAppId } from '../../../../src/lib/consent/permissions.ts';
import { planOnly, runSetup } from '../../../../src/operator/setup/setup.ts';
import { refreshTokenOf } from '../../../fakes/memory-credential-store.ts';
import { problem } from '../../../fakes/scripted-fetch.ts';
import { keyName, options, partnerTenantId, present, secretOf, SetupBench } from './setup-bench.ts';

let bench: SetupBench;
beforeEach(() => {
  bench = new SetupBench();
});

describe('runSetup', () => {
  it('asks for confirmation before the first change, and changes nothing without it', async () => {
    const asked: unknown[] = [];
    const refuse = (plan: unknown): Promise<never> => {
      asked.push(plan);
      return Promise.reject(new Error('no'));
    };
    await expect(runSetup(bench.deps(), options, refuse)).rejects.toThrow('no');
    const steps = ['Create a client secret and store it in Key Vault'];
    const notes = [
      expect.stringContaining('keys in Entra that this vault does not hold: certificate older.') as string,
    ];
    expect(asked).toEqual([{ application: 'default', steps, notes }]);
    expect(bench.writes()).toEqual([]);
    expect(await planOnly(bench.deps(), options)).toEqual(asked[0]);
  });

  it('does not ask when there is nothing to do, and reports the consent', async () => {
    await runSetup(bench.deps(), options);
    bench.directory["appId eq 'client'"] = [{ ...present, passwordCredentials: [{ keyId: 'key' }], id: 'object' }];
    bench.graph = ({ url }) =>
      url.pathname.endsWith('/servicePrincipals') && decodeURIComponent(url.search).includes("'client'")
        ? { value: [{ id: 'principal', appRoleAssignmentRequired: true }] }
        : undefined;
    bench.directory['/appRoleAssignedTo'] = [{ principalId: refreshTokenOf('token', 0).accountObjectId }];
    await bench.store.saveRefreshToken('default', refreshTokenOf('token', 0));
    const outcome = await runSetup(bench.deps(), options, () => Promise.reject(new Error('no confirmation expected')));
    expect(outcome).toMatchObject({ changed: false, steps: [], consented: true, credential: 'secret' });
    expect(outcome.endsAtMs).toBe(Date.UTC(2027, 4, 1));
    expect(bench.writes()).toEqual([]);
  });

  it('reports the start and the end of each step', async () => {
    const outcome = await runSetup(bench.deps(), options);
    expect(outcome).toMatchObject({ changed: true, consented: false, clientId: 'client' });
    expect(bench.reported).toEqual(['started: Create a client secret a', 'done: Create a client secret a']);
  });

  it('stops before it creates anything when the vault cannot be read', async () => {
    bench.store.failure = new BrokerError('key_vault_unavailable', 'away');
    await expect(runSetup(bench.deps(), options)).rejects.toMatchObject({ code: 'key_vault_unavailable' });
    expect(bench.seen).toEqual([]);
  });

  it('turns a 403 of Graph into operator_forbidden and rethrows other errors', async () => {
    bench.graph = ({ method }) => (method === 'POST' ? problem(403, 'Authorization_RequestDenied', 'No.') : undefined);
    await expect(runSetup(bench.deps(), options)).rejects.toMatchObject({
      code: 'operator_forbidden',
      logFields: { status: 403 },
    });
    bench.graph = ({ method }) => (method === 'GET' ? problem(403, 'Authorization_RequestDenied', 'No.') : undefined);
    await expect(planOnly(bench.deps(), options)).rejects.toMatchObject({ code: 'operator_forbidden' });
    bench.graph = ({ method }) => (method === 'POST' ? problem(500, 'Broken') : undefined);
    await expect(runSetup(bench.deps(), options)).rejects.toMatchObject({ code: 'resource_error' });
  });

  it('includes the message of Graph about a policy of the tenant', async () => {
    const said = 'Credential lifetime exceeds the max value allowed as per assigned policy';
    bench.graph = ({ method }) =>
      method === 'POST' ? problem(400, 'CredentialInvalidLifetimeAsPerAppPolicy', said) : undefined;
    await expect(runSetup(bench.deps(), options)).rejects.toMatchObject({
      code: 'setup_refused',
      detail: `Microsoft Graph refuses the request (400 CredentialInvalidLifetimeAsPerAppPolicy). ${said}`,
    });
  });
});

describe('runSetup with a service account', () => {
  const step = (name: string) => `Let only users who are assigned to the application sign in to it, and assign ${name}`;
  const user = '/users?$filter=userPrincipalName eq ';

  it('assigns the one that consented', async () => {
    const token = refreshTokenOf('token', 0);
    await bench.store.saveClientCredential('default', {
      clientId: 'client',
      tenantId: partnerTenantId,
      ...secretOf('key'),
    });
    await bench.store.saveRefreshToken('default', token);
    bench.directory["appId eq 'client'"] = [{ ...present, passwordCredentials: [{ keyId: 'key' }] }];
    expect((await runSetup(bench.deps(), options)).steps).toContain(step(token.account));
    expect(bench.bodyOf('/appRoleAssignedTo')).toMatchObject({ principalId: token.accountObjectId });
  });

  it('assigns the one that is named, before anybody consents', async () => {
    const asked = { ...options, account: "o'neil@partner.example" };
    bench.directory[`${user}'o''neil@partner.example'`] = [{ id: 'neil' }];
    const { steps, notes } = await planOnly(bench.deps(), asked);
    expect(steps).toContain(step("o'neil@partner.example"));
    expect(notes.join()).not.toContain('Every user');
    await runSetup(bench.deps(), asked);
    expect(bench.bodyOf('/appRoleAssignedTo')).toMatchObject({ principalId: 'neil' });
    await expect(planOnly(bench.deps(), { ...options, account: 'nobody@partner.example' })).rejects.toMatchObject({
      code: 'setup_refused',
      detail: 'The partner tenant has no user nobody@partner.example.',
    });
  });
});

describe('runSetup with an existing application', () => {
  const elsewhere = keyName('other.vault.example');
  const [secret, certificate] = [
    { keyId: 'theirs', displayName: elsewhere },
    { keyId: 'from before', displayName: 'partner-token-broker' },
  ];
  beforeEach(() => {
    const more = { passwordCredentials: [secret], keyCredentials: [certificate, { keyId: 'x', displayName: 'CN=x' }] };
    bench.directory["displayName eq 'Broker'"] = [{ ...present, ...more }];
    bench.directory["appId eq 'client'"] = [{ ...present, ...more }];
    bench.graph = ({ method, url }) =>
      method === 'GET' && url.pathname.endsWith('/servicePrincipals') && url.search.includes('keyCredentials')
        ? { value: [{ id: 'principal' }] }
        : undefined;
  });

  it('notes client credentials of another broker in plan and outcome', async () => {
    const { notes } = await planOnly(bench.deps(), options);
    expect(notes).toHaveLength(2);
    expect(notes[0]).toMatch(/"Broker" \(client id client\) exists already.*does not hold \(2\).*--display-name/);
    expect(notes[1]).toMatch(/does not hold: certificate x \("CN=x"\)\..*treat it as an incident and run `ptb revoke`/);
    expect((await runSetup(bench.deps(), options)).notes).toEqual(notes);
    expect(bench.writes()).toEqual(['POST /applications/object/addPassword']);
  });

  it('names the keys of an application in the vault that the vault does not hold', async () => {
    await bench.store.saveClientCredential('default', {
      clientId: 'client',
      tenantId: partnerTenantId,
      ...secretOf('x'),
    });
    expect((await planOnly(bench.deps(), options)).notes).toEqual([
      expect.stringMatching(/does not hold: certificate from before \(.*, client secret theirs \(/),
    ]);
  });
});

describe('runSetup without a profile', () => {
  const { profile: _, ...unsaid } = options;
  const permissions = [{ resourceAppId: graphAppId, resourceAccess: [{ id: 'read', type: 'Scope' }] }];
  const registered = { ...present, requiredResourceAccess: permissions };
  const graphPrincipal = { id: 'graph', appId: graphAppId, displayName: 'Microsoft Graph' };
  beforeEach(() => {
    bench.directory[`appId eq '${graphAppId}'`] = [
      { ...graphPrincipal, oauth2PermissionScopes: [{ id: 'read', value: 'User.Read.All' }] },
    ];
  });

  it('keeps the registered permissions, adds missing consents and notes that', async () => {
    bench.directory["displayName eq 'Broker'"] = [registered];
    const { steps, notes } = await planOnly(bench.deps(), unsaid);
    expect(steps).toEqual([
      'Consent for all users: Microsoft Graph: User.Read.All openid profile offline_access',
      'Create a client secret and store it in Key Vault',
    ]);
    expect(notes).toEqual([
      expect.stringContaining('certificate older') as string,
      expect.stringContaining('Every user') as string,
      expect.stringContaining('keeps its registered permissions') as string,
    ]);
    expect((await planOnly(bench.deps(), options)).steps[0]).toContain('set the permissions of the profile small');
  });

  it('gives a new application the profile gdap and notes only that everybody may sign in', async () => {
    bench.directory["displayName eq 'Broker'"] = [];
    const { steps, notes } = await planOnly(bench.deps(), unsaid);
    expect(steps[0]).toBe('Create the multi-tenant application "Broker" with the permissions of the profile gdap');
    expect(notes).toEqual([expect.stringMatching(/^Every user of the partner tenant may sign in.*--account/)]);
  });

  it('finds the application after a revocation by its disabled versions in the vault', async () => {
    bench.directory["displayName eq 'Broker'"] = [];
    bench.directory["appId eq 'client'"] = [registered];
    const version = await bench.store.saveClientCredential('default', {
      clientId: 'client',
      tenantId: partnerTenantId,
      ...secretOf('revoked'),
    });
    await bench.store.disableClientCredentialVersion('default', version);
    expect((await planOnly(bench.deps(), unsaid)).steps).toContain('Create a client secret and store it in Key Vault');
    expect((await planOnly(bench.deps(), unsaid)).steps.join()).not.toContain('Create the multi-tenant application');
  });
});
