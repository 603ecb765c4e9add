import * as fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import {
  rotateRefreshToken,
  versionsKept,
  versionsToDisable,
} from '../../../../../src/lib/tokens/credential/rotate.ts';
import { BrokerError } from '../../../../../src/lib/core/errors.ts';
import { parseTenantId, type TenantId } from '../../../../../src/lib/core/identifiers.ts';
import { Secret } from '../../../../../src/lib/core/secrets.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';
import { aadstsFailure, failureReply } from '../../../../fakes/fake-redeemer.ts';
import { Interrupter, type Interruption } from '../../../../fakes/interruption.ts';
import {
  type MemoryCredentialStore,
  refreshTokenOf,
  storeWithCredential,
} from '../../../../fakes/memory-credential-store.ts';
import { onSchedule } from '../../../../fakes/on-schedule.ts';
import { recordingLogger } from '../../../../fakes/recording-logger.ts';
import { RotatingEntra } from '../../../../fakes/rotating-entra.ts';

const partner = parseTenantId('99999999-9999-4999-8999-999999999999') as TenantId;
const vaultFailure = (): BrokerError => new BrokerError('key_vault_unavailable', 'Key Vault answered HTTP 503.');

interface Fixture {
  readonly clock: FakeClock;
  readonly store: MemoryCredentialStore;
  readonly entra: RotatingEntra;
}

async function createFixture(): Promise<Fixture> {
  const clock = new FakeClock();
  const nowMs = (): number => clock.nowMs();
  return {
    clock,
    store: await storeWithCredential(partner, nowMs),
    entra: new RotatingEntra(nowMs, 'refresh-token-1'),
  };
}

const rotate = ({ clock, store, entra }: Fixture, interrupter?: Interrupter, log = recordingLogger().log) =>
  rotateRefreshToken(
    {
      store: interrupter?.wrap(store) ?? store,
      redeemer: interrupter?.wrap(entra) ?? entra,
      clock,
      log,
      newId: () => 'id',
      canaryResource: 'https://graph.microsoft.com',
    },
    'default',
  );

/** Whether Entra accepts the refresh token that the store returns. */
async function isWorking({ store, entra }: Fixture): Promise<boolean> {
  const stored = await store.loadRefreshToken('default');
  return stored !== undefined && entra.good.has(stored.secret.reveal());
}

const countEnabled = async ({ store }: Fixture): Promise<number> =>
  (await store.listRefreshTokenVersions('default')).filter(({ enabled }) => enabled).length;

describe('rotateRefreshToken', () => {
  it('keeps a consent that was stored during the rotation', async () => {
    const fixture = await createFixture();
    const { store, entra, clock } = fixture;
    const consent = { ...refreshTokenOf('of-another-account', clock.nowMs()), account: 'new@partner.example' };
    const redeem = entra.redeem.bind(entra);
    entra.good.add('of-another-account');
    entra.redeem = async (redemption) => {
      await store.saveRefreshToken('default', consent);
      return redeem(redemption);
    };
    const recorder = recordingLogger();
    expect(await rotate(fixture, undefined, recorder.log)).toMatchObject({ account: 'new@partner.example' });
    expect((await store.loadRefreshToken('default'))?.account).toBe('new@partner.example');
    expect(recorder.events()).toContain('credential.rotation_overtaken');
  });

  it('stores the new token with expiry, account and MFA, and proves the stored version', async () => {
    const fixture = await createFixture();
    const rotation = await rotate(fixture);
    const stored = await fixture.store.loadRefreshToken('default');
    expect(stored?.secret.reveal()).toBe('rolled-1');
    expect(stored).toMatchObject({ account: 'broker@partner.example', mfa: true });
    expect(stored?.expiresAtMs).toBe(fixture.clock.nowMs() + 90 * 86_400_000);
    expect(fixture.entra.redemptions).toBe(3);
    expect(rotation).toMatchObject({ version: 'v2', versions: 2, disabledVersions: 0 });
  });

  it('keeps the newest three versions enabled and disables the rest', async () => {
    const fixture = await createFixture();
    for (let day = 0; day < 10; day += 1) await rotate(fixture);
    expect(await countEnabled(fixture)).toBe(versionsKept);
    expect((await fixture.store.listRefreshTokenVersions('default')).slice(0, 3).every(({ enabled }) => enabled)).toBe(
      true,
    );
  });

  it('keeps the stored token when the new one belongs to another account', async () => {
    const fixture = await createFixture();
    fixture.entra.claims = { objectId: 'somebody-else' };
    await expect(rotate(fixture)).rejects.toThrow(/another account/);
    expect((await fixture.store.loadRefreshToken('default'))?.version).toBe('v1');
  });

  it('keeps the stored token when the new one has lost MFA', async () => {
    const fixture = await createFixture();
    fixture.entra.claims = { authenticationMethods: ['pwd'] };
    await expect(rotate(fixture)).rejects.toThrow(/no longer carries MFA/);
    expect((await fixture.store.loadRefreshToken('default'))?.version).toBe('v1');
  });

  it('does not store a token that Entra rejects', async () => {
    const fixture = await createFixture();
    fixture.entra.issueDud = true;
    await expect(rotate(fixture)).rejects.toThrow(/not valid/);
    expect(await fixture.store.listRefreshTokenVersions('default')).toHaveLength(1);
  });

  it('stores no token that Entra keeps rejecting after its first use', async () => {
    const fixture = await createFixture();
    let redemptions = 0;
    fixture.entra.script = () => ((redemptions += 1) >= 3 ? aadstsFailure(50173) : undefined);
    const rotation = rotate(fixture);
    rotation.catch(() => undefined);
    await fixture.clock.advance(60_000);
    await expect(rotation).rejects.toThrow(/revoked/);
    expect((await fixture.store.loadRefreshToken('default'))?.version).toBe('v1');
    expect(await fixture.store.listRefreshTokenVersions('default')).toHaveLength(1);
  });

  it('falls back to the previous version when an invalid one was stored by hand, and disables that', async () => {
    const fixture = await createFixture();
    await fixture.store.saveRefreshToken('default', refreshTokenOf('pasted by mistake', fixture.clock.nowMs()));
    const recorder = recordingLogger();
    await rotate(fixture, undefined, recorder.log);
    expect(recorder.events()).toContain('credential.fell_back');
    expect(await isWorking(fixture)).toBe(true);
    const bad = (await fixture.store.listRefreshTokenVersions('default')).find(({ version }) => version === 'v2');
    expect(bad?.enabled).toBe(false);
  });

  it('retries while Entra is briefly unavailable, and stores nothing when it stays unavailable', async () => {
    const fixture = await createFixture();
    let left = 2;
    fixture.entra.script = () => (left-- > 0 ? failureReply() : undefined);
    const rotation = rotate(fixture);
    await fixture.clock.advance(60_000);
    expect((await rotation).version).toBe('v2');
    fixture.entra.script = () => failureReply();
    const failing = rotate(fixture);
    failing.catch(() => undefined);
    await fixture.clock.advance(120_000);
    await expect(failing).rejects.toThrow(/stumbled/);
    expect(await fixture.store.listRefreshTokenVersions('default')).toHaveLength(2);
  });

  it('does not try older tokens when the client credential is rejected', async () => {
    const fixture = await createFixture();
    await rotate(fixture);
    const before = fixture.entra.redemptions;
    fixture.entra.script = () => aadstsFailure(7000222);
    await expect(rotate(fixture)).rejects.toThrow(/client secret has expired/);
    expect(fixture.entra.redemptions - before).toBe(1);
  });

  it('warns before the secret has too many versions for a Key Vault backup', async () => {
    const fixture = await createFixture();
    for (let version = 2; version < 450; version += 1) {
      await fixture.store.saveRefreshToken('default', refreshTokenOf('refresh-token-1', fixture.clock.nowMs()));
    }
    const recorder = recordingLogger();
    await rotate(fixture, undefined, recorder.log);
    expect(recorder.events()).toContain('credential.versions_near_limit');
  });

  it('throws before the first consent because there is no refresh token', async () => {
    const fixture = await createFixture();
    await fixture.store.disableRefreshTokenVersion('default', 'v1');
    await expect(rotate(fixture)).rejects.toThrow(/no refresh token yet/);
  });
});

describe('versionsToDisable', () => {
  it('leaves at least one enabled version, and at most the number to keep', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ enabled: fc.boolean(), bad: fc.boolean() }), { maxLength: 12 }), (drawn) => {
        const versions = drawn.map(({ enabled }, at) => ({ version: `v${at}`, createdAtMs: -at, enabled }));
        const bad = drawn.flatMap((version, at) => (version.bad ? [`v${at}`] : []));
        const chosen = new Set(versionsToDisable(versions, bad).map(({ version }) => version));
        const left = versions.filter(({ version, enabled }) => enabled && !chosen.has(version));
        const enabled = versions.filter((version) => version.enabled).length;
        expect(left.length).toBeGreaterThanOrEqual(Math.min(1, enabled));
        if (enabled > 0 && enabled > bad.length) expect(left.length).toBeLessThanOrEqual(Math.max(versionsKept, 1));
      }),
    );
  });
});

/** Counts the calls of one rotation over enough stored versions that it also disables some. */
async function callsOfOneRotation(): Promise<number> {
  const fixture = await createFixture();
  for (let day = 0; day < 4; day += 1) await rotate(fixture);
  const counter = new Interrupter(0, undefined, vaultFailure);
  await rotate(fixture, counter);
  return counter.calls;
}

describe('rotateRefreshToken, when interrupted', () => {
  const figures = { interruptions: 0, races: 0, losses: 0, manualRepairs: 0, mostEnabled: 0 };
  afterAll(() => {
    process.stdout.write(
      `rotation: ${figures.interruptions} interruptions (kills and vault failures × steps), ${figures.races} races of two or three rotators, ${figures.losses} losses, ${figures.manualRepairs} manual repairs, at most ${figures.mostEnabled} versions readable\n`,
    );
  });

  const check = async (fixture: Fixture): Promise<void> => {
    if (!(await isWorking(fixture))) figures.losses += 1;
    const repaired = await rotate(fixture).then(
      () => true,
      () => false,
    );
    if (!repaired || !(await isWorking(fixture))) figures.manualRepairs += 1;
    figures.mostEnabled = Math.max(figures.mostEnabled, await countEnabled(fixture));
  };

  it('leaves a working credential after every kind of interruption at every step', async () => {
    const calls = await callsOfOneRotation();
    expect(calls).toBeGreaterThanOrEqual(8);
    const kinds: readonly Interruption[] = ['killed before', 'killed after', 'refused', 'reply lost'];
    for (const kind of kinds) {
      for (let at = 1; at <= calls; at += 1) {
        for (const days of [0, 4]) {
          const fixture = await createFixture();
          for (let day = 0; day < days; day += 1) await rotate(fixture);
          const interrupter = new Interrupter(at, kind, vaultFailure);
          await Promise.race([rotate(fixture, interrupter).catch(() => undefined), interrupter.killed]);
          figures.interruptions += 1;
          await check(fixture);
        }
      }
    }
    expect(figures).toMatchObject({ losses: 0, manualRepairs: 0 });
    expect(figures.mostEnabled).toBeLessThanOrEqual(versionsKept);
  });

  it('leaves a working credential when rotations race and one of them is interrupted', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.integer({ min: 2, max: 3 }),
        fc.integer({ min: 0, max: 12 }),
        fc.constantFrom<Interruption>('killed before', 'killed after', 'refused', 'reply lost'),
        fc.boolean(),
        async (scheduler, rotators, at, kind, dud) => {
          const fixture = await createFixture();
          for (let day = 0; day < 3; day += 1) await rotate(fixture);
          fixture.entra.issueDud = dud;
          const scheduled: Fixture = {
            clock: fixture.clock,
            store: onSchedule(scheduler, fixture.store),
            entra: onSchedule(scheduler, fixture.entra),
          };
          const running = Array.from({ length: rotators }, (_, index) => {
            const interrupter = new Interrupter(index === 0 ? at : 0, kind, vaultFailure);
            return Promise.race([rotate(scheduled, interrupter).catch(() => undefined), interrupter.killed]);
          });
          await scheduler.waitFor(Promise.all(running));
          figures.races += 1;
          await check(fixture);
        },
      ),
      { numRuns: 400, endOnFailure: true },
    );
    expect(figures).toMatchObject({ losses: 0, manualRepairs: 0 });
    expect(figures.mostEnabled).toBeLessThanOrEqual(versionsKept);
  });
});

it('does not log or throw a token when it fails', async () => {
  const fixture = await createFixture();
  await fixture.store.saveRefreshToken('default', {
    ...refreshTokenOf('x', 0),
    secret: new Secret('very-secret-token'),
  });
  const { log, lines } = recordingLogger();
  fixture.entra.script = () => aadstsFailure(50173);
  const error: unknown = await rotate(fixture, undefined, log).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(Error);
  expect(JSON.stringify(lines) + String(error)).not.toContain('very-secret-token');
});
