import * as fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { outdated, rotateRefreshToken, versionsKept } from '../../../../src/lib/credential/rotate.ts';
import { BrokerError } from '../../../../src/lib/model/errors.ts';
import { parseTenantId, type TenantId } from '../../../../src/lib/model/identifiers.ts';
import { Secret } from '../../../../src/lib/model/secret.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { aadstsFailure, failureReply } from '../../../fakes/fake-redeemer.ts';
import { Interrupter, type Interruption } from '../../../fakes/interruption.ts';
import {
  type MemoryCredentialStore,
  refreshTokenOf,
  storeWithCredential,
} from '../../../fakes/memory-credential-store.ts';
import { onSchedule } from '../../../fakes/on-schedule.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';
import { RotatingEntra } from '../../../fakes/rotating-entra.ts';

const partner = parseTenantId('99999999-9999-4999-8999-999999999999') as TenantId;
const vaultFailure = (): BrokerError => new BrokerError('key_vault_unavailable', 'Key Vault answered HTTP 503.');

interface Bench {
  readonly clock: FakeClock;
  readonly store: MemoryCredentialStore;
  readonly entra: RotatingEntra;
}

async function bench(): Promise<Bench> {
  const clock = new FakeClock();
  const nowMs = (): number => clock.nowMs();
  return {
    clock,
    store: await storeWithCredential(partner, nowMs),
    entra: new RotatingEntra(nowMs, 'refresh-token-1'),
  };
}

const rotate = ({ clock, store, entra }: Bench, interrupter?: Interrupter, log = recordingLogger().log) =>
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

/** Whether what the store gives out now opens Entra. */
async function isAlive({ store, entra }: Bench): Promise<boolean> {
  const stored = await store.loadRefreshToken('default');
  return stored !== undefined && entra.good.has(stored.secret.reveal());
}

const enabledOf = async ({ store }: Bench): Promise<number> =>
  (await store.listRefreshTokenVersions('default')).filter(({ enabled }) => enabled).length;

describe('rotation', () => {
  it('leaves a consent in place that came while it was under way', async () => {
    const made = await bench();
    const { store, entra, clock } = made;
    const consent = { ...refreshTokenOf('of-another-account', clock.nowMs()), account: 'new@partner.example' };
    const redeem = entra.redeem.bind(entra);
    entra.good.add('of-another-account');
    entra.redeem = async (redemption) => {
      await store.saveRefreshToken('default', consent);
      return redeem(redemption);
    };
    const recorder = recordingLogger();
    expect(await rotate(made, undefined, recorder.log)).toMatchObject({ account: 'new@partner.example' });
    expect((await store.loadRefreshToken('default'))?.account).toBe('new@partner.example');
    expect(recorder.events()).toContain('credential.rotation_overtaken');
  });

  it('stores the new token with its end, account and MFA, and proves what is stored', async () => {
    const set = await bench();
    const rotation = await rotate(set);
    const stored = await set.store.loadRefreshToken('default');
    expect(stored?.secret.reveal()).toBe('rolled-1');
    expect(stored).toMatchObject({ account: 'broker@partner.example', mfa: true });
    expect(stored?.expiresAtMs).toBe(set.clock.nowMs() + 90 * 86_400_000);
    expect(set.entra.redemptions).toBe(3);
    expect(rotation).toMatchObject({ version: 'v2', versions: 2, disabledVersions: 0 });
  });

  it('keeps the newest three versions readable and disables the rest', async () => {
    const set = await bench();
    for (let day = 0; day < 10; day += 1) await rotate(set);
    expect(await enabledOf(set)).toBe(versionsKept);
    expect((await set.store.listRefreshTokenVersions('default')).slice(0, 3).every(({ enabled }) => enabled)).toBe(
      true,
    );
  });

  it('keeps the stored token when the new one is of another account', async () => {
    const set = await bench();
    set.entra.claims = { objectId: 'somebody-else' };
    await expect(rotate(set)).rejects.toThrow(/another account/);
    expect((await set.store.loadRefreshToken('default'))?.version).toBe('v1');
  });

  it('keeps the stored token when the new one has lost its MFA', async () => {
    const set = await bench();
    set.entra.claims = { authenticationMethods: ['pwd'] };
    await expect(rotate(set)).rejects.toThrow(/no longer carries MFA/);
    expect((await set.store.loadRefreshToken('default'))?.version).toBe('v1');
  });

  it('does not store a token that Entra will not redeem', async () => {
    const set = await bench();
    set.entra.issueDud = true;
    await expect(rotate(set)).rejects.toThrow(/not valid/);
    expect(await set.store.listRefreshTokenVersions('default')).toHaveLength(1);
  });

  it('takes a version out of use again that the store gives out and Entra refuses', async () => {
    const set = await bench();
    let redemptions = 0;
    set.entra.script = () => ((redemptions += 1) === 3 ? aadstsFailure(50173) : undefined);
    await expect(rotate(set)).rejects.toThrow(/revoked/);
    expect((await set.store.loadRefreshToken('default'))?.version).toBe('v1');
  });

  it('falls back to the version before when somebody stored a bad one by hand', async () => {
    const set = await bench();
    await set.store.saveRefreshToken('default', refreshTokenOf('pasted by mistake', set.clock.nowMs()));
    const recorder = recordingLogger();
    await rotate(set, undefined, recorder.log);
    expect(recorder.events()).toContain('credential.fell_back');
    expect(await isAlive(set)).toBe(true);
    const bad = (await set.store.listRefreshTokenVersions('default')).find(({ version }) => version === 'v2');
    expect(bad?.enabled).toBe(false);
  });

  it('waits for an Entra that stumbles, and does not store anything for one that stays down', async () => {
    const set = await bench();
    let left = 2;
    set.entra.script = () => (left-- > 0 ? failureReply() : undefined);
    const rotation = rotate(set);
    await set.clock.advance(60_000);
    expect((await rotation).version).toBe('v2');
    set.entra.script = () => failureReply();
    const failing = rotate(set);
    failing.catch(() => undefined);
    await set.clock.advance(120_000);
    await expect(failing).rejects.toThrow(/stumbled/);
    expect(await set.store.listRefreshTokenVersions('default')).toHaveLength(2);
  });

  it('does not try older tokens when it is the client credential that is refused', async () => {
    const set = await bench();
    await rotate(set);
    const before = set.entra.redemptions;
    set.entra.script = () => aadstsFailure(7000222);
    await expect(rotate(set)).rejects.toThrow(/client secret has expired/);
    expect(set.entra.redemptions - before).toBe(1);
  });

  it('warns before Key Vault can no longer back the secret up', async () => {
    const set = await bench();
    for (let version = 2; version < 450; version += 1) {
      await set.store.saveRefreshToken('default', refreshTokenOf('refresh-token-1', set.clock.nowMs()));
    }
    const recorder = recordingLogger();
    await rotate(set, undefined, recorder.log);
    expect(recorder.events()).toContain('credential.versions_near_limit');
  });

  it('says that there is nothing to rotate before the first consent', async () => {
    const set = await bench();
    await set.store.disableRefreshTokenVersion('default', 'v1');
    await expect(rotate(set)).rejects.toThrow(/no refresh token yet/);
  });
});

describe('the choice of versions to disable', () => {
  it('never leaves none', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ enabled: fc.boolean(), bad: fc.boolean() }), { maxLength: 12 }), (drawn) => {
        const versions = drawn.map(({ enabled }, at) => ({ version: `v${at}`, createdAtMs: -at, enabled }));
        const bad = drawn.flatMap((each, at) => (each.bad ? [`v${at}`] : []));
        const chosen = new Set(outdated(versions, bad).map(({ version }) => version));
        const left = versions.filter(({ version, enabled }) => enabled && !chosen.has(version));
        const enabled = versions.filter((each) => each.enabled).length;
        expect(left.length).toBeGreaterThanOrEqual(Math.min(1, enabled));
        if (enabled > 0 && enabled > bad.length) expect(left.length).toBeLessThanOrEqual(Math.max(versionsKept, 1));
      }),
    );
  });
});

/** Every call that one rotation makes; a store that is full makes it disable versions, too. */
async function callsOfOneRotation(): Promise<number> {
  const set = await bench();
  for (let day = 0; day < 4; day += 1) await rotate(set);
  const counter = new Interrupter(0, undefined, vaultFailure);
  await rotate(set, counter);
  return counter.calls;
}

describe('a rotation that is interrupted', () => {
  const figures = { interruptions: 0, races: 0, losses: 0, manualRepairs: 0, mostEnabled: 0 };
  afterAll(() => {
    process.stdout.write(
      `rotation: ${figures.interruptions} interruptions (kills and vault failures × steps), ${figures.races} races of two or three rotators, ${figures.losses} losses, ${figures.manualRepairs} manual repairs, at most ${figures.mostEnabled} versions readable\n`,
    );
  });

  const account = async (set: Bench): Promise<void> => {
    if (!(await isAlive(set))) figures.losses += 1;
    const repaired = await rotate(set).then(
      () => true,
      () => false,
    );
    if (!repaired || !(await isAlive(set))) figures.manualRepairs += 1;
    figures.mostEnabled = Math.max(figures.mostEnabled, await enabledOf(set));
  };

  it('leaves a credential that works, at whichever step and however', async () => {
    const calls = await callsOfOneRotation();
    expect(calls).toBeGreaterThanOrEqual(8);
    const ways: readonly Interruption[] = ['killed before', 'killed after', 'refused', 'reply lost'];
    for (const how of ways) {
      for (let at = 1; at <= calls; at += 1) {
        for (const days of [0, 4]) {
          const set = await bench();
          for (let day = 0; day < days; day += 1) await rotate(set);
          const interrupter = new Interrupter(at, how, vaultFailure);
          await Promise.race([rotate(set, interrupter).catch(() => undefined), interrupter.killed]);
          figures.interruptions += 1;
          await account(set);
        }
      }
    }
    expect(figures).toMatchObject({ losses: 0, manualRepairs: 0 });
    expect(figures.mostEnabled).toBeLessThanOrEqual(versionsKept);
  });

  it('leaves a credential that works when rotators race, one of them killed', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.integer({ min: 2, max: 3 }),
        fc.integer({ min: 0, max: 12 }),
        fc.constantFrom<Interruption>('killed before', 'killed after', 'refused', 'reply lost'),
        fc.boolean(),
        async (scheduler, rotators, at, how, dud) => {
          const set = await bench();
          for (let day = 0; day < 3; day += 1) await rotate(set);
          set.entra.issueDud = dud;
          const scheduled: Bench = {
            clock: set.clock,
            store: onSchedule(scheduler, set.store),
            entra: onSchedule(scheduler, set.entra),
          };
          const running = Array.from({ length: rotators }, (_, which) => {
            const interrupter = new Interrupter(which === 0 ? at : 0, how, vaultFailure);
            return Promise.race([rotate(scheduled, interrupter).catch(() => undefined), interrupter.killed]);
          });
          await scheduler.waitFor(Promise.all(running));
          figures.races += 1;
          await account(set);
        },
      ),
      { numRuns: 400, endOnFailure: true },
    );
    expect(figures).toMatchObject({ losses: 0, manualRepairs: 0 });
    expect(figures.mostEnabled).toBeLessThanOrEqual(versionsKept);
  });
});

it('never prints a token when it fails', async () => {
  const set = await bench();
  await set.store.saveRefreshToken('default', { ...refreshTokenOf('x', 0), secret: new Secret('very-secret-token') });
  const { log, lines } = recordingLogger();
  set.entra.script = () => aadstsFailure(50173);
  const error: unknown = await rotate(set, undefined, log).catch((thrown: unknown) => thrown);
  expect(JSON.stringify(lines) + String(error)).not.toContain('very-secret-token');
});
