import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { registerRevoke } from '../../../../src/cli/commands/revoke.ts';
import { aadstsFailure } from '../../../fakes/fake-redeemer.ts';
import { storeWithCredential } from '../../../fakes/memory-credential-store.ts';
import { problem } from '../../../fakes/scripted-fetch.ts';
import { clientId, partner, RevokeBench } from '../../operator/revoke/revoke-bench.ts';
import { clearStage, runOnVault, type VaultTools } from './vault-stage.ts';

let bench: RevokeBench;
beforeEach(async () => {
  bench = await RevokeBench.create();
});
afterEach(clearStage);

const revoke = (words: readonly string[], more: Partial<VaultTools> = {}) => {
  const { graph: client, writer, ...deps } = bench.deps();
  const tools = { ...deps, clock: bench.clock, graph: () => ({ client, writer }), ...more };
  return runOnVault(registerRevoke, ['revoke', '--device-code', ...words], tools);
};
const short = (scopes: readonly string[] = []) =>
  scopes.flatMap((scope) => (scope.startsWith('https:') ? [new URL(scope).pathname.slice(1)] : []));
/** The steps and proofs of a JSON document. */
const read = (out: string) =>
  JSON.parse(out) as {
    readonly proven: boolean;
    readonly steps?: readonly string[];
    readonly results?: readonly { readonly step: string; readonly done: boolean }[];
    readonly proof?: readonly { readonly item: string; readonly proven: boolean }[];
    readonly stillUsable?: readonly string[];
  };
const isRevoked = async (): Promise<boolean> =>
  bench.store.load('default').then(
    () => false,
    () => true,
  );

describe('ptb revoke --dry-run', () => {
  it('shows the steps and what stays usable, and changes nothing', async () => {
    const { exit, out, err, signIns } = await revoke(['--dry-run']);
    expect([exit, bench.requested(), await isRevoked()]).toEqual([0, [], false]);
    expect(out).toMatch(/^Steps:\n {2}1\. .+\n {2}2\. .+\n/);
    expect(out).toContain('\n\nAccess tokens that were issued earlier work until they expire');
    expect(err).not.toContain('Go ahead?');
    expect(signIns.map(({ scopes }) => short(scopes))).toEqual([
      ['Application.ReadWrite.All', 'Directory.Read.All', 'User.RevokeSessions.All'],
    ]);
  });

  it('prints one JSON document, which names the other applications of the vault', async () => {
    const other = await storeWithCredential(partner, () => bench.clock.nowMs(), 'second');
    const { client } = await other.load('second');
    await bench.store.saveClientCredential('second', client);
    const { out } = await revoke(['--dry-run', '--json']);
    const { stillUsable, ...document } = read(out);
    expect(document).toMatchObject({ application: 'default', dryRun: true });
    expect(document.steps?.length).toBeGreaterThan(3);
    expect(stillUsable?.[0]).toMatch(/^The application second has the same client id/);
  });

  it('plans to disable sign-in to the broker application with --block-callers', async () => {
    const block = expect.stringContaining('callers-app') as string;
    expect(read((await revoke(['--dry-run', '--json'])).out).steps).not.toContainEqual(block);
    const blocked = await revoke(['--dry-run', '--json', '--block-callers', 'callers-app']);
    expect(read(blocked.out).steps).toContainEqual(block);
  });
});

describe('ptb revoke --yes', () => {
  it('revokes everything, says each step, and proves it', async () => {
    const { exit, out, err } = await revoke(['--yes']);
    expect([exit, await isRevoked()]).toEqual([0, true]);
    expect(bench.requested().join('\n')).toMatch(/revokeSignInSessions/);
    expect([bench.secrets, bench.certificates, bench.trusts]).toEqual([[], [], []]);
    expect(err.match(/^done {4}/gm)?.length).toBeGreaterThan(3);
    expect(err).not.toContain('FAILED');
    expect(out.match(/^proven {2}/gm)?.length).toBeGreaterThan(1);
    expect(out).not.toContain('OPEN');
    expect(out).toContain('In 95 minutes, run `ptb revoke --verify`: an access token');
    expect(out).toContain('Then run `ptb setup` and `ptb consent`.');
    expect(out + err).not.toMatch(/client-secret-1|refresh-token-1/);
  });

  it('prints one JSON document', async () => {
    const { exit, out } = await revoke(['--yes', '--json']);
    const { results = [], proof = [], stillUsable = [], ...document } = read(out);
    expect([exit, document]).toEqual([0, { application: 'default', proven: true }]);
    expect(results.length).toBeGreaterThan(3);
    expect([...results.map(({ done }) => done), ...proof.map(({ proven }) => proven)]).not.toContain(false);
    expect(proof.length).toBeGreaterThan(1);
    expect(stillUsable.length).toBeGreaterThan(2);
  });

  it('names the account and the application in the next command if the person named them', async () => {
    const account = 'broker@partner.example';
    const { out } = await revoke(['--yes', '--account', account]);
    expect(out).toContain(`\`ptb revoke --verify --account ${account}\``);
  });

  it('takes the word of the person that no account ever signed in', async () => {
    bench.accountOf = () => ({});
    const { out } = await revoke(['--yes', '--no-account', '--client-id', '11111111-1111-4111-8111-111111111111']);
    expect(bench.requested().join('\n')).not.toMatch(/revokeSignInSessions/);
    expect(out).toContain('--no-account --client-id 11111111-1111-4111-8111-111111111111');
  });

  it('ends with 1 if a step failed, names it, and says what to run again', async () => {
    bench.graph = ({ url }) =>
      url.pathname.endsWith('/revokeSignInSessions') ? problem(403, 'Authorization_RequestDenied', 'No.') : undefined;
    const { exit, out, err } = await revoke(['--yes']);
    expect(exit).toBe(1);
    expect(err).toMatch(/^FAILED {2}.+: .+$/m);
    expect(out).toMatch(/^OPEN {4}/m);
    expect(out).toContain(
      'This is not proven to be revoked. Correct what is named above, then run `ptb revoke` again.',
    );
    expect(out).not.toContain('In 95 minutes');
  });

  it('ends with 5 if everything was done and only answers of Entra are missing', async () => {
    bench.redeemer.script = () => aadstsFailure(90033);
    const { exit, err } = await revoke(['--yes']);
    expect(err).not.toContain('FAILED');
    expect(exit).toBe(5);
  });
});

describe('ptb revoke with a terminal', () => {
  it('asks before the first change, and changes nothing after a no', async () => {
    const { exit, out, err } = await revoke([], { answer: 'n' });
    expect([exit, out, bench.requested(), await isRevoked()]).toEqual([1, '', [], false]);
    expect(err).toMatch(/Steps:\n {2}1\. [^]*The application will not work until it is set up again\. Go ahead\?/);
  });

  it('revokes after a yes', async () => {
    const { exit } = await revoke([], { answer: 'yes' });
    expect([exit, await isRevoked()]).toEqual([0, true]);
  });
});

describe('ptb revoke --verify', () => {
  it('signs in with permissions that only read, changes nothing, and proves it', async () => {
    await revoke(['--yes']);
    await bench.clock.advance(95 * 60_000);
    bench.seen.length = 0;
    const { exit, out, signIns } = await revoke(['--verify']);
    expect([exit, bench.requested()]).toEqual([0, []]);
    expect(signIns.map(({ scopes }) => short(scopes))).toEqual([['Application.Read.All', 'Directory.Read.All']]);
    expect(out).toMatch(/^proven {2}/m);
    expect(out).not.toContain('new incident');
  });

  it('ends with 1 and names a key that was added since', async () => {
    await revoke(['--yes']);
    await bench.clock.advance(95 * 60_000);
    bench.secrets = [{ keyId: 'of the attacker', value: 'theirs' }];
    const { exit, out } = await revoke(['--verify', '--json']);
    const { proven, proof } = read(out);
    expect([exit, proven]).toEqual([1, false]);
    expect(JSON.stringify(proof?.filter((each) => !each.proven))).toContain('of the attacker');
    const { out: lines } = await revoke(['--verify']);
    expect(lines).toContain(
      'If a key is named that nobody of yours added, run `ptb revoke` and treat it as a new incident.',
    );
  });

  it('knows the managed identity that the settings name, and no other one', async () => {
    await revoke(['--yes']);
    await bench.clock.advance(95 * 60_000);
    const identity = '55555555-5555-4555-8555-555555555555';
    const credential = { kind: 'federated' } as const;
    await bench.store.saveClientCredential('default', { clientId, tenantId: partner, credential });
    bench.trusts = [
      {
        id: 'trust-2',
        issuer: `https://login.microsoftonline.com/${partner}/v2.0`,
        subject: 'object of the identity',
        audiences: ['api://AzureADTokenExchange'],
      },
    ];
    const servicePrincipalType = 'ManagedIdentity';
    let subject = 'object of the identity';
    bench.graph = ({ url }) =>
      decodeURIComponent(url.search).includes(`appId eq '${identity}'`)
        ? { value: [{ id: subject, servicePrincipalType }] }
        : undefined;
    const withoutSetting = await revoke(['--verify']);
    expect([withoutSetting.exit, withoutSetting.out]).toEqual([1, expect.stringContaining('trust-2')]);
    vi.stubEnv('MANAGED_IDENTITY_CLIENT_ID', identity);
    expect((await revoke(['--verify'])).exit).toBe(0);
    subject = 'another object';
    vi.stubEnv('MANAGED_IDENTITY_CLIENT_ID', identity);
    expect((await revoke(['--verify'])).exit).toBe(1);
  });

  it.each(['--yes', '--dry-run', '--block-callers=x', '--unblock-callers=x'])('refuses %s', async (option) => {
    const { exit, err, signIns } = await revoke(['--verify', option]);
    expect([exit, signIns]).toEqual([2, []]);
    expect(err).toContain('--verify changes nothing.');
  });
});

describe('ptb revoke --unblock-callers', () => {
  it('enables the sign-in to the broker application, and nothing else', async () => {
    const { exit, out } = await revoke(['--unblock-callers', 'callers-app']);
    expect([exit, out]).toEqual([0, 'Callers can sign in to the broker application again.\n']);
    expect(bench.requested()).toEqual(["PATCH /v1.0/servicePrincipals(appId='callers-app')"]);
    expect(await isRevoked()).toBe(false);
  });

  it('prints one JSON document', async () => {
    const { out } = await revoke(['--unblock-callers', 'callers-app', '--json']);
    expect(JSON.parse(out)).toEqual({ unblocked: 'callers-app' });
  });
});
