import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { keepAlive } from '../../../src/lib/credential/keep-alive.ts';
import { projectRoot } from '../../paths.ts';
import { tenantWith } from 'microsoft-cloud/testing';
import { startCare } from './care.ts';
import { type CommandLine, type Ended, openCommandLine } from './command-line.ts';
import { browser, startOperator, type TestOperator } from './operator.ts';

// A second application of few permissions, as docs/permissions.md has it made: no Partner Center, no right to change itself.

let operator: TestOperator;
let line: CommandLine;
let lacking: string;
beforeAll(async () => {
  operator = await startOperator({ tenants: 25, plain: false });
  await operator.setUp();
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
const file = ['--profile', 'reader.json'] as const;
const admin = (...args: readonly string[]): Promise<Ended> => line.ptb(args, 'admin');
const broker = (...args: readonly string[]): Promise<Ended> => line.ptb(args);
const registered = () =>
  [...operator.cloud.world.partner.directory.applications.values()].find(({ displayName }) =>
    displayName.endsWith('(reader)'),
  );
/** The scopes that the narrow application has in a customer. */
const consentedIn = (tenantId: string): readonly string[] => {
  const { cloud } = operator;
  const directory = cloud.world.directoryOf(cloud.world.findCustomer(tenantId)!);
  const principal = directory.servicePrincipalOf(registered()?.appId ?? '');
  const grants = [...directory.permissionGrants.values()].filter(({ clientId }) => clientId === principal?.id);
  return grants.flatMap(({ scope }) => scope.split(' ')).toSorted();
};
const warnings = ({ lines }: ReturnType<typeof startCare>['recorder']): readonly unknown[] =>
  lines.filter(({ level }) => level !== 'info').map((each) => JSON.parse(each.line) as unknown);
const narrow = ['Organization.Read.All', 'User.Read.All'];

describe('an application of few permissions', () => {
  it('is set up, consented to and let into the customers by the three commands of the documentation', async () => {
    expect(await admin('setup', '--yes', ...reader, ...file)).toMatchObject({ exitCode: 0 });
    expect(await broker('consent', ...reader)).toMatchObject({ exitCode: 0 });
    const consented = await broker('tenants', 'consent', ...reader, '--tenant', lacking);
    expect([consented.exitCode, consented.stdout]).toEqual([0, expect.stringMatching(/^1 tenants consented/)]);
    expect(consentedIn(lacking)).toEqual(narrow);
  });

  it('gets the same in the customers where its profile is named', async () => {
    expect(await broker('tenants', 'consent', ...reader, ...file, '--tenant', lacking, '--renew')).toMatchObject({
      exitCode: 0,
    });
    expect(consentedIn(lacking)).toEqual(narrow);
  });

  it('is well to the doctor, who says what to do with its name', async () => {
    const { exitCode, stdout } = await broker('doctor', ...reader, '--customer', lacking, '--json');
    const { checks } = JSON.parse(stdout) as { checks: readonly object[] };
    expect(checks).toContainEqual({
      check: 'Partner Center',
      status: 'skipped',
      message: 'Not checked, because the application has no permission for Partner Center.',
    });
    expect(exitCode).toBe(0);
    operator.cloud.faults.add({ service: 'entra', grant: 'refresh_token', aadsts: 50173 });
    expect((await broker('doctor', ...reader)).stdout).toContain('run `ptb consent --application reader`');
  });

  it('raises no warning in the daily care while its secret is good, and one that names setup when it is not', async () => {
    const { deps, recorder } = startCare(operator);
    await keepAlive(deps, 'reader');
    expect(warnings(recorder)).toEqual([]);
    const { client } = await operator.store.load('reader');
    const endsAtMs = operator.clock.nowMs() + 10 * 86_400_000;
    await operator.store.saveClientCredential('reader', { ...client, endsAtMs });
    await keepAlive(deps, 'reader');
    const why =
      'The client secret is for `ptb setup --application reader` to renew, in its last 30 days: the application may not change itself.';
    expect(warnings(recorder)).toMatchObject([
      { event: 'credential.client_credential_not_renewed', application: 'reader', detail: why },
    ]);
    const forced = await broker('rotate', '--client-credential', ...reader);
    expect([forced.exitCode, forced.stdout]).toEqual([1, `Not renewed: ${why}\n`]);
  });

  it('keeps its permissions in a second setup, which renews the secret that it may not renew itself', async () => {
    const before = structuredClone(registered()?.requiredResourceAccess);
    const { exitCode, stdout } = await admin('setup', '--yes', '--json', ...reader);
    expect([exitCode, JSON.parse(stdout)]).toMatchObject([
      0,
      {
        steps: ['Create a client secret and store it in Key Vault'],
        notes: [expect.stringContaining('keeps its registered permissions') as string],
      },
    ]);
    expect(registered()?.requiredResourceAccess).toEqual(before);
  });

  it('raises no warning after it went over to the managed identity', async () => {
    // Key Vault tells versions of one second not apart.
    operator.cloud.clock.advance(2_000);
    expect(await admin('setup', '--yes', ...reader, '--credential', 'federated')).toMatchObject({ exitCode: 0 });
    const { deps, recorder } = startCare(operator);
    await keepAlive(deps, 'reader');
    await keepAlive(deps, 'reader');
    expect((await operator.store.load('reader')).client.credential.kind).toBe('federated');
    expect(warnings(recorder)).toEqual([]);
  });
});

describe('a setup that says nothing of the client credential', () => {
  const steps = async (...args: readonly string[]): Promise<readonly string[]> =>
    (JSON.parse((await admin('setup', '--dry-run', '--json', ...args)).stdout) as { steps: string[] }).steps;

  it('keeps the kind that there is', async () => {
    expect(await steps(...reader)).toEqual([]);
    expect(await steps()).toEqual([]);
  });

  it('goes back to it after a revocation, with the same application', async () => {
    const { clientId } = (await operator.store.load('reader')).client;
    const { exitCode, stdout } = await admin('revoke', '--yes', ...reader);
    const next = 'Then run `ptb setup --application reader` and `ptb consent --application reader`.';
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining(next)]);
    // Found by what the vault remembers of it, whatever it is called.
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
