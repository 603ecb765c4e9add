import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { registerSetup } from '../../../../src/cli/commands/setup.ts';
import { applicationTag } from '../../../../src/lib/consent/directory-state.ts';
import { aadstsFailure } from '../../../fakes/fake-redeemer.ts';
import { refreshTokenOf } from '../../../fakes/memory-credential-store.ts';
import { partnerTenantId, present, secretOf, SetupBench } from '../../operator/setup/setup-bench.ts';
import { clearStage, partner, runOnVault, type VaultTools } from './vault-stage.ts';

const graphTools = '14d82eec-204b-4c2f-b7e8-296a70dab67e';
const kept = 'The application keeps its registered permissions. Use --permissions to change them.';
const createsSecret = ['POST /applications/object/addPassword'];
const end = '2027-05-01';

let bench: SetupBench;
/** The application of the directory, without a client credential. */
function register(more: object = {}, displayName = 'Partner Token Broker'): void {
  const registered = { ...present, keyCredentials: [], ...more };
  bench.directory[`displayName eq '${displayName}'`] = [registered];
  bench.directory["appId eq 'client'"] = [registered];
}
beforeEach(() => {
  bench = new SetupBench();
  register();
});
afterEach(clearStage);

const setup = (words: readonly string[], more: Partial<VaultTools> = {}) => {
  const { graph: client, writer, store, redeemer } = bench.deps();
  const tools = { store, redeemer, clock: bench.clock, graph: () => ({ client, writer }), ...more };
  return runOnVault(registerSetup, ['setup', '--device-code', ...words], tools);
};

/** As after a first `ptb setup`. */
async function finishSetup(): Promise<void> {
  register({ passwordCredentials: [{ keyId: 'key' }] });
  await bench.store.saveClientCredential('default', {
    clientId: 'client',
    tenantId: partnerTenantId,
    ...secretOf('key'),
    endsAtMs: Date.parse(end),
  });
}

describe('ptb setup --dry-run', () => {
  it('signs an administrator in with the permissions of setup, shows the plan and changes nothing', async () => {
    const { exit, out, err, signIns } = await setup(['--dry-run']);
    expect([exit, bench.writes(), bench.store.clientCredentials('default')]).toEqual([0, [], []]);
    expect(out).toBe(`${kept}\nSteps:\n  1. Create a client secret and store it in Key Vault\n`);
    const graph = 'https://graph.microsoft.com';
    const scopes = [
      'Application.ReadWrite.All',
      'AppRoleAssignment.ReadWrite.All',
      'DelegatedPermissionGrant.ReadWrite.All',
      'Directory.Read.All',
      'GroupMember.ReadWrite.All',
    ].map((scope) => `${graph}/${scope}`);
    expect(signIns).toEqual([{ tenant: partner, client: graphTools, scopes: ['openid', 'profile', ...scopes] }]);
    expect(err).toBe(
      'Sign in as an administrator of the partner tenant.\nOpen https://microsoft.com/devicelogin on any device and enter the code CODE (valid for 15 minutes).\n',
    );
  });

  it('prints the plan as one JSON document', async () => {
    const steps = ['Create a client secret and store it in Key Vault'];
    const { out } = await setup(['--dry-run', '--json']);
    expect(JSON.parse(out)).toEqual({ application: 'default', dryRun: true, steps, notes: [kept] });
  });

  it('says that there is nothing to do', async () => {
    await finishSetup();
    const { out } = await setup(['--dry-run']);
    expect(out).toContain('There is nothing to change: the application is set up.\n');
    expect(out).not.toContain('Steps:');
  });
});

describe('ptb setup --yes', () => {
  it('creates the client secret, stores it, and says when it expires and what to run next', async () => {
    const { exit, out, err } = await setup(['--yes']);
    expect([exit, bench.writes()]).toEqual([0, createsSecret]);
    expect((await bench.store.load('default')).client).toMatchObject({ clientId: 'client', tenantId: partner });
    expect(out).toBe(
      [
        kept,
        `The application "default" (client id client) is set up. Changes: 1. Its client credential expires on ${end}.`,
        'Next: ptb consent, and then ptb tenants consent\n',
      ].join('\n'),
    );
    expect(err).not.toContain('Go ahead?');
    expect(out + err).not.toContain('made');
  });

  it('names another application in its display name and in the next commands', async () => {
    register({ tags: [applicationTag('second')] }, 'Partner Token Broker (second)');
    const { out } = await setup(['--yes', '--application', 'second']);
    expect(bench.writes()).toEqual(createsSecret);
    expect(out).toContain('The application "second" (client id client) is set up.');
    expect(out).toContain('Next: ptb consent --application second, and then ptb tenants consent --application second');
    expect(await bench.store.listApplications()).toEqual(['second']);
  });

  it('finds the application by --display-name', async () => {
    bench.directory["displayName eq 'Partner Token Broker'"] = [];
    register({}, 'Ours');
    await setup(['--yes', '--display-name', 'Ours']);
    expect(bench.writes()).toEqual(createsSecret);
  });

  it('prints the outcome as one JSON document, without a secret', async () => {
    await bench.store.saveRefreshToken('default', refreshTokenOf('stored', 0));
    const { out } = await setup(['--yes', '--json']);
    expect(JSON.parse(out)).toEqual({
      application: 'default',
      clientId: 'client',
      changed: true,
      consented: true,
      credential: 'secret',
      steps: ['Create a client secret and store it in Key Vault'],
      notes: [kept],
      clientCredentialEndsAt: `${end}T00:00:00.000Z`,
    });
  });

  it('says that nothing was changed, and does not ask for a consent that is there', async () => {
    await finishSetup();
    const token = refreshTokenOf('stored', 0);
    await bench.store.saveRefreshToken('default', token);
    bench.directory['/appRoleAssignedTo'] = [{ principalId: token.accountObjectId }];
    register({ passwordCredentials: [{ keyId: 'key' }], appRoleAssignmentRequired: true });
    const { exit, out } = await setup(['--yes']);
    expect([exit, bench.writes()]).toEqual([0, []]);
    expect(out).toContain(
      `Nothing was changed: the application "default" (client id client) was set up already. Its client credential expires on ${end}.\n`,
    );
    expect(out).not.toContain('Next:');
  });

  it.each([
    [['--permissions', 'nonsense'], 1, 'neither gdap nor reader nor changes nor legacy, nor a readable file'],
    [['--credential', 'federated'], 1, 'MANAGED_IDENTITY_CLIENT_ID: is missing'],
    [['--credential', 'password'], 2, 'Allowed choices are secret, certificate, federated'],
    [['--application', 'Not A Name'], 2, 'at most 32 lower case letters'],
    [['--partner-tenant', 'nonsense'], 1, 'PARTNER_TENANT_ID (--partner-tenant)'],
    [['--vault', 'nonsense'], 1, 'KEY_VAULT_URL (--vault)'],
  ])('refuses %j and changes nothing', async (words, code, said) => {
    const { exit, out, err } = await setup(['--yes', ...words]);
    expect([exit, out, bench.writes()]).toEqual([code, '', []]);
    expect(err).toContain(said);
  });

  it('keeps the client secret in use until Entra accepts the managed identity', async () => {
    await finishSetup();
    bench.redeemer.script = ({ clientCredential }) =>
      clientCredential.kind === 'federated' ? aadstsFailure(700213) : undefined;
    const identity = { id: 'identity', servicePrincipalType: 'ManagedIdentity' };
    bench.directory["appId eq '55555555-5555-4555-8555-555555555555'"] = [identity];
    vi.stubEnv('MANAGED_IDENTITY_CLIENT_ID', '55555555-5555-4555-8555-555555555555');
    const { exit, out } = await setup(['--yes', '--credential', 'federated']);
    expect(exit).toBe(0);
    expect(bench.bodyOf('/federatedIdentityCredentials')).toMatchObject({ subject: 'identity' });
    expect(out).toContain('Its client secret stays in use until Entra accepts the managed identity.');
    // The kind that was chosen last is the default.
    expect((await bench.store.load('default')).client.credential.kind).toBe('secret');
    const again = await setup(['--dry-run']);
    expect(again.out).toContain('1. Trust the managed identity identity');
  });
});

describe('ptb setup without --yes', () => {
  it('refuses without a terminal, before anybody signs in', async () => {
    const { exit, err, signIns } = await setup([]);
    expect([exit, signIns, bench.writes()]).toEqual([2, [], []]);
    expect(err).toBe(
      'ptb: There is no terminal to ask for confirmation. Give --yes to go ahead, or --dry-run to see the plan.\n',
    );
  });

  it('shows the plan, and changes nothing unless the person agrees', async () => {
    const { exit, out, err } = await setup([], { answer: 'n' });
    expect([exit, out, bench.writes()]).toEqual([1, '', []]);
    expect(err).toMatch(/Steps:\n {2}1\. Create a client secret[^]*Go ahead\?[^]*Nothing was changed\.\n$/);
  });

  it('goes ahead after a yes, and shows each step on the terminal', async () => {
    const { exit, err } = await setup([], { answer: 'y' });
    expect([exit, bench.writes()]).toEqual([0, createsSecret]);
    expect(err).toContain('Create a client secret and store it in Key Vault …\n');
  });
});

it('ptb setup ends with 1 if the person may not do it, and says so', async () => {
  bench.graph = ({ method }) =>
    method === 'GET' ? Response.json({ error: { code: 'Authorization_RequestDenied' } }, { status: 403 }) : undefined;
  const { exit, err } = await setup(['--yes']);
  expect(exit).toBe(1);
  expect(err).toContain('(operator_forbidden)');
});
