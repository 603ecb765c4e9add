import { readdir } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Canary, LeakScan } from '../../support/leak-scan.ts';
import { account, adminToken, tenantWith } from 'microsoft-cloud/testing';
import { type CommandLine, faultMet, openCommandLine } from './command-line.ts';
import { startOperator, type TestOperator } from './operator.ts';

let operator: TestOperator;
let line: CommandLine;
let ptb: CommandLine['ptb'];
let start: CommandLine['start'];
const output: { where: string; content: string }[] = [];

beforeAll(async () => {
  operator = await startOperator({ tenants: 25, plain: false });
  const note: TestOperator['note'] = (where, said) => {
    output.push({ where, content: String(said) });
    return operator.note(where, said);
  };
  line = await openCommandLine({ cloud: operator.cloud, note });
  ({ ptb, start } = line);
});
afterEach(() => operator.cloud.faults.clear());
afterAll(async () => {
  await line.close();
  await operator.stop();
});

describe('ptb with an empty vault', () => {
  it('advises in doctor to run setup, and exits with 4', async () => {
    const { exitCode, stdout } = await ptb(['doctor']);
    expect(exitCode).toBe(4);
    expect(stdout).toMatch(/FAILED {3}Key Vault: .*\n +Run `ptb setup`/);
  });

  it('completes setup, consent and doctor without a typed secret', async () => {
    const broker = account(operator.cloud, 'broker');
    const setup = await ptb(['setup', '--yes', '--json', '--account', broker], 'admin');
    expect([setup.exitCode, setup.stderr]).toEqual([0, expect.any(String)]);
    expect(JSON.parse(setup.stdout)).toMatchObject({ application: 'default', changed: true });
    const consent = await ptb(['consent', '--account', broker, '--json']);
    expect(consent.exitCode).toBe(0);
    expect(JSON.parse(consent.stdout)).toMatchObject({ application: 'default', mfa: true });
    const customer = tenantWith(operator.cloud, 'ok');
    expect((await ptb(['tenants', 'consent', '--tenant', customer])).exitCode).toBe(0);
    const doctor = await ptb(['doctor', '--json', '--customer', customer]);
    expect(doctor.exitCode).toBe(0);
    expect(JSON.parse(doctor.stdout)).toMatchObject({ status: 'ok' });
  });

  it('changes nothing in a second setup and says so', async () => {
    const { exitCode, stdout } = await ptb(['setup', '--yes'], 'admin');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^Nothing was changed/);
  });

  it('names a key that the vault does not hold after a consent, and nothing without one', async () => {
    const before = await ptb(['consent', '--account', account(operator.cloud, 'broker')]);
    expect(before.stderr).not.toContain('keys in Entra');
    const { writer } = operator.graphOf(await adminToken(operator.cloud));
    const path = `/applications(appId='${(await operator.store.load('default')).client.clientId}')`;
    const { keyId } = await writer.post(`${path}/addPassword`, { passwordCredential: { displayName: 'backdoor' } });
    const { exitCode, stderr } = await ptb(['consent', '--account', account(operator.cloud, 'broker')]);
    await writer.post(`${path}/removePassword`, { keyId });
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(/keys in Entra that this vault does not hold: client secret .*"backdoor".*`ptb revoke`/);
  });

  it('stores a new version with rotate', async () => {
    expect((await ptb(['rotate', '--json'])).exitCode).toBe(0);
    expect((await operator.store.listRefreshTokenVersions('default')).length).toBe(4);
  });
});

describe('ptb with wrong input', () => {
  beforeAll(async () => {
    await ptb(['setup', '--yes', '--account', account(operator.cloud, 'nomfa')], 'admin');
  });

  it.each([
    ['without a terminal', ['setup'], 'admin', 2, /--yes/],
    ['without MFA', ['consent'], 'nomfa', 4, /without MFA.*sign_in_refused/],
    ['with an account that setup did not admit', ['consent'], 'outsider', 4, /`ptb setup --account`.*sign_in_refused/],
    ['with the wrong account', ['consent', '--account', 'x@y.example'], 'broker', 4, /must be x@y\.example/],
    [
      'with an account that lacks permissions',
      ['setup', '--yes', '--application', 'other'],
      'broker',
      1,
      /operator_forbidden/,
    ],
    ['for an unknown application', ['rotate', '--application', 'other'], 'broker', 4, /ptb setup/],
    ['with an invalid application name', ['rotate', '--application', 'Not A Name'], 'broker', 2, /lower case/],
    ['with an invalid vault address', ['rotate', '--vault', 'nonsense'], 'broker', 1, /KEY_VAULT_URL/],
    ['with a vault that does not answer', ['rotate', '--vault', 'https://localhost:9'], 'broker', 5, /Key Vault/],
    [
      'with an invalid partner tenant',
      ['tenants', 'consent', '--partner-tenant', 'x'],
      'broker',
      1,
      /\(--partner-tenant\)/,
    ],
    [
      'with an unknown profile',
      ['setup', '--yes', '--permissions', 'nonsense'],
      'admin',
      1,
      /neither gdap nor reader nor changes nor legacy/,
    ],
  ] as const)('fails %s, with the reason and the next step', async (_what, args, as, exitCode, said) => {
    const before = (await operator.store.listRefreshTokenVersions('default')).length;
    const ended = await ptb(args, as);
    expect([ended.exitCode, ended.stdout]).toEqual([exitCode, '']);
    expect(ended.stderr).toMatch(said);
    expect((await operator.store.listRefreshTokenVersions('default')).length).toBe(before);
  });

  it('suggests --device-code when nobody can sign in with a browser', async () => {
    const { exitCode, stderr } = await start(['consent'], null).ended;
    expect(exitCode).toBe(4);
    expect(stderr).toMatch(/--device-code/);
  });
});

it('exits with 130 on Ctrl+C while it waits for the sign-in', async () => {
  const { child, ended } = start(['consent'], null, { PTB_BROWSER: `"${process.execPath}" -e 0` });
  await new Promise<void>((resolve) => child.stderr.on('data', () => resolve()));
  // The listener is up when the browser is started. An earlier signal must work, too.
  child.kill('SIGINT');
  expect(await ended).toMatchObject({ exitCode: 130, stdout: '' });
});

describe('ptb rotate when it is killed', () => {
  it('leaves a working credential, at every request to Key Vault', async () => {
    let losses = 0;
    let kills = 0;
    for (let step = 1; step <= 8; step += 1) {
      operator.cloud.faults.add({ service: 'keyVault', from: step, count: 1, kind: 'delay', delayMs: 60_000 });
      const { child, ended } = start(['rotate']);
      // Wait until a request to the vault is delayed, or the rotation is over.
      if ((await Promise.race([faultMet(operator.cloud), ended])) === true) kills += 1;
      child.kill('SIGKILL');
      await ended;
      operator.cloud.faults.clear();
      const { client, refreshToken } = await operator.store.load('default');
      const reply =
        refreshToken &&
        (await operator.redeemer.redeem({
          tenantId: operator.partnerTenantId,
          resourceIdentifier: operator.canaryResource,
          clientId: client.clientId,
          clientCredential: client.credential,
          grant: { kind: 'delegated', refreshToken: refreshToken.secret },
          correlationId: 'after-kill',
        }));
      if (reply?.ok !== true) losses += 1;
    }
    process.stdout.write(`processes killed during rotation: ${kills}, losses: ${losses}\n`);
    expect(kills).toBeGreaterThanOrEqual(6);
    expect(losses).toBe(0);
    expect((await ptb(['rotate'])).exitCode).toBe(0);
  }, 300_000);
});

it('does not renew a certificate that the broker did not create, and says so', async () => {
  const theirs = { application: 'theirs', displayName: 'theirs', credential: 'certificate' } as const;
  const { clientId } = await operator.setUp(theirs);
  const { directory } = operator.cloud.world.partner;
  const application = [...directory.applications.values()].find(({ appId }) => appId === clientId);
  const keys = application?.keys.map((key) => ({ ...key, displayName: 'CN=vault.contoso.com' })) ?? [];
  Object.assign(application ?? {}, { keys });
  const { exitCode, stdout } = await ptb(['rotate', '--client-credential', '--application', 'theirs']);
  expect([exitCode, stdout]).toEqual([
    0,
    'Nothing to renew: The client certificate was not created by the broker: renew it where it was created.\n',
  ]);
  expect(application?.keys).toBe(keys);
});

describe('ptb tenants consent', () => {
  it('gives consent once in the tenants that lack it', async () => {
    const lacking = tenantWith(operator.cloud, 'no_consent');
    const first = await ptb(['tenants', 'consent', '--json']);
    // Some customers cannot be reached, and say why.
    expect(first.exitCode).toBe(3);
    const tenants = JSON.parse(first.stdout).tenants as { tenantId: string; outcome: string; nextStep?: string }[];
    expect(tenants).toContainEqual(expect.objectContaining({ tenantId: lacking, outcome: 'consented' }));
    for (const { outcome, nextStep } of tenants) if (outcome === 'failed') expect(nextStep).toMatch(/.{10}\.$/);
    const second = await ptb(['tenants', 'consent', '--tenant', lacking, '--json']);
    expect(JSON.parse(second.stdout)).toMatchObject({ consented: 0, already: 1, failed: 0 });
    expect(JSON.parse((await ptb(['doctor', '--customer', lacking, '--json'])).stdout)).toMatchObject({ status: 'ok' });
  });

  it('exits with 3, names the tenant without a relationship and says what to do', async () => {
    const { exitCode, stdout } = await ptb([
      'tenants',
      'consent',
      '--tenant',
      tenantWith(operator.cloud, 'gdap_expired'),
    ]);
    expect(exitCode).toBe(3);
    expect(stdout).toMatch(/1 failed\.\n {2}\S.*GDAP.*\nNext: /);
  });
});

describe('ptb revoke', () => {
  it('starts no further step after Ctrl+C', async () => {
    const before = (await operator.store.load('default')).refreshToken?.secret.reveal();
    expect(before).toMatch(/./);
    operator.cloud.faults.add({ service: 'graph', path: '/revokeSignInSessions$', kind: 'delay', delayMs: 60_000 });
    const { child, ended } = start(['revoke', '--yes', '--json'], 'admin');
    await Promise.race([faultMet(operator.cloud), ended]);
    child.kill('SIGINT');
    const { exitCode, stdout } = await ended;
    expect([exitCode, JSON.parse(stdout)]).toMatchObject([130, { results: [{ done: true }, { done: false }] }]);
    expect((await operator.store.load('default')).refreshToken?.secret.reveal()).toBe(before);
  });

  it('plans the steps, applies them and leaves no working credential', async () => {
    const leaked = await operator.store.load('default');
    // Set up by an earlier test. The revocation does not change it.
    const other = expect.stringContaining('ptb revoke --application theirs') as string;
    const dry = await ptb(['revoke', '--dry-run', '--json'], 'admin');
    expect(JSON.parse(dry.stdout)).toMatchObject({
      dryRun: true,
      stillUsable: expect.arrayContaining([other]) as string[],
    });
    expect((await operator.store.load('default')).refreshToken?.version).toBe(leaked.refreshToken?.version);
    const done = await ptb(['revoke', '--yes', '--json'], 'admin');
    expect(done.exitCode).toBe(0);
    const { results, stillUsable } = JSON.parse(done.stdout) as { results: { done: boolean }[]; stillUsable: string[] };
    expect(results.length).toBeGreaterThan(3);
    expect(results.filter((each) => !each.done)).toEqual([]);
    expect(stillUsable).toEqual(expect.arrayContaining([other, expect.stringMatching(/until they expire/)]));
    const reply = await operator.redeemer.redeem({
      tenantId: operator.partnerTenantId,
      resourceIdentifier: operator.canaryResource,
      clientId: leaked.client.clientId,
      clientCredential: leaked.client.credential,
      grant: { kind: 'delegated', refreshToken: leaked.refreshToken!.secret },
      correlationId: 'leaked',
    });
    expect(reply.ok).toBe(false);
    await expect(operator.store.load('default')).rejects.toMatchObject({ code: 'credential_missing' });
    expect((await ptb(['doctor'])).exitCode).toBe(4);
  });

  it('can be followed by setup and consent', async () => {
    expect((await ptb(['setup', '--yes'], 'admin')).exitCode).toBe(0);
    expect((await ptb(['consent'])).exitCode).toBe(0);
    expect((await ptb(['doctor'])).exitCode).toBe(0);
  });
});

it('prints no secret in any command and leaves no file', async () => {
  const canaries: Canary[] = [];
  for await (const { name } of operator.secrets.listPropertiesOfSecrets()) {
    // The record of a revocation is not a secret.
    if (name.endsWith('-revocation')) continue;
    for await (const { version = '', enabled } of operator.secrets.listPropertiesOfSecretVersions(name)) {
      // The values of disabled versions must not have been printed, either. They are enabled here to read them.
      if (enabled !== true) await operator.secrets.updateSecretProperties(name, version, { enabled: true });
      canaries.push({
        name: `${name} ${version}`,
        value: (await operator.secrets.getSecret(name, { version })).value ?? '',
      });
    }
  }
  expect(canaries.length).toBeGreaterThan(5);
  const scan = new LeakScan(canaries);
  for (const each of output) scan.scan(each);
  await scan.scanFolder(line.folder);
  process.stdout.write(`${scan.summary(`${output.length} commands`)}\n`);
  expect(scan.leaks).toEqual([]);
  expect(await readdir(line.folder)).toEqual([]);
});
