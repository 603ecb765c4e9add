import { beforeEach, describe, expect, it } from 'vitest';
import { keyMark } from '../../../../src/lib/credential/client-keys.ts';
import type { ClientCredential } from '../../../../src/lib/model/credential.ts';
import { createCertificate } from '../../../../src/lib/credential/create-certificate.ts';
import { BrokerError } from '../../../../src/lib/model/errors.ts';
import { createGraphClient } from '../../../../src/lib/graph/client.ts';
import { createGraphWriter } from '../../../../src/lib/graph/write.ts';
import { parseTenantId } from '../../../../src/lib/model/identifiers.ts';
import { Limiter } from '../../../../src/lib/runtime/limiter.ts';
import { Secret } from '../../../../src/lib/model/secret.ts';
import { applicationTag } from '../../../../src/lib/setup/directory-state.ts';
import { graphAppId, profiles } from '../../../../src/lib/setup/permissions.ts';
import { readVaultState } from '../../../../src/lib/setup/read-vault-state.ts';
import { planOnly, runSetup, type SetupDeps, type SetupRequest } from '../../../../src/lib/setup/setup.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { aadstsFailure, failureReply, FakeRedeemer } from '../../../fakes/fake-redeemer.ts';
import { MemoryCredentialStore, refreshTokenOf } from '../../../fakes/memory-credential-store.ts';
import { problem, type Scripted, scriptedFetch, type SeenRequest } from '../../../fakes/scripted-fetch.ts';

const partnerTenantId = parseTenantId('99999999-9999-4999-8999-999999999999')!;
const options: SetupRequest = {
  partnerTenantId,
  application: 'default',
  displayName: 'Broker',
  profile: { name: 'small', resources: [{ appId: graphAppId, name: 'Microsoft Graph', scopes: [], roles: [] }] },
  credential: 'secret',
  entraEndpoint: 'https://login.test',
  federationAudience: 'api://audience',
};
/** An application that lacks only its client credential. */
const present = {
  id: 'object',
  appId: 'client',
  displayName: 'Broker',
  signInAudience: 'AzureADMultipleOrgs',
  tags: [applicationTag('default')],
  web: { redirectUris: ['http://localhost'] },
  requiredResourceAccess: [],
  keyCredentials: [{ keyId: 'older', key: 'left out by Graph' }],
};

/** Sleeps without waiting and records how long. */
class EagerClock extends FakeClock {
  readonly slept: number[] = [];
  override async sleep(ms: number): Promise<void> {
    this.slept.push(ms);
    await Promise.resolve();
  }
}

let clock: EagerClock;
let store: MemoryCredentialStore;
let redeemer: FakeRedeemer;
let seen: SeenRequest[];
let directory: Record<string, object[]>;
let graph: (request: SeenRequest, count: number) => Scripted | undefined;
let reported: string[];
beforeEach(() => {
  clock = new EagerClock();
  store = new MemoryCredentialStore();
  redeemer = new FakeRedeemer(clock);
  graph = () => undefined;
  reported = [];
  directory = {
    "displayName eq 'AdminAgents'": [{ id: 'agents' }],
    "displayName eq 'Broker'": [present],
    "appId eq 'client'": [{ id: 'principal' }],
    [`appId eq '${graphAppId}'`]: [{ id: 'graph', appId: graphAppId }],
    '/oauth2PermissionGrants': [
      { id: 'grant', consentType: 'AllPrincipals', resourceId: 'graph', scope: 'openid profile offline_access' },
    ],
    '/memberOf': [{ id: 'agents' }],
    '/transitiveMemberOf': [{ id: 'agents' }],
  };
});

function deps(): SetupDeps {
  const scripted = scriptedFetch((request, count) => {
    const own = graph(request, count);
    if (own !== undefined) return own;
    const asked = decodeURIComponent(`${request.url.pathname}${request.url.search}`);
    if (request.method === 'GET')
      return { value: Object.entries(directory).find(([part]) => asked.includes(part))?.[1] ?? [] };
    if (asked.endsWith('/addPassword'))
      return { secretText: 'made', keyId: 'key', endDateTime: '2027-05-01T00:00:00Z' };
    if (asked.endsWith('/applications')) return { id: 'object', appId: 'client' };
    if (asked.endsWith('/servicePrincipals')) return { id: 'principal' };
    return new Response(null, { status: 204 });
  });
  seen = scripted.seen;
  const exchange = { fetch: scripted.fetch, clock, random: () => 0, limiter: new Limiter(4) };
  const binding = { baseUrl: 'https://graph.test', token: async () => new Secret('operator'), correlationId: 'id' };
  let ids = 0;
  return {
    graph: createGraphClient(exchange, binding),
    writer: createGraphWriter(exchange, binding),
    store,
    redeemer,
    clock,
    newId: () => `0000000${(ids += 1)}-id`,
    createCertificate,
    graphIdentifier: 'https://graph.microsoft.com',
    report: ({ step, state }) => reported.push(`${state}: ${step.slice(0, 24)}`),
  };
}

const writes = (): string[] =>
  seen.filter(({ method }) => method !== 'GET').map(({ method, url }) => `${method} ${url.pathname.slice(5)}`);
const bodyOf = (path: string): unknown =>
  JSON.parse(seen.find(({ method, url }) => method !== 'GET' && url.pathname.endsWith(path))?.body ?? 'null');

const secretOf = (secret: string) => ({
  credential: { kind: 'secret', secret: new Secret(secret) } as const,
  keyId: secret,
});

describe('runSetup', () => {
  it('asks for confirmation before the first change, and changes nothing without it', async () => {
    const asked: unknown[] = [];
    const refuse = (plan: unknown): Promise<never> => {
      asked.push(plan);
      return Promise.reject(new Error('no'));
    };
    await expect(runSetup(deps(), options, refuse)).rejects.toThrow('no');
    const steps = ['Create a client secret and store it in Key Vault'];
    expect(asked).toEqual([{ application: 'default', steps, notes: [] }]);
    expect(writes()).toEqual([]);
    expect(await planOnly(deps(), options)).toEqual(asked[0]);
  });

  it('does not ask when there is nothing to do, and reports the consent', async () => {
    await runSetup(deps(), options);
    directory["appId eq 'client'"] = [{ ...present, passwordCredentials: [{ keyId: 'key' }], id: 'object' }];
    graph = ({ url }) =>
      url.pathname.endsWith('/servicePrincipals') && decodeURIComponent(url.search).includes("'client'")
        ? { value: [{ id: 'principal' }] }
        : undefined;
    await store.saveRefreshToken('default', refreshTokenOf('token', 0));
    const outcome = await runSetup(deps(), options, () => Promise.reject(new Error('no confirmation expected')));
    expect(outcome).toMatchObject({ changed: false, steps: [], consented: true, credential: 'secret' });
    expect(outcome.endsAtMs).toBe(Date.UTC(2027, 4, 1));
    expect(writes()).toEqual([]);
  });

  it('reports the start and the end of each step', async () => {
    const outcome = await runSetup(deps(), options);
    expect(outcome).toMatchObject({ changed: true, consented: false, clientId: 'client' });
    expect(reported).toEqual(['started: Create a client secret a', 'done: Create a client secret a']);
  });

  it('stops before it creates anything when the vault cannot be read', async () => {
    store.failure = new BrokerError('key_vault_unavailable', 'away');
    await expect(runSetup(deps(), options)).rejects.toMatchObject({ code: 'key_vault_unavailable' });
    expect(seen).toEqual([]);
  });

  it('turns a 403 of Graph into operator_forbidden and rethrows other errors', async () => {
    graph = ({ method }) => (method === 'POST' ? problem(403, 'Authorization_RequestDenied', 'No.') : undefined);
    await expect(runSetup(deps(), options)).rejects.toMatchObject({
      code: 'operator_forbidden',
      logFields: { status: 403 },
    });
    graph = ({ method }) => (method === 'GET' ? problem(403, 'Authorization_RequestDenied', 'No.') : undefined);
    await expect(planOnly(deps(), options)).rejects.toMatchObject({ code: 'operator_forbidden' });
    graph = ({ method }) => (method === 'POST' ? problem(500, 'Broken') : undefined);
    await expect(runSetup(deps(), options)).rejects.toMatchObject({ code: 'resource_error' });
  });

  it('includes the message of Graph about a policy of the tenant', async () => {
    const said = 'Credential lifetime exceeds the max value allowed as per assigned policy';
    graph = ({ method }) =>
      method === 'POST' ? problem(400, 'CredentialInvalidLifetimeAsPerAppPolicy', said) : undefined;
    await expect(runSetup(deps(), options)).rejects.toMatchObject({
      code: 'setup_refused',
      detail: `Microsoft Graph refuses the request (400 CredentialInvalidLifetimeAsPerAppPolicy). ${said}`,
    });
  });
});

describe('runSetup with an existing application', () => {
  const elsewhere = keyMark('other.vault.example', 'default', []).name;
  const [secret, certificate] = [
    { keyId: 'theirs', displayName: elsewhere },
    { keyId: 'from before', displayName: 'partner-token-broker' },
  ];
  beforeEach(() => {
    const more = { passwordCredentials: [secret], keyCredentials: [certificate, { keyId: 'x', displayName: 'CN=x' }] };
    directory["displayName eq 'Broker'"] = [{ ...present, ...more }];
    directory["appId eq 'client'"] = [{ ...present, ...more }];
  });

  it('notes client credentials of another broker in plan and outcome', async () => {
    const { notes } = await planOnly(deps(), options);
    expect(notes).toHaveLength(1);
    expect(notes[0]).toMatch(/"Broker" \(client id client\) exists already.*does not hold \(2\).*--display-name/);
    expect((await runSetup(deps(), options)).notes).toEqual(notes);
    expect(writes()).toEqual(['POST /applications/object/addPassword']);
  });

  it('notes nothing about an application in the vault', async () => {
    await store.saveClientCredential('default', { clientId: 'client', tenantId: partnerTenantId, ...secretOf('x') });
    expect((await planOnly(deps(), options)).notes).toEqual([]);
  });
});

describe('runSetup without a profile', () => {
  const { profile: _, ...unsaid } = options;
  const permissions = [{ resourceAppId: graphAppId, resourceAccess: [{ id: 'read', type: 'Scope' }] }];
  const registered = { ...present, requiredResourceAccess: permissions };
  const graphPrincipal = { id: 'graph', appId: graphAppId, displayName: 'Microsoft Graph' };
  beforeEach(() => {
    directory[`appId eq '${graphAppId}'`] = [
      { ...graphPrincipal, oauth2PermissionScopes: [{ id: 'read', value: 'User.Read.All' }] },
    ];
  });

  it('keeps the registered permissions, adds missing consents and notes that', async () => {
    directory["displayName eq 'Broker'"] = [registered];
    const { steps, notes } = await planOnly(deps(), unsaid);
    expect(steps).toEqual([
      'Consent for all users: Microsoft Graph: User.Read.All openid profile offline_access',
      'Create a client secret and store it in Key Vault',
    ]);
    expect(notes).toEqual([expect.stringContaining('keeps its registered permissions') as string]);
    expect((await planOnly(deps(), options)).steps[0]).toContain('set the permissions of the profile small');
  });

  it('gives a new application the profile gdap without a note', async () => {
    directory["displayName eq 'Broker'"] = [];
    const { steps, notes } = await planOnly(deps(), unsaid);
    expect(steps[0]).toBe('Create the multi-tenant application "Broker" with the permissions of the profile gdap');
    expect(notes).toEqual([]);
  });

  it('finds the application after a revocation by its disabled versions in the vault', async () => {
    directory["displayName eq 'Broker'"] = [];
    directory["appId eq 'client'"] = [registered];
    const version = await store.saveClientCredential('default', {
      clientId: 'client',
      tenantId: partnerTenantId,
      ...secretOf('revoked'),
    });
    await store.disableClientCredentialVersion('default', version);
    expect((await planOnly(deps(), unsaid)).steps).toContain('Create a client secret and store it in Key Vault');
    expect((await planOnly(deps(), unsaid)).steps.join()).not.toContain('Create the multi-tenant application');
  });
});

describe('readVaultState', () => {
  const remembered = async () => (await readVaultState(store, 'default')).remembered;
  const save = (credential: ClientCredential) =>
    store.saveClientCredential('default', { clientId: 'client', tenantId: partnerTenantId, credential });

  it('remembers nothing before the first setup', async () => {
    expect(await remembered()).toEqual({ clientId: undefined, kind: undefined });
  });

  it('remembers the kind in use or proposed, and the last one after a revocation', async () => {
    await save(secretOf('s').credential);
    expect(await remembered()).toEqual({ clientId: 'client', kind: 'secret' });
    const identity = { clientId: 'client', tenantId: partnerTenantId, credential: { kind: 'federated' } } as const;
    await store.proposeClientCredential('default', identity);
    expect((await remembered()).kind).toBe('federated');
    await save(secretOf('renewed').credential);
    expect((await remembered()).kind).toBe('secret');
    await save(identity.credential);
    for (const { version } of await store.listClientCredentialVersions('default')) {
      await store.disableClientCredentialVersion('default', version);
    }
    expect(await remembered()).toEqual({ clientId: 'client', kind: 'federated' });
  });
});

describe('a new client credential', () => {
  it('is stored only after it worked, and retried while Entra replicates it', async () => {
    const held: string[] = [];
    const save = store.saveClientCredential.bind(store);
    store.saveClientCredential = async (...args) => {
      held.push(`stored after ${redeemer.sent.length}`);
      return save(...args);
    };
    // A new application is not replicated yet, either.
    const replies = [aadstsFailure(700016), failureReply({ code: 'client_credential_rejected' })];
    redeemer.script = (_, nth) => replies[nth - 1];
    await runSetup(deps(), options);
    expect(held).toEqual(['stored after 3']);
    expect(redeemer.sent[2]).toMatchObject({ tenantId: partnerTenantId, grant: { kind: 'application' } });
    expect(clock.slept).toEqual([3_000, 5_000]);
    const { name } = keyMark('vault.example', 'default', []);
    expect(bodyOf('/addPassword')).toMatchObject({ passwordCredential: { displayName: name } });
    expect((await store.load('default')).client.keyId).toBe('key');
  });

  it('is removed when Entra does not accept it within two minutes, and the one in use stays', async () => {
    await store.saveClientCredential('default', { clientId: 'client', tenantId: partnerTenantId, ...secretOf('old') });
    directory["appId eq 'client'"] = [present];
    redeemer.script = () =>
      failureReply({ code: 'client_credential_rejected', detail: 'Wrong secret.', logFields: { aadsts: 7000215 } });
    await expect(runSetup(deps(), options)).rejects.toMatchObject({
      code: 'client_credential_rejected',
      detail: 'Wrong secret.',
      logFields: { aadsts: 7000215 },
    });
    expect(clock.slept.reduce((sum, ms) => sum + ms)).toBe(98_000);
    expect(writes()).toEqual(['POST /applications/object/addPassword', 'POST /applications/object/removePassword']);
    expect((await store.load('default')).client.version).toBe('v1');
  });

  it('is removed from Entra when the vault does not store it', async () => {
    store.saveClientCredential = () => Promise.reject(new BrokerError('key_vault_unavailable', 'full'));
    await expect(runSetup(deps(), options)).rejects.toMatchObject({ code: 'key_vault_unavailable' });
    expect(writes()).toEqual(['POST /applications/object/addPassword', 'POST /applications/object/removePassword']);
    expect(bodyOf('/removePassword')).toEqual({ keyId: 'key' });
  });

  it('is not proven when it is a managed identity and none is in use', async () => {
    await runSetup(deps(), { ...options, credential: 'federated', managedIdentityObjectId: 'identity' });
    expect(redeemer.sent).toEqual([]);
    expect((await store.load('default')).client).toMatchObject({
      clientId: 'client',
      credential: { kind: 'federated' },
    });
    expect(bodyOf('/federatedIdentityCredentials')).toEqual({
      name: 'partner-token-broker-00000001',
      issuer: `https://login.test/${partnerTenantId}/v2.0`,
      subject: 'identity',
      audiences: ['api://audience'],
    });
  });

  describe('of kind federated while a secret is in use', () => {
    const identity = { ...options, credential: 'federated', managedIdentityObjectId: 'identity' } as const;
    const refuseIdentity = (): void => {
      redeemer.script = ({ clientCredential }) =>
        clientCredential.kind === 'federated' ? aadstsFailure(70021) : undefined;
    };
    const haveSecret = (endsAtMs?: number) =>
      store.saveClientCredential('default', {
        clientId: 'client',
        tenantId: partnerTenantId,
        ...secretOf('in use'),
        ...(endsAtMs === undefined ? {} : { endsAtMs }),
      });
    beforeEach(async () => {
      await haveSecret();
      graph = ({ method, url }) =>
        method === 'GET' && decodeURIComponent(url.search).includes("appId eq 'client'")
          ? { value: url.pathname.endsWith('/applications') ? [present] : [{ id: 'principal' }] }
          : undefined;
    });
    const kind = async (): Promise<string> => (await store.load('default')).client.credential.kind;

    it('waits until the app has proven it, and setup has nothing more to do', async () => {
      refuseIdentity();
      expect(await runSetup(deps(), identity)).toMatchObject({ credential: 'secret', proposed: 'federated' });
      expect(await kind()).toBe('secret');
      const { issuer, subject, audiences } = bodyOf('/federatedIdentityCredentials') as Record<string, unknown>;
      directory['/federatedIdentityCredentials'] = [{ id: 'trust', issuer, subject, audiences }];
      expect(await runSetup(deps(), identity)).toMatchObject({ changed: false, proposed: 'federated' });
    });

    it('waits when Entra answers for neither', async () => {
      redeemer.script = () => failureReply();
      expect(await runSetup(deps(), identity)).toMatchObject({ credential: 'secret', proposed: 'federated' });
    });

    it('is used at once when Entra accepts it on this machine', async () => {
      expect(await runSetup(deps(), identity)).toMatchObject({ credential: 'federated' });
      expect(await kind()).toBe('federated');
    });

    it('is used at once when the secret does not work or expires soon', async () => {
      redeemer.script = () => aadstsFailure(7000215);
      expect(await runSetup(deps(), identity)).toMatchObject({ credential: 'federated' });
      await haveSecret(clock.nowMs() + 86_400_000);
      refuseIdentity();
      expect(await runSetup(deps(), identity)).toMatchObject({ credential: 'federated' });
    });
  });

  it('of kind certificate is added to the existing ones, and removed when it cannot be stored', async () => {
    let listed: unknown = present.keyCredentials;
    graph = ({ method, url, body }) => {
      if (!url.pathname.endsWith('/applications/object')) return undefined;
      if (method === 'PATCH') ({ keyCredentials: listed } = JSON.parse(body ?? '') as { keyCredentials: unknown });
      return method === 'GET' ? { id: 'object', keyCredentials: listed } : undefined;
    };
    const outcome = await runSetup(deps(), { ...options, credential: 'certificate' });
    expect(outcome.credential).toBe('certificate');
    expect(redeemer.sent).toMatchObject([{ clientCredential: { kind: 'certificate' } }]);
    const { keyCredentials } = bodyOf('/applications/object') as { keyCredentials: Record<string, unknown>[] };
    expect(keyCredentials[0]).toEqual({ keyId: 'older', key: null });
    const { name } = keyMark('vault.example', 'default', []);
    expect(keyCredentials[1]).toMatchObject({ displayName: name, usage: 'Verify' });
    expect(keyCredentials[1]?.['key']).toMatch(/^MII[A-Za-z0-9+/=]+$/);

    store = new MemoryCredentialStore();
    store.saveClientCredential = () => Promise.reject(new BrokerError('key_vault_unavailable', 'full'));
    await expect(runSetup(deps(), { ...options, credential: 'certificate' })).rejects.toMatchObject({
      code: 'key_vault_unavailable',
    });
    expect(writes()).toEqual(['PATCH /applications/object', 'PATCH /applications/object']);
    expect(JSON.parse(seen.at(-1)?.body ?? '')).toEqual({ keyCredentials: [{ keyId: 'older', key: null }] });
  });

  it('of kind certificate is rejected before any request when it has no certificate', async () => {
    const broken = { ...deps(), createCertificate: async () => ({ certificate: 'none', privateKey: 'none' }) };
    await expect(runSetup(broken, { ...options, credential: 'certificate' })).rejects.toMatchObject({
      code: 'client_credential_rejected',
    });
    expect(writes()).toEqual([]);
  });
});

describe('a step of setup', () => {
  const everything = (): SetupRequest => ({ ...options, profile: profiles.gdap });
  beforeEach(() => {
    directory = { "displayName eq 'AdminAgents'": [{ id: 'agents' }] };
  });

  it('uses the ids from earlier steps', async () => {
    let principals = 0;
    graph = ({ method, url, body }) => {
      if (method !== 'POST' || !url.pathname.endsWith('/servicePrincipals')) return undefined;
      return { id: body?.includes('client') === true ? 'principal' : `resource-${(principals += 1)}` };
    };
    await runSetup(deps(), everything());
    expect(redeemer.sent).toHaveLength(1);
    expect(principals).toBe(profiles.gdap.resources.length);
    const grants = seen
      .filter(({ method, url }) => method === 'POST' && url.pathname.endsWith('/oauth2PermissionGrants'))
      .map(({ body }) => JSON.parse(body ?? '') as Record<string, unknown>);
    expect(grants.map(({ resourceId }) => resourceId)).toEqual([1, 2, 3, 4, 5].map((nth) => `resource-${nth}`));
    expect(new Set(grants.map(({ clientId }) => clientId))).toEqual(new Set(['principal']));
    expect(new Set(grants.map(({ consentType }) => consentType))).toEqual(new Set(['AllPrincipals']));
    expect(grants[0]?.['scope']).toBe('Directory.AccessAsUser.All User.Read');
    expect(bodyOf('/appRoleAssignments')).toMatchObject({ principalId: 'principal', resourceId: 'resource-1' });
    expect(bodyOf('/applications')).toMatchObject({
      displayName: 'Broker',
      signInAudience: 'AzureADMultipleOrgs',
      tags: [applicationTag('default')],
      web: { redirectUris: ['http://localhost'] },
    });
    expect(bodyOf('/owners/$ref')).toEqual({
      '@odata.id': 'https://graph.microsoft.com/v1.0/directoryObjects/principal',
    });
    expect(bodyOf('/members/$ref')).toEqual({
      '@odata.id': 'https://graph.microsoft.com/v1.0/directoryObjects/principal',
    });
  });

  it('updates an existing consent and withdraws what is not in the profile', async () => {
    directory["displayName eq 'Broker'"] = [present];
    directory["appId eq 'client'"] = [{ id: 'principal' }];
    directory[`appId eq '${graphAppId}'`] = [{ id: 'graph', appId: graphAppId }];
    directory['/oauth2PermissionGrants'] = [
      { id: 'ours', consentType: 'AllPrincipals', resourceId: 'graph', scope: 'openid Mail.Read' },
      { id: 'beyond', consentType: 'AllPrincipals', resourceId: 'another', scope: 'x' },
    ];
    directory['/appRoleAssignments'] = [{ id: 'role', resourceId: 'graph', appRoleId: 'beyond' }];
    await runSetup(deps(), options);
    expect(writes()).toEqual([
      'PATCH /oauth2PermissionGrants/ours',
      'DELETE /oauth2PermissionGrants/beyond',
      'DELETE /servicePrincipals/principal/appRoleAssignments/role',
      'POST /groups/agents/members/$ref',
      'POST /applications/object/addPassword',
    ]);
    expect(bodyOf('/oauth2PermissionGrants/ours')).toEqual({ scope: 'openid profile offline_access' });
  });

  it.each([403, 409])('is not retried when Graph answers %i', async (status) => {
    graph = ({ method, url }) =>
      method === 'POST' && url.pathname.endsWith('/$ref') ? problem(status, 'No') : undefined;
    await expect(runSetup(deps(), everything())).rejects.toMatchObject({ logFields: { status } });
    expect(clock.slept).toEqual([]);
  });

  it('is retried while a new object is not replicated, for half a minute', async () => {
    let refusals = 3;
    graph = ({ method, url }) =>
      method === 'POST' && url.pathname.endsWith('/$ref') && refusals-- > 0
        ? problem(refusals === 1 ? 400 : 404, 'NotFound')
        : undefined;
    await runSetup(deps(), everything());
    expect(clock.slept).toEqual([1_000, 2_000, 4_000]);
    clock.slept.length = 0;
    refusals = Number.POSITIVE_INFINITY;
    await expect(runSetup(deps(), everything())).rejects.toMatchObject({ logFields: { status: 404 } });
    expect(clock.slept).toEqual([1_000, 2_000, 4_000, 8_000, 15_000]);
  });

  it('succeeds when the reference exists already', async () => {
    graph = ({ method, url }) =>
      method === 'POST' && url.pathname.endsWith('/$ref')
        ? problem(400, 'Request_BadRequest', 'One or more added object references already exist')
        : undefined;
    expect((await runSetup(deps(), everything())).changed).toBe(true);
    expect(clock.slept).toEqual([]);
  });

  it('keeps tags and redirect addresses that an administrator added', async () => {
    directory["displayName eq 'Broker'"] = [
      { ...present, tags: [...present.tags, 'theirs'], web: { redirectUris: ['https://theirs.example'] } },
    ];
    directory["appId eq 'client'"] = [{ id: 'principal' }];
    await runSetup(deps(), everything());
    expect(bodyOf('/applications/object')).toMatchObject({
      tags: [applicationTag('default'), 'theirs'],
      web: { redirectUris: ['https://theirs.example', 'http://localhost'] },
    });
  });

  it.each([{}, { id: '' }, { id: 'object' }, { id: '', appId: 'client' }])(
    'fails when Graph returns an application without an id: %j',
    async (answer) => {
      graph = ({ method }) => (method === 'POST' ? answer : undefined);
      await expect(runSetup(deps(), options)).rejects.toMatchObject({
        code: 'resource_error',
        detail: expect.stringMatching(/^Microsoft Graph created an object without (id|appId)\.$/) as string,
      });
    },
  );
});
