import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { registerConsent } from '../../../../src/cli/commands/consent.ts';
import type { TenantId } from '../../../../src/lib/core/identifiers.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { FakeRedeemer } from '../../../fakes/fake-redeemer.ts';
import { type MemoryCredentialStore, storeWithCredential } from '../../../fakes/memory-credential-store.ts';
import { graphOf, type GraphStage } from './graph-stage.ts';
import { clearStage, partner, runOnVault, type VaultTools } from './vault-stage.ts';

const clientId = '11111111-1111-4111-8111-111111111111';
const stored = 'refresh-token-of-the-sign-in';
/** The account that consented to the stored credential. */
const claims = { oid: '22222222-2222-4222-8222-222222222222', upn: 'broker@partner.example' };
const another = { oid: '33333333-3333-4333-8333-333333333333', upn: 'another@partner.example' };

let clock: FakeClock;
let store: MemoryCredentialStore;
let redeemer: FakeRedeemer;
let graph: GraphStage;
beforeEach(async () => {
  clock = new FakeClock();
  store = await storeWithCredential(partner as TenantId, () => clock.nowMs());
  redeemer = new FakeRedeemer(clock);
  graph = graphOf(clock, () => ({ passwordCredentials: [], keyCredentials: [] }));
});
afterEach(clearStage);

const consent = (words: readonly string[], more: Partial<VaultTools> = {}) =>
  runOnVault(registerConsent, ['consent', '--device-code', ...words], {
    store,
    redeemer,
    clock,
    claims,
    graph: graph.graph,
    ...more,
  });
const inForce = async (): Promise<string | undefined> => (await store.load('default')).refreshToken?.secret.reveal();

describe('ptb consent', () => {
  it('has the service account sign in to the application, and stores its refresh token', async () => {
    const { exit, out, err, signIns } = await consent([]);
    expect([exit, await inForce()]).toEqual([0, stored]);
    expect(signIns).toEqual([
      {
        tenant: partner,
        client: clientId,
        scopes: ['openid', 'profile', 'https://graph.microsoft.com/.default', 'offline_access'],
      },
    ]);
    expect(out).toBe(
      [
        'The refresh token of broker@partner.example is stored for the application "default".',
        'It expires on 2027-02-22 unless it is rotated. The broker rotates it daily.',
        'Customers must consent to the application, too: ptb tenants consent\n',
      ].join('\n'),
    );
    expect(err).toMatch(/^Sign in as the service account, with MFA\.\nOpen .*\n$/);
    expect(out + err).not.toContain(stored);
  });

  it('prints one JSON document without the token', async () => {
    const { out } = await consent(['--json']);
    expect(JSON.parse(out)).toEqual({
      application: 'default',
      account: 'broker@partner.example',
      mfa: true,
      obtainedAt: expect.stringMatching(/^2026-11-24T/) as string,
      expiresAt: expect.stringMatching(/^2027-02-22T/) as string,
      scopes: ['User.Read.All'],
    });
  });

  it('names another application in what to run next', async () => {
    const second = await storeWithCredential(partner as TenantId, () => clock.nowMs(), 'second');
    const { out } = await consent(['--application', 'second'], { store: second });
    expect(out).toContain('is stored for the application "second".');
    expect(out).toContain('ptb tenants consent --application second\n');
  });

  it.each([
    ['an account without MFA', [], { ...claims, amr: ['pwd'] }, 'signed in without MFA'],
    [
      'another account than the named one',
      ['--account', 'else@partner.example'],
      claims,
      'must be else@partner.example',
    ],
    [
      'another account than the one that consented last',
      [],
      another,
      'To replace it, name the account with --account.',
    ],
    ['another tenant', [], { ...claims, tid: 'another' }, 'but the partner tenant is'],
  ])('refuses %s with 4, and keeps the stored token', async (_what, words, signedIn, said) => {
    const { exit, out, err } = await consent(words, { claims: signedIn });
    expect([exit, out, await inForce()]).toEqual([4, '', 'refresh-token-1']);
    expect(err).toContain(said);
  });

  it('replaces the account that consented last if the person names the new one', async () => {
    const { exit, out, err } = await consent(['--account', another.upn], { claims: another });
    expect([exit, await inForce()]).toEqual([0, stored]);
    expect(err).toContain(`Sign in as ${another.upn}, with MFA.`);
    expect(out).toContain(`The refresh token of ${another.upn} is stored`);
  });

  it('asks on a terminal before it replaces the account', async () => {
    const no = await consent([], { claims: another, answer: 'n' });
    expect([no.exit, await inForce()]).toEqual([4, 'refresh-token-1']);
    expect(no.err).toContain(`${another.upn} signed in, but ${claims.upn} consented last. Replace it?`);
    const yes = await consent([], { claims: another, answer: 'y' });
    expect([yes.exit, await inForce()]).toEqual([0, stored]);
  });

  it('needs the application, which ptb setup creates', async () => {
    const { exit, err, signIns } = await consent(['--application', 'second']);
    expect([exit, signIns]).toEqual([4, []]);
    expect(err).toContain('(credential_missing)');
  });

  it.each([
    [600, 'ahead of', 10],
    [-420, 'behind', 7],
  ])('says that the clock of this machine is wrong by %i seconds', async (ahead, direction, minutes) => {
    // Entra's token says when it expires by Entra's clock.
    const exp = Math.round(clock.nowMs() / 1000) + 3600 - ahead;
    const { exit, err } = await consent([], { claims: { ...claims, exp } });
    expect(exit).toBe(0);
    expect(err).toContain(`This machine's clock is ${minutes} minutes ${direction} Entra's. Correct it.`);
  });

  it('names keys of the application that the vault does not hold', async () => {
    graph.answer = () => ({ passwordCredentials: [{ keyId: 'of-somebody' }], keyCredentials: [] });
    const { exit, err } = await consent([]);
    expect([exit, err]).toEqual([0, expect.stringContaining('of-somebody')]);
  });
});
