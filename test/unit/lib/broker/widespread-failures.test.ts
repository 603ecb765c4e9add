import { beforeEach, describe, expect, test } from 'vitest';
import type { TokenBroker } from '../../../../src/lib/broker/broker.ts';
import type { FakeClock } from '../../../fakes/fake-clock.ts';
import { aadstsFailure, type FakeRedeemer, failureReply } from '../../../fakes/fake-redeemer.ts';
import { type MemoryCredentialStore, refreshTokenOf } from '../../../fakes/memory-credential-store.ts';
import type { recordingLogger } from '../../../fakes/recording-logger.ts';
import { outcomeOf, partner, request, startBroker, tenant } from './stage.ts';

let clock: FakeClock;
let redeemer: FakeRedeemer;
let store: MemoryCredentialStore;
let broker: TokenBroker;
let logged: ReturnType<typeof recordingLogger>;

beforeEach(async () => {
  ({ clock, redeemer, store, logged, broker } = await startBroker());
});

const ask = (n: number): Promise<unknown> => outcomeOf(broker.getToken(request(n)));
/** The tenants that are refused, all but home if none is named. */
const refuse = (aadsts: number, ...tenants: number[]): void => {
  const refused = tenants.map(tenant);
  redeemer.script = ({ tenantId }) =>
    (refused.length === 0 ? tenantId !== partner : refused.includes(tenantId)) ? aadstsFailure(aadsts) : undefined;
};
const blocked = { code: 'blocked_by_policy', scope: 'tenant' };
const dead = { code: 'credential_revoked', scope: 'credential' };
const isDead = (): boolean => broker.credentialFailure('default') !== undefined;

describe('a failure that home does not see', () => {
  test("keeps its name in one tenant, and is the credential's when three tenants report it", async () => {
    refuse(530034);
    const outcomes = [await ask(1), await ask(2), await ask(3)];
    expect(outcomes).toEqual([{ ...dead, scope: 'tenant' }, { ...dead, scope: 'tenant' }, dead]);
    const before = redeemer.sent.length;
    expect(await ask(4)).toEqual(dead);
    expect(redeemer.sent).toHaveLength(before);
  });

  test('keeps its name and advice when it is the credential’s, too', async () => {
    refuse(500212);
    expect([await ask(1), await ask(2), await ask(3)]).toEqual([blocked, blocked, { ...blocked, scope: 'credential' }]);
  });

  test('is the tenants’ own while tokens are had for others in between', async () => {
    refuse(500212, 10, 40, 70);
    for (let n = 1; n <= 100; n += 1) expect(await ask(n)).toEqual([10, 40, 70].includes(n) ? blocked : 'no error');
    expect(isDead()).toBe(false);
  });

  test('is the tenants’ own while a token can still be had where one was had before', async () => {
    refuse(500212, 1, 2, 3, 4);
    await ask(9);
    const before = redeemer.sent.length;
    // The others' tokens are in the cache for an hour: nobody redeems but those that fail.
    expect([await ask(1), await ask(2), await ask(3), await ask(4)]).toEqual([blocked, blocked, blocked, blocked]);
    const asked = redeemer.sent.slice(before).map(({ tenantId }) => tenantId);
    expect(asked.filter((tenantId) => tenantId === tenant(9))).toHaveLength(1);
    expect(isDead()).toBe(false);
  });

  test('is the credential’s where even a tenant that had a token has none any more', async () => {
    await ask(9);
    refuse(530034);
    expect([await ask(1), await ask(2), await ask(3)]).toMatchObject([{}, {}, dead]);
    expect(redeemer.sent.at(-1)?.tenantId).toBe(tenant(9));
    // There it is to show that it is well again, too.
    await clock.advance(10_000);
    const before = redeemer.sent.length;
    await broker.recover('default');
    expect(redeemer.sent.slice(before).map(({ tenantId }) => tenantId)).toEqual([tenant(9)]);
  });

  test('is not taken for well because home or the canary has a token meanwhile', async () => {
    refuse(530034);
    const outcomes = [await ask(1), await outcomeOf(broker.getToken(request(0, { tenantId: partner }))), await ask(2)];
    expect([...outcomes, await ask(3)]).toMatchObject([{ scope: 'tenant' }, 'no error', { scope: 'tenant' }, dead]);
  });

  test('is the credential’s where many report it at one time', async () => {
    await ask(9);
    refuse(530034);
    redeemer.delayMs = 10;
    const asked = [1, 2, 3].map(ask);
    await clock.advance(100);
    await Promise.all(asked);
    expect(isDead()).toBe(true);
  });

  test('is nobody’s verdict where the tenant that had a token gets no answer', async () => {
    await ask(9);
    redeemer.script = ({ tenantId }) => {
      if (tenantId === partner) return undefined;
      return tenantId === tenant(9) ? failureReply() : aadstsFailure(530034);
    };
    expect([await ask(1), await ask(2), await ask(3)].at(-1)).toEqual({ code: 'entra_unavailable', scope: 'platform' });
    expect(isDead()).toBe(false);
  });

  test('of one application says nothing of another, nor one grant of another', async () => {
    refuse(500212);
    await store.saveRefreshToken('reader', refreshTokenOf('reader-refresh-token', clock.nowMs()));
    const { client } = await store.load('default');
    await store.saveClientCredential('reader', client);
    const outcomes = [
      await outcomeOf(broker.getToken(request(1))),
      await outcomeOf(broker.getToken(request(2, { application: 'reader' }))),
      await outcomeOf(broker.getToken(request(3, { grant: 'application' }))),
    ];
    expect(outcomes).toEqual([blocked, blocked, blocked]);
  });

  test('is forgotten ten minutes later', async () => {
    refuse(500212);
    const outcomes = [await ask(1), await ask(2)];
    await clock.advance(600_000);
    expect([...outcomes, await ask(3)]).toEqual([blocked, blocked, blocked]);
  });
});

describe('a credential that died of what home does not see', () => {
  beforeEach(async () => {
    refuse(530034);
    for (const n of [1, 2, 3]) await ask(n);
  });

  test('is not healed by a canary that passes at home, however often somebody looks', async () => {
    const before = redeemer.sent.length;
    for (let times = 0; times < 12; times += 1) {
      await clock.advance(30_000);
      await broker.recover('default');
      expect(broker.credentialFailure('default')?.code).toBe('credential_revoked');
    }
    // Probes at a growing interval, each where the failure shows.
    expect(redeemer.sent.slice(before).map(({ tenantId }) => tenantId)).toEqual(Array(4).fill(tenant(3)));
    expect(logged.events().filter((event) => event === 'credential.dead')).toHaveLength(1);
  });

  test('is well again as soon as a token is had for a customer, without a token request', async () => {
    redeemer.script = () => undefined;
    await clock.advance(10_000);
    await broker.recover('default');
    expect(isDead()).toBe(false);
    refuse(530034);
    // What was counted before counts no more.
    expect(await ask(4)).toEqual({ ...dead, scope: 'tenant' });
  });

  test('is probed by whoever asks: those that reported it may have reasons of their own', async () => {
    refuse(530034, 1, 2, 3);
    await clock.advance(10_000);
    expect(await ask(8)).toBe('no error');
    expect(isDead()).toBe(false);
  });

  test('is not well again because another version is in the vault, but is tried with it at the next look', async () => {
    const startMs = clock.nowMs();
    const sentAt = async (second: number): Promise<number> => {
      await clock.advance(startMs + second * 1000 - clock.nowMs());
      const before = redeemer.sent.length;
      await ask(100 + second);
      return redeemer.sent.length - before;
    };
    const storeNewer = (value: string) => store.saveRefreshToken('default', refreshTokenOf(value, clock.nowMs()));
    // Probes, at a growing interval.
    expect([await sentAt(10), await sentAt(30), await sentAt(70), await sentAt(100)]).toEqual([1, 1, 1, 0]);
    await storeNewer('refresh-token-2');
    expect([await sentAt(130), isDead()]).toEqual([1, true]);
    // The next probe is due; the look after it finds no other version.
    expect([await sentAt(150), await sentAt(180), isDead()]).toEqual([1, 0, true]);
    await storeNewer('refresh-token-3');
    redeemer.script = ({ grant }) =>
      grant.kind === 'delegated' && grant.refreshToken.reveal() === 'refresh-token-3'
        ? undefined
        : aadstsFailure(530034);
    // The probe, and the request itself.
    expect([await sentAt(210), isDead()]).toEqual([2, false]);
  });
});
