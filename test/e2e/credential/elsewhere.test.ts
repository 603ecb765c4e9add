import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  graphAppId,
  partnerCenterAppId,
  type PermissionProfile,
  profiles,
} from '../../../src/lib/consent/permissions.ts';
import { adminToken, tenantWith } from 'microsoft-cloud/testing';
import { type CommandLine, type Ended, openCommandLine } from './command-line.ts';
import { browser, startOperator, type TestOperator } from './operator.ts';

// A machine without the managed identity, with an operator who is signed in to the Azure CLI. A fake `az` prints a token
// for the vault and an administrator's token for Microsoft Graph.

const azureCli = `#!/bin/sh
case "$*" in *vault*) token="$VAULT_TOKEN" ;; *) token="$ADMIN_TOKEN" ;; esac
printf '{"accessToken":"%s","expires_on":4102444800}' "$token"
`;

const narrow: PermissionProfile = {
  name: 'narrow',
  resources: profiles.gdap.resources.flatMap((each) => {
    if (each.appId === partnerCenterAppId) return [each];
    return each.appId === graphAppId ? [{ ...each, scopes: each.scopes.slice(0, 1), roles: [] }] : [];
  }),
};

let operator: TestOperator;
let line: CommandLine;
let programs: string;
let environment: Readonly<Record<string, string | undefined>>;
beforeAll(async () => {
  operator = await startOperator({ tenants: 25, plain: false });
  await operator.setUp({ credential: 'federated' });
  line = await openCommandLine(operator);
  programs = await mkdtemp(join(tmpdir(), 'azure-cli-'));
  await writeFile(join(programs, 'az'), azureCli);
  await chmod(join(programs, 'az'), 0o755);
  environment = {
    PATH: `${programs}${delimiter}${process.env['PATH'] ?? ''}`,
    IDENTITY_ENDPOINT: undefined,
    IDENTITY_HEADER: undefined,
    VAULT_TOKEN: (await operator.identity.getToken('https://vault.azure.net/.default')).token,
    ADMIN_TOKEN: await adminToken(operator.cloud),
  };
});
afterEach(() => operator.cloud.faults.clear());
afterAll(async () => {
  await line.close();
  await rm(programs, { recursive: true, force: true });
  await operator.stop();
});

const ptb = (...args: readonly string[]): Promise<Ended> => line.start(args, 'broker', environment).ended;
const passwords = (): readonly unknown[] =>
  [...operator.cloud.world.partner.directory.applications.values()].flatMap((each) =>
    each.federated.size > 0 ? each.passwords : [],
  );

describe('ptb on a machine without the managed identity', () => {
  it('uses a temporary secret for consent, rotate and tenants consent, and removes it', async () => {
    const consent = await ptb('consent', '--az-login', '--json');
    expect([consent.exitCode, JSON.parse(consent.stdout)]).toMatchObject([0, { mfa: true }]);
    expect(consent.stderr).toContain('an administrator signs in first');
    const rotation = await ptb('rotate', '--az-login', '--json');
    expect([rotation.exitCode, JSON.parse(rotation.stdout)]).toMatchObject([0, { versions: 2 }]);
    const lacking = tenantWith(operator.cloud, 'no_consent');
    const customers = await ptb('tenants', 'consent', '--az-login', '--json');
    // Some customers cannot be reached.
    expect([customers.exitCode, JSON.parse(customers.stdout)]).toMatchObject([
      3,
      { tenants: expect.arrayContaining([expect.objectContaining({ tenantId: lacking, outcome: 'consented' })]) },
    ]);
    expect((await operator.store.load('default')).client.credential.kind).toBe('federated');
    expect(passwords()).toEqual([]);
  });

  it('uses temporary secrets of both applications for tenants consent of another application', async () => {
    const options = { application: 'reader', displayName: 'reader', credential: 'federated' } as const;
    await operator.setUp({ ...options, profile: narrow });
    await operator.consent(browser(operator.cloud), { application: 'reader' });
    // Its own secret consents. That of the default application lists the customers and reads the consents.
    const lacking = tenantWith(operator.cloud, 'no_consent');
    const consent = ['tenants', 'consent', '--application', 'reader', '--tenant', lacking] as const;
    const { exitCode, stdout } = await ptb(...consent, '--az-login', '--json');
    expect([exitCode, JSON.parse(stdout)]).toMatchObject([0, { consented: 1, failed: 0 }]);
    expect(passwords()).toEqual([]);
  });

  it('skips in doctor the checks that need the identity, without a failure', async () => {
    const { exitCode, stdout } = await ptb('doctor', '--json');
    const { status, checks } = JSON.parse(stdout) as { status: string; checks: { check: string; status: string }[] };
    expect([exitCode, status]).toEqual([0, 'ok']);
    expect(checks).toContainEqual(expect.objectContaining({ check: 'Client credential', status: 'notice' }));
    expect(checks).toContainEqual(expect.objectContaining({ check: 'Customer token', status: 'skipped' }));
  });

  it('removes the temporary secret on Ctrl+C during the sign-in', async () => {
    const { child, ended } = line.start(['consent', '--az-login'], null, {
      ...environment,
      PTB_BROWSER: `"${process.execPath}" -e 0`,
    });
    const prompted = Promise.withResolvers<void>();
    child.stderr.on('data', (text: string) => {
      if (text.includes('with MFA')) prompted.resolve();
    });
    await Promise.race([prompted.promise, ended]);
    expect(passwords()).toHaveLength(1);
    child.kill('SIGINT');
    expect(await ended).toMatchObject({ exitCode: 130, stdout: '' });
    expect(passwords()).toEqual([]);
  });
});
