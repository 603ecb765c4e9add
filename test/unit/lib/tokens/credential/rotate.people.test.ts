import { beforeEach, describe, expect, it } from 'vitest';
import { rotateRefreshToken } from '../../../../../src/lib/tokens/credential/rotate.ts';
import type { NewRefreshToken } from '../../../../../src/lib/tokens/credential/credential-store.ts';
import type { TenantId } from '../../../../../src/lib/core/identifiers.ts';
import { Secret } from '../../../../../src/lib/core/secrets.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';
import { aadstsFailure } from '../../../../fakes/fake-redeemer.ts';
import {
  type MemoryCredentialStore,
  refreshTokenOf,
  storeWithCredential,
} from '../../../../fakes/memory-credential-store.ts';
import { onSchedule } from '../../../../fakes/on-schedule.ts';
import { recordingLogger } from '../../../../fakes/recording-logger.ts';
import { RotatingEntra } from '../../../../fakes/rotating-entra.ts';
import * as fc from 'fast-check';

// A rotation while people consent, or change the vault by hand.

const partner = '99999999-9999-4999-8999-999999999999' as TenantId;
const [accountA, accountB] = ['22222222-2222-4222-8222-222222222222', '33333333-3333-4333-8333-333333333333'];
let clock: FakeClock;
let store: MemoryCredentialStore;
let entra: RotatingEntra;
let logged: ReturnType<typeof recordingLogger>;

beforeEach(async () => {
  clock = new FakeClock();
  store = await storeWithCredential(partner, () => clock.nowMs());
  entra = new RotatingEntra(() => clock.nowMs(), 'refresh-token-1');
  entra.accounts.set('refresh-token-1', accountA);
  logged = recordingLogger();
});

const rotate = (over: MemoryCredentialStore = store) =>
  rotateRefreshToken(
    {
      store: over,
      redeemer: entra,
      clock,
      log: logged.log,
      newId: () => 'id',
      canaryResource: 'https://graph.microsoft.com',
    },
    'default',
  );
/** Stores a refresh token that Entra accepts, as `ptb consent` does. */
function consent(value: string, accountObjectId: string): Promise<string> {
  entra.good.add(value);
  entra.accounts.set(value, accountObjectId);
  return store.saveRefreshToken('default', {
    ...refreshTokenOf(value, clock.nowMs()),
    account: accountObjectId === accountA ? 'broker@partner.example' : `${accountB}@partner.example`,
    accountObjectId,
    consentedAtMs: clock.nowMs(),
  });
}
const paste = (value: string, more: Partial<NewRefreshToken> = {}) =>
  store.saveRefreshToken('default', {
    ...refreshTokenOf(value, clock.nowMs()),
    account: '',
    accountObjectId: '',
    ...more,
  });
const inForce = async () => (await store.loadRefreshToken('default'))?.accountObjectId;

describe('rotateRefreshToken after a consent by a second account', () => {
  it.each([50173, 53003])('does not fall back to the first account when Entra answers %i', async (aadsts) => {
    await consent('of-b', accountB);
    entra.script = ({ grant }) =>
      grant.kind === 'delegated' && entra.accounts.get(grant.refreshToken.reveal()) === accountB
        ? aadstsFailure(aadsts)
        : undefined;
    await expect(rotate()).rejects.toMatchObject({ logFields: { aadsts } });
    expect(await inForce()).toBe(accountB);
    expect(logged.events()).not.toContain('credential.fell_back');
  });

  it('does not take over a token of the first account that is pasted later', async () => {
    await consent('of-b', accountB);
    entra.good.add('of-a');
    entra.accounts.set('of-a', accountA);
    await paste('of-a');
    await rotate();
    expect(await inForce()).toBe(accountB);
    entra.good.delete('of-b');
    entra.good.delete('rolled-1');
    for (const value of entra.good) if (entra.accounts.get(value) === accountB) entra.good.delete(value);
    await expect(rotate()).rejects.toMatchObject({ code: 'credential_revoked' });
    expect(await inForce()).toBe(accountB);
  });
});

describe('rotateRefreshToken after a person changed one tag, with a first account that Entra still accepts', () => {
  const another = '44444444-4444-4444-8444-444444444444';
  /** Account A consents and rotates, then B consents once. Entra accepts the tokens of both. */
  async function bothConsent(): Promise<{ readonly ofA: readonly string[]; readonly ofB: string }> {
    const first = await consent('of-a', accountA);
    await clock.advance(60_000);
    const { version } = await rotate();
    await clock.advance(60_000);
    return { ofA: [first, version], ofB: await consent('of-b', accountB) };
  }
  const consentedAtOf = async (version: string) =>
    (await store.listRefreshTokenVersions('default')).find((each) => each.version === version)?.consentedAtMs;
  /** Ends the tokens of B. */
  const revokeB = () => {
    for (const value of entra.good) if (entra.accounts.get(value) === accountB) entra.good.delete(value);
  };

  it.each([
    [
      'the account of the last consent',
      async ({ ofB }) => store.editToken('default', ofB, { accountObjectId: accountA }),
    ],
    [
      'the account of the last consent to nobody',
      async ({ ofB }) => store.editToken('default', ofB, { accountObjectId: another }),
    ],
    [
      'the account of a former version',
      async ({ ofA }) => store.editToken('default', ofA[1] ?? '', { accountObjectId: accountB }),
    ],
    [
      'the time of the last consent to that of the former',
      async ({ ofA, ofB }) =>
        store.editToken('default', ofB, { consentedAtMs: (await consentedAtOf(ofA[0] ?? '')) ?? 0 }),
    ],
    [
      'the time of the last consent to another',
      async ({ ofB }) => store.editToken('default', ofB, { consentedAtMs: 1 }),
    ],
    [
      'the time of a former version to that of the last consent',
      async ({ ofA, ofB }) =>
        store.editToken('default', ofA[1] ?? '', { consentedAtMs: (await consentedAtOf(ofB)) ?? 0 }),
    ],
  ] as [string, (versions: Awaited<ReturnType<typeof bothConsent>>) => Promise<void>][])(
    'keeps the account that consented last in force: %s',
    async (_, edit) => {
      const versions = await bothConsent();
      await edit(versions);
      const isOfB = async () => entra.accounts.get((await store.loadRefreshToken('default'))?.secret.reveal() ?? '');
      expect(await isOfB()).toBe(accountB);
      await rotate();
      expect(await isOfB()).toBe(accountB);
      revokeB();
      await expect(rotate()).rejects.toMatchObject({ code: 'credential_revoked' });
      expect(await isOfB()).toBe(accountB);
    },
  );

  it('keeps the account that consented last in force when its tag with the time of the consent is removed', async () => {
    const { ofB } = await bothConsent();
    store.editToken('default', ofB, { consentedAtMs: undefined } as never);
    expect(await inForce()).toBe(accountB);
    await rotate();
    expect(await inForce()).toBe(accountB);
  });
});

describe('rotateRefreshToken during a consent', () => {
  it('leaves the consent in force, whatever the order of their steps', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), async (scheduler) => {
        store = await storeWithCredential(partner, () => clock.nowMs());
        entra.good.add('refresh-token-1');
        const person = onSchedule(scheduler, store);
        const stored = person.saveRefreshToken('default', {
          ...refreshTokenOf('of-b', clock.nowMs()),
          accountObjectId: accountB,
          consentedAtMs: clock.nowMs(),
        });
        entra.good.add('of-b');
        entra.accounts.set('of-b', accountB);
        const rotation = rotate(onSchedule(scheduler, store)).catch(() => undefined);
        await scheduler.waitFor(Promise.all([stored, rotation]));
        expect(await inForce()).toBe(accountB);
      }),
      { numRuns: 200, seed: 17 },
    );
  });
});

describe('rotateRefreshToken while a person disables versions', () => {
  it.each(['before the write', 'after the write', 'before it is enabled'])(
    'puts nothing in use when all versions are disabled %s',
    async (when) => {
      const disableAll = () => store.disableRefreshTokenVersion('default', 'v1');
      const [stage, enable] = [
        store.stageRefreshToken.bind(store),
        store.enableRefreshTokenVersion.bind(store),
      ] as const;
      store.stageRefreshToken = async (...args) => {
        if (when === 'before the write') await disableAll();
        const version = await stage(...args);
        if (when === 'after the write') await disableAll();
        return version;
      };
      store.enableRefreshTokenVersion = async (...args) => {
        await disableAll();
        return enable(...args);
      };
      await expect(rotate()).rejects.toMatchObject({ code: 'credential_missing' });
      expect(await store.loadRefreshToken('default')).toBeUndefined();
      expect((await store.listRefreshTokenVersions('default')).some(({ enabled }) => enabled)).toBe(false);
    },
  );
});

describe('rotateRefreshToken with versions that were pasted by mistake', () => {
  it.each([1, 2, 3, 7])('heals after %i of them', async (count) => {
    for (let nth = 1; nth <= count; nth += 1) await paste(`pasted-${nth}`);
    await rotate();
    const stored = await store.loadRefreshToken('default');
    expect(entra.good.has(stored?.secret.reveal() ?? '')).toBe(true);
    expect(logged.events()).toEqual(['credential.fell_back']);
  });

  it('uses a pasted token of the same account when no other one works', async () => {
    await consent('of-a', accountA);
    entra.good.clear();
    entra.good.add('pasted');
    entra.accounts.set('pasted', accountA);
    await paste('pasted');
    expect((await rotate()).disabledVersions).toBeGreaterThan(0);
    expect(await inForce()).toBe(accountA);
  });

  it('continues when a person changed the account of one version', async () => {
    await consent('of-a', accountA);
    const { version } = await rotate();
    store.editToken('default', version, { accountObjectId: accountB });
    await rotate();
    expect(await inForce()).toBe(accountA);
  });
});

describe('rotateRefreshToken when one of the servers of Entra lags', () => {
  it('keeps the new token when only the proof of the stored one is refused', async () => {
    let redemptions = 0;
    entra.script = () => ((redemptions += 1) === 3 ? aadstsFailure(70000) : undefined);
    const { version } = await rotate();
    expect((await store.loadRefreshToken('default'))?.version).toBe(version);
  });

  it('discards a rolled token that turns out to be of another account', async () => {
    entra.issue = (issued) => entra.accounts.set(issued, accountB);
    await expect(rotate()).rejects.toThrow(/another account/);
    expect((await store.loadRefreshToken('default'))?.version).toBe('v1');
  });
});

describe('rotateRefreshToken when Entra accepts each refresh token only once', () => {
  it('stores the last token that Entra issued, day after day', async () => {
    entra.isSingleUse = true;
    for (let day = 0; day < 5; day += 1) {
      expect(await rotate()).toMatchObject({ isSingleUse: true });
      const stored = (await store.loadRefreshToken('default'))?.secret ?? new Secret('none');
      expect(entra.good.has(stored.reveal())).toBe(true);
    }
    expect(logged.events()).toContain('credential.refresh_token_single_use');
  });
});
