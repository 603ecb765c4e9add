import { beforeEach, describe, expect, test } from 'vitest';
import type { TokenBroker } from '../../../../src/lib/tokens/broker.ts';
import type { TenantId } from '../../../../src/lib/core/identifiers.ts';
import type { FakeClock } from '../../../fakes/fake-clock.ts';
import { aadstsFailure, type FakeRedeemer, failureReply } from '../../../fakes/fake-redeemer.ts';
import { type MemoryCredentialStore, refreshTokenOf } from '../../../fakes/memory-credential-store.ts';
import type { recordingLogger } from '../../../fakes/recording-logger.ts';
import { outcomeOf, partner, request, startBroker, tenant } from './stage.ts';

let customers: TenantId[];
let clock: FakeClock;
let redeemer: FakeRedeemer;
let store: MemoryCredentialStore;
let broker: TokenBroker;
let logged: ReturnType<typeof recordingLogger>;

beforeEach(async () => {
  ({ customers, clock, redeemer, store, logged, broker } = await startBroker());
});

const outcomeFor = (n: number): Promise<unknown> => outcomeOf(broker.getToken(request(n)));
/** Makes Entra refuse these tenants, or all customer tenants if none is given. */
const refuse = (aadsts: number, ...tenants: number[]): void => {
  const refused = tenants.map(tenant);
  redeemer.script = ({ tenantId }) =>
    (refused.length === 0 ? tenantId !== partner : refused.includes(tenantId)) ? aadstsFailure(aadsts) : undefined;
};
const blocked = { code: 'blocked_by_policy', scope: 'tenant' };
const dead = { code: 'credential_revoked', scope: 'credential' };
const isDead = (): boolean => broker.credentialFailure('default') !== undefined;

describe('TokenBroker with a failure that is hidden from the canary', () => {
  test('returns scope tenant for the first two tenants and scope credential from the third on', async () => {
    refuse(530034);
    const outcomes = [await outcomeFor(1), await outcomeFor(2), await outcomeFor(3)];
    expect(outcomes).toEqual([{ ...dead, scope: 'tenant' }, { ...dead, scope: 'tenant' }, dead]);
    const before = redeemer.sent.length;
    expect(await outcomeFor(4)).toEqual(dead);
    expect(redeemer.sent).toHaveLength(before);
  });

  test('keeps the error code when the failure becomes one of the credential', async () => {
    refuse(500212);
    expect([await outcomeFor(1), await outcomeFor(2), await outcomeFor(3)]).toEqual([
      blocked,
      blocked,
      { ...blocked, scope: 'credential' },
    ]);
  });

  test('returns scope tenant while tokens are issued for other tenants in between', async () => {
    refuse(500212, 10, 40, 70);
    for (let n = 1; n <= 100; n += 1)
      expect(await outcomeFor(n)).toEqual([10, 40, 70].includes(n) ? blocked : 'no error');
    expect(isDead()).toBe(false);
  });

  test('returns scope tenant while the last successful tenant still gets a token', async () => {
    customers.push(tenant(9));
    refuse(500212, 1, 2, 3, 4);
    await outcomeFor(9);
    const before = redeemer.sent.length;
    // The tokens of the other tenants are cached for an hour, so only the failing tenants redeem.
    expect([await outcomeFor(1), await outcomeFor(2), await outcomeFor(3), await outcomeFor(4)]).toEqual([
      blocked,
      blocked,
      blocked,
      blocked,
    ]);
    const sentTo = redeemer.sent.slice(before).map(({ tenantId }) => tenantId);
    expect(sentTo.filter((tenantId) => tenantId === tenant(9))).toHaveLength(1);
    expect(isDead()).toBe(false);
  });

  test('returns scope credential when the last successful tenant fails as well, and probes that tenant', async () => {
    customers.length = 0;
    await outcomeFor(9);
    refuse(530034);
    expect([await outcomeFor(1), await outcomeFor(2), await outcomeFor(3)]).toMatchObject([{}, {}, dead]);
    expect(redeemer.sent.at(-1)?.tenantId).toBe(tenant(9));
    // The same tenant is probed for the recovery.
    await clock.advance(10_000);
    const before = redeemer.sent.length;
    await broker.recover('default');
    expect(redeemer.sent.slice(before).map(({ tenantId }) => tenantId)).toEqual([tenant(9)]);
  });

  test('ignores tokens issued for the partner tenant when it counts failing tenants', async () => {
    refuse(530034);
    const outcomes = [
      await outcomeFor(1),
      await outcomeOf(broker.getToken(request(0, { tenantId: partner }))),
      await outcomeFor(2),
    ];
    expect([...outcomes, await outcomeFor(3)]).toMatchObject([
      { scope: 'tenant' },
      'no error',
      { scope: 'tenant' },
      dead,
    ]);
  });

  test('declares the credential dead when three tenants fail concurrently', async () => {
    await outcomeFor(9);
    refuse(530034);
    redeemer.delayMs = 10;
    const outcomes = [1, 2, 3].map(outcomeFor);
    await clock.advance(100);
    await Promise.all(outcomes);
    expect(isDead()).toBe(true);
  });

  test('returns entra_unavailable when the last successful tenant gets no answer', async () => {
    customers.length = 0;
    await outcomeFor(9);
    redeemer.script = ({ tenantId }) => {
      if (tenantId === partner) return undefined;
      return tenantId === tenant(9) ? failureReply() : aadstsFailure(530034);
    };
    expect([await outcomeFor(1), await outcomeFor(2), await outcomeFor(3)].at(-1)).toEqual({
      code: 'entra_unavailable',
      scope: 'platform',
    });
    expect(isDead()).toBe(false);
  });

  test('counts each application and each grant separately', async () => {
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

  test('forgets a report after ten minutes', async () => {
    refuse(500212);
    const outcomes = [await outcomeFor(1), await outcomeFor(2)];
    await clock.advance(600_000);
    expect([...outcomes, await outcomeFor(3)]).toEqual([blocked, blocked, blocked]);
  });
});

describe('TokenBroker with a credential that died of a failure hidden from the canary', () => {
  beforeEach(async () => {
    refuse(530034);
    for (const n of [1, 2, 3]) await outcomeFor(n);
  });

  test('stays failed while only the canary would succeed, however often recover is called', async () => {
    const before = redeemer.sent.length;
    for (let times = 0; times < 12; times += 1) {
      await clock.advance(30_000);
      await broker.recover('default');
      expect(broker.credentialFailure('default')?.code).toBe('credential_revoked');
    }
    // Probes at a growing interval, each in a customer tenant that has not reported the failure.
    expect(redeemer.sent.slice(before).map(({ tenantId }) => tenantId)).toEqual(Array(4).fill(tenant(50)));
    expect(logged.events().filter((event) => event === 'credential.dead')).toHaveLength(1);
  });

  test('recovers without a token request once a probe of a customer tenant succeeds', async () => {
    redeemer.script = () => undefined;
    await clock.advance(10_000);
    await broker.recover('default');
    expect(isDead()).toBe(false);
    refuse(530034);
    // Earlier reports no longer count.
    expect(await outcomeFor(4)).toEqual({ ...dead, scope: 'tenant' });
  });

  test('probes a customer that has not reported the failure, whoever asks', async () => {
    refuse(530034, 1, 2, 3);
    await clock.advance(10_000);
    const before = redeemer.sent.length;
    // The request for tenant 3 causes the probe, and fails for its own reason.
    expect(await outcomeFor(3)).toEqual({ ...dead, scope: 'tenant' });
    expect(redeemer.sent[before]?.tenantId).toBe(tenant(50));
    expect([isDead(), await outcomeFor(8)]).toEqual([false, 'no error']);
  });

  test('tries a newer version at the next reread, and recovers only if that version works', async () => {
    const startMs = clock.nowMs();
    const sentAt = async (second: number): Promise<number> => {
      await clock.advance(startMs + second * 1000 - clock.nowMs());
      const before = redeemer.sent.length;
      await outcomeFor(100 + second);
      return redeemer.sent.length - before;
    };
    const storeNewer = (value: string) => store.saveRefreshToken('default', refreshTokenOf(value, clock.nowMs()));
    // Probes, at a growing interval.
    expect([await sentAt(10), await sentAt(30), await sentAt(70), await sentAt(100)]).toEqual([1, 1, 1, 0]);
    await storeNewer('refresh-token-2');
    expect([await sentAt(130), isDead()]).toEqual([1, true]);
    // The next probe is due. The reread after it finds no other version.
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
