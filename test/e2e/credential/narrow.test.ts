import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { keepAlive } from '../../../src/lib/tokens/credential/keep-alive.ts';
import { projectRoot } from '../../paths.ts';
import { account, tenantWith } from 'microsoft-cloud/testing';
import { startCare } from './care.ts';
import { type CommandLine, type Ended, openCommandLine } from './command-line.ts';
import { browser, startOperator, type TestOperator } from './operator.ts';

// A second application with few permissions, as in docs/permissions.md: no permission to change itself or to read the
// directory of a customer.

let operator: TestOperator;
let line: CommandLine;
let lacking: string;
beforeAll(async () => {
  operator = await startOperator({ tenants: 25, plain: false });
  await operator.setUp({ account: account(operator.cloud, 'broker') });
  await operator.consent(browser(operator.cloud));
  line = await openCommandLine(operator);
  const docs = await readFile(join(projectRoot, 'docs/permissions.md'), 'utf8');
  await writeFile(join(line.folder, 'reader.json'), /```json\n([^`]+)```/.exec(docs)?.[1] ?? '');
  lacking = tenantWith(operator.cloud, 'no_consent');
});
afterEach(() => operator.cloud.faults.clear());
afterAll(async () => {
  await rm(join(line.folder, 'reader.json'), { force: true });
  await line.close();
  await operator.stop();
});

const reader = ['--application', 'reader'] as const;
const file = ['--permissions', 'reader.json'] as const;
const admin = (...args: readonly string[]): Promise<Ended> => line.ptb(args, 'admin');
const broker = (...args: readonly string[]): Promise<Ended> => line.ptb(args);
const registered = () =>
  [...operator.cloud.world.partner.directory.applications.values()].find(({ displayName }) =>
    displayName.endsWith('(reader)'),
  );
/** The scopes of the narrow application in a customer tenant. */
const consentedIn = (tenantId: string): readonly string[] => {
  const { cloud } = operator;
  const directory = cloud.world.directoryOf(cloud.world.findCustomer(tenantId)!);
  const principal = directory.servicePrincipalOf(registered()?.appId ?? '');
  const grants = [...directory.permissionGrants.values()].filter(({ clientId }) => clientId === principal?.id);
  return grants.flatMap(({ scope }) => scope.split(' ')).toSorted();
};
const warnings = ({ lines }: ReturnType<typeof startCare>['recorder']): readonly unknown[] =>
  lines.filter(({ level }) => level !== 'info').map((each) => JSON.parse(each.line) as unknown);
const narrow = ['Group.Read.All', 'User.Read.All'];

describe('an application with few permissions', () => {
  it('is set up with the three commands of the documentation', async () => {
    expect(await admin('setup', '--yes', ...reader, ...file)).toMatchObject({ exitCode: 0 });
    expect(await broker('consent', ...reader)).toMatchObject({ exitCode: 0 });
    const consented = await broker('tenants', 'consent', ...reader, '--tenant', lacking);
    expect([consented.exitCode, consented.stdout]).toEqual([0, expect.stringMatching(/^1 tenant consented/)]);
    expect(consentedIn(lacking)).toEqual(narrow);
  });

  it('gets the same consent in customers when its profile is given', async () => {
    const args = ['tenants', 'consent', ...reader, ...file, '--tenant', lacking];
    expect((await broker(...args, '--renew', '--yes')).exitCode).toBe(0);
    expect((await broker(...args, '--check')).exitCode).toBe(0);
    expect(consentedIn(lacking)).toEqual(narrow);
  });

  it('passes doctor, whose remedies name the application', async () => {
    const { exitCode, stdout } = await broker('doctor', ...reader, '--customer', lacking, '--json');
    const { checks } = JSON.parse(stdout) as { checks: readonly object[] };
    expect(checks).toContainEqual({
      check: 'Partner Center',
      status: 'ok',
      message: expect.stringMatching(/^Partner Center answers and finds MFA in the token\./) as string,
    });
    expect(exitCode).toBe(0);
    operator.cloud.faults.add({ service: 'entra', grant: 'refresh_token', aadsts: 50173 });
    expect((await broker('doctor', ...reader)).stdout).toContain('run `ptb consent --application reader`');
  });

  it('raises no warning in the daily timer until its secret expires soon, and then one that names setup', async () => {
    const { deps, recorder } = startCare(operator);
    await keepAlive(deps, 'reader');
    expect(warnings(recorder)).toEqual([]);
    const { client } = await operator.store.load('reader');
    const endsAtMs = operator.clock.nowMs() + 10 * 86_400_000;
    await operator.store.saveClientCredential('reader', { ...client, endsAtMs });
    await keepAlive(deps, 'reader');
    const why =
      'The client secret cannot be renewed by the application itself: run `ptb setup --application reader` in its last 30 days.';
    expect(warnings(recorder)).toMatchObject([
      { event: 'credential.client_credential_not_renewed', application: 'reader', detail: why },
    ]);
    const forced = await broker('rotate', '--client-credential', ...reader);
    expect([forced.exitCode, forced.stdout]).toEqual([1, `Not renewed: ${why}\n`]);
  });

  it('keeps its permissions in a second setup, which renews its secret', async () => {
    const before = structuredClone(registered()?.requiredResourceAccess);
    const { exitCode, stdout } = await admin('setup', '--yes', '--json', ...reader);
    expect([exitCode, JSON.parse(stdout)]).toMatchObject([
      0,
      {
        steps: [
          // The account is known since the consent.
          expect.stringMatching(/^Let only users who are assigned/) as string,
          'Create a client secret and store it in Key Vault',
        ],
        notes: [expect.stringContaining('keeps its registered permissions') as string],
      },
    ]);
    expect(registered()?.requiredResourceAccess).toEqual(before);
  });

  it('raises no warning after it switched to the managed identity', async () => {
    // Key Vault timestamps have a resolution of one second.
    operator.cloud.clock.advance(2_000);
    expect(await admin('setup', '--yes', ...reader, '--credential', 'federated')).toMatchObject({ exitCode: 0 });
    const { deps, recorder } = startCare(operator);
    await keepAlive(deps, 'reader');
    await keepAlive(deps, 'reader');
    expect((await operator.store.load('reader')).client.credential.kind).toBe('federated');
    expect(warnings(recorder)).toEqual([]);
  });
});

describe('setup without --credential', () => {
  const steps = async (...args: readonly string[]): Promise<readonly string[]> =>
    (JSON.parse((await admin('setup', '--dry-run', '--json', ...args)).stdout) as { steps: string[] }).steps;

  it('keeps the kind of client credential', async () => {
    expect(await steps(...reader)).toEqual([]);
    expect(await steps()).toEqual([]);
  });

  it('restores the kind after a revocation, for the same application', async () => {
    const { clientId } = (await operator.store.load('reader')).client;
    const { exitCode, stdout } = await admin('revoke', '--yes', ...reader);
    const next = 'Then run `ptb setup --application reader` and `ptb consent --application reader`.';
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining(next)]);
    // The application is found by its client id in the vault, not by its name.
    Object.assign(registered() ?? {}, { displayName: 'renamed (reader)' });
    expect(await steps(...reader)).toEqual([
      expect.stringMatching(/^Trust the managed identity/),
      'Use the managed identity as the client credential, once Entra accepts it',
    ]);
    expect(JSON.parse((await admin('setup', '--yes', '--json', ...reader)).stdout)).toMatchObject({
      clientId,
      credential: 'federated',
    });
  });
});
