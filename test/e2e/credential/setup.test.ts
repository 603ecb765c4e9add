import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { renewClientCredential } from '../../../src/lib/tokens/credential/renew-client-credential.ts';
import type { Redeemer } from '../../../src/lib/microsoft/redeemer.ts';
import { planOnly, runSetup } from '../../../src/operator/setup/setup.ts';
import { profiles, requiredResourceAccess } from '../../../src/lib/consent/permissions.ts';
import { failureReply } from '../../fakes/fake-redeemer.ts';
import { account } from 'microsoft-cloud/testing';
import { browser, startOperator, type TestOperator } from './operator.ts';

let operator: TestOperator;
beforeAll(async () => {
  operator = await startOperator();
});
afterEach(() => operator.cloud.faults.clear());
afterAll(() => operator.stop());

const registered = (clientId: string) => {
  const { directory } = operator.cloud.world.partner;
  const application = [...directory.applications.values()].find(({ appId }) => appId === clientId);
  const principal = directory.servicePrincipalOf(clientId);
  if (application === undefined || principal === undefined) throw new Error('the application does not exist');
  return { application, principal, directory };
};

describe('runSetup', () => {
  it('changes nothing when it only plans', async () => {
    operator.cloud.ledger.reset();
    const plan = await planOnly(await operator.setupDeps(), operator.setupOptions());
    expect(plan.steps[0]).toMatch(/^Create the multi-tenant application/);
    expect(plan.steps).toHaveLength(12);
    const writes = operator.cloud.ledger
      .read()
      .requests.filter(({ service, method }) => service !== 'entra' && method !== 'GET');
    expect(writes).toEqual([]);
  });

  it('creates application, consent, membership and secret, and stores the client credential', async () => {
    const outcome = await operator.setUp();
    expect(outcome).toMatchObject({ changed: true, credential: 'secret' });
    const { application, principal, directory } = registered(outcome.clientId);
    expect(application.signInAudience).toBe('AzureADMultipleOrgs');
    expect(application.redirectUris.web).toEqual(['http://localhost']);
    expect(application.requiredResourceAccess).toEqual(requiredResourceAccess(profiles.gdap));
    expect(operator.cloud.world.partner.adminAgents.members.has(principal.id)).toBe(true);
    const grants = [...directory.permissionGrants.values()].filter(({ clientId }) => clientId === principal.id);
    expect(grants).toHaveLength(4);
    expect(
      [...directory.roleAssignments.values()].filter(({ principalId }) => principalId === principal.id),
    ).toHaveLength(3);
    const { client } = await operator.store.load('default');
    expect(client).toMatchObject({ clientId: outcome.clientId, tenantId: operator.partnerTenantId });
    expect(client.endsAtMs).toBeGreaterThan(operator.clock.nowMs() + 179 * 86_400_000);
  });

  it('changes nothing in a second run', async () => {
    operator.cloud.ledger.reset();
    const outcome = await operator.setUp();
    expect(outcome).toMatchObject({ changed: false, steps: [] });
    const writes = operator.cloud.ledger
      .read()
      .requests.filter(({ service, method }) => (service === 'graph' || service === 'keyVault') && method !== 'GET');
    expect(writes).toEqual([]);
  });

  it('withdraws permissions that are not in the profile', async () => {
    const outcome = await operator.setUp({ profile: profiles.legacy });
    const { application, principal, directory } = registered(outcome.clientId);
    expect(application.requiredResourceAccess).toEqual(requiredResourceAccess(profiles.legacy));
    const roles = [...directory.roleAssignments.values()].filter(({ principalId }) => principalId === principal.id);
    expect(roles.map(({ appRoleId }) => appRoleId).toSorted()).toEqual(
      profiles.legacy.resources.flatMap((resource) => resource.roles.map(({ id }) => id)).toSorted(),
    );
    const scopes = [...directory.permissionGrants.values()].filter(({ clientId }) => clientId === principal.id);
    expect(scopes.flatMap(({ scope }) => scope.split(' ')).toSorted()).toEqual(
      [
        'Directory.AccessAsUser.All',
        'User.Read',
        'offline_access',
        'openid',
        'profile',
        'user_impersonation',
      ].toSorted(),
    );
    expect(await operator.setUp({ profile: profiles.legacy })).toMatchObject({ changed: false });
    await operator.setUp();
  });

  it.each(['certificate', 'federated'] as const)('sets up a second application with a %s', async (credential) => {
    const application = `with-${credential}`;
    const outcome = await operator.setUp({ application, displayName: application, credential });
    expect(outcome.credential).toBe(credential);
    expect(await operator.setUp({ application, displayName: application, credential })).toMatchObject({
      changed: false,
    });
    await operator.consent(browser(operator.cloud), { application });
    expect((await operator.store.load(application)).refreshToken?.mfa).toBe(true);
    expect(await operator.store.listApplications()).toContain(application);
  });

  it('creates a new client secret when Entra no longer has the stored one', async () => {
    const before = await operator.store.load('default');
    registered(before.client.clientId).application.passwords = [];
    expect((await operator.setUp()).steps).toEqual(['Create a client secret and store it in Key Vault']);
    expect((await operator.store.load('default')).client.keyId).not.toBe(before.client.keyId);
  });
});

describe('runSetup that fails', () => {
  it('throws operator_forbidden and creates nothing for an account without permissions', async () => {
    const options = operator.setupOptions({ application: 'forbidden', displayName: 'forbidden' });
    const deps = await operator.setupDeps(account(operator.cloud, 'broker'));
    await expect(runSetup(deps, options)).rejects.toMatchObject({ code: 'operator_forbidden' });
    const { directory } = operator.cloud.world.partner;
    expect([...directory.applications.values()].some(({ displayName }) => displayName === 'forbidden')).toBe(false);
  });

  it('rejects a tenant without AdminAgents', async () => {
    const { directory, adminAgents } = operator.cloud.world.partner;
    directory.groups.delete(adminAgents.id);
    await expect(operator.setUp({ application: 'nobody' })).rejects.toThrow(/no group AdminAgents/);
    directory.groups.set(adminAgents.id, adminAgents);
  });

  it('removes the new secret when Key Vault refuses to store it', async () => {
    operator.cloud.faults.add({
      service: 'keyVault',
      method: 'PUT',
      status: 403,
      body: '{"error":{"code":"Forbidden"}}',
    });
    const options = { application: 'refused', displayName: 'refused' };
    await expect(operator.setUp(options)).rejects.toMatchObject({ code: 'key_vault_unavailable' });
    const { directory } = operator.cloud.world.partner;
    const application = [...directory.applications.values()].find(({ displayName }) => displayName === 'refused');
    expect(application?.passwords).toEqual([]);
    operator.cloud.faults.clear();
    expect((await operator.setUp(options)).steps).toEqual(['Create a client secret and store it in Key Vault']);
  });

  it('keeps the new secret when Key Vault stored it but the reply was lost', async () => {
    operator.cloud.faults.add({ service: 'keyVault', method: 'PUT', kind: 'lost_reply', count: 1 });
    const outcome = await operator.setUp({ application: 'lost', displayName: 'lost' });
    const { client } = await operator.store.load('lost');
    expect(registered(outcome.clientId).application.passwords.map(({ keyId }) => keyId)).toEqual([client.keyId]);
  });

  it('continues after an interrupted run, whichever request of Graph failed', async () => {
    operator.cloud.ledger.reset();
    await operator.setUp({ application: 'whole', displayName: 'whole' });
    const writes = operator.cloud.ledger
      .read()
      .requests.filter(({ service, method }) => service === 'graph' && method !== 'GET').length;
    expect(writes).toBeGreaterThan(10);
    for (let nth = 1; nth <= writes; nth += 1) {
      const options = { application: `cut-${nth}`, displayName: `cut-${nth}` };
      operator.cloud.faults.add({ service: 'graph', method: 'POST', from: nth, count: 1, kind: 'lost_reply' });
      const cut = operator.setUp(options);
      await cut.catch(() => undefined);
      operator.cloud.faults.clear();
      const outcome = await operator.setUp(options);
      const { directory } = operator.cloud.world.partner;
      const made = [...directory.applications.values()].filter(({ displayName }) => displayName === `cut-${nth}`);
      expect(made).toHaveLength(1);
      expect(operator.cloud.world.partner.adminAgents.members.has(registered(outcome.clientId).principal.id)).toBe(
        true,
      );
      expect(await operator.setUp(options)).toMatchObject({ changed: false });
    }
  });
});

it.each(['secret', 'certificate'] as const)('renews a %s that expires within 30 days', async (credential) => {
  const names = { application: `ending-${credential}`, displayName: `ending-${credential}`, credential };
  await operator.setUp(names);
  const { client } = await operator.store.load(names.application);
  // Pretend that it was created long ago.
  const endsAtMs = operator.clock.nowMs() + 29 * 86_400_000;
  await operator.store.saveClientCredential(names.application, { ...client, endsAtMs });
  expect(await operator.setUp(names)).toMatchObject({ changed: true });
  const renewed = await operator.store.load(names.application);
  expect(renewed.client.endsAtMs).toBeGreaterThan(endsAtMs);
  expect(renewed.client.keyId).not.toBe(client.keyId);
  expect(await operator.setUp(names)).toMatchObject({ changed: false });
});

it('switches to the managed identity only after the app has proven that Entra accepts it', async () => {
  const names = { application: 'later', displayName: 'later' };
  await operator.setUp(names);
  const { clientId } = (await operator.store.load('later')).client;
  const deps = await operator.setupDeps();
  // A machine without the identity.
  const redeemer: Redeemer = {
    redeem: async (redemption, signal) =>
      redemption.clientCredential.kind === 'federated'
        ? failureReply({ code: 'config_invalid', reach: 'request' })
        : deps.redeemer.redeem(redemption, signal),
  };
  operator.cloud.clock.advance(60_000);
  const options = operator.setupOptions({ ...names, credential: 'federated' });
  expect(await runSetup({ ...deps, redeemer }, options)).toMatchObject({ credential: 'secret', proposed: 'federated' });
  expect(await runSetup({ ...deps, redeemer }, options)).toMatchObject({ changed: false, proposed: 'federated' });
  expect((await operator.store.load('later')).client.credential.kind).toBe('secret');

  const renew = () => renewClientCredential({ ...operator, ...operator.renewal() }, 'later', false);
  operator.cloud.faults.add({ service: 'entra', aadsts: 70021, count: 1 });
  expect(await renew()).toMatchObject({ kind: 'secret', renewed: false });
  operator.cloud.faults.clear();
  expect(await renew()).toMatchObject({ kind: 'federated' });
  expect((await operator.store.load('later')).client).toMatchObject({ clientId, credential: { kind: 'federated' } });
  expect(await runSetup(deps, options)).toMatchObject({ changed: false, credential: 'federated' });
});
