import { beforeEach, describe, expect, it } from 'vitest';
import { claimedMaintenance } from '../../../../../src/lib/tokens/credential/keep-alive.ts';
import type { TenantId } from '../../../../../src/lib/core/identifiers.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';
import { aadstsFailure } from '../../../../fakes/fake-redeemer.ts';
import { MemoryCareClaims } from '../../../../fakes/memory-care-claims.ts';
import { MemoryCredentialJournal } from '../../../../fakes/memory-credential-journal.ts';
import { type MemoryCredentialStore, storeWithCredential } from '../../../../fakes/memory-credential-store.ts';
import { recordingLogger } from '../../../../fakes/recording-logger.ts';
import { RotatingEntra } from '../../../../fakes/rotating-entra.ts';
import { scriptedFetch } from '../../../../fakes/scripted-fetch.ts';

const partner = '99999999-9999-4999-8999-999999999999' as TenantId;
const hour = 3_600_000;

let clock: FakeClock;
let store: MemoryCredentialStore;
let claims: MemoryCareClaims;
let entra: RotatingEntra;
let logged: ReturnType<typeof recordingLogger>;
let care: (unlessEndedSinceMs?: number) => ReturnType<typeof claimedMaintenance>;
beforeEach(async () => {
  clock = new FakeClock();
  store = await storeWithCredential(partner, () => clock.nowMs());
  claims = new MemoryCareClaims();
  entra = new RotatingEntra(() => clock.nowMs(), 'refresh-token-1');
  logged = recordingLogger();
  const deps = {
    store,
    redeemer: entra,
    journal: new MemoryCredentialJournal(),
    claims,
    clock,
    log: logged.log,
    newId: () => 'id',
    fetch: scriptedFetch(() => Response.json({})).fetch,
    canaryResource: 'https://graph.microsoft.com',
    partnerCenterIdentifier: 'https://api.partnercenter.microsoft.com',
    partnerCenterEndpoint: 'https://partner.test',
    renewal: undefined,
  };
  care = (unlessEndedSinceMs) => claimedMaintenance(deps, 'default', unlessEndedSinceMs);
});

const versions = async (): Promise<number> => (await store.listRefreshTokenVersions('default')).length;

describe('claimedMaintenance', () => {
  it('rotates, and leaves the time for other instances', async () => {
    await clock.advance(hour);
    expect(await care()).toMatchObject({ rotation: { version: 'v2' } });
    expect(await claims.lastEndedMs('default')).toBe(clock.nowMs());
  });

  it('lets one of several instances rotate', async () => {
    await clock.advance(48 * hour);
    const sinceMs = clock.nowMs() - 36 * hour;
    const results = await Promise.all([care(sinceMs), care(), care(sinceMs), care()]);
    expect(results.filter((result) => result !== undefined)).toHaveLength(1);
    expect(await versions()).toBe(2);
    expect(logged.events().filter((event) => event === 'credential.care_in_progress')).toHaveLength(3);
  });

  it('does not rotate for a request when another instance has just rotated', async () => {
    await clock.advance(48 * hour);
    await care();
    expect(await care(clock.nowMs() - 36 * hour)).toBeUndefined();
    expect(await versions()).toBe(2);
  });

  it('rotates for the timer whenever it fires', async () => {
    await care();
    await care();
    expect(await versions()).toBe(3);
  });

  it('can be repeated at once after a rotation that failed', async () => {
    entra.script = () => aadstsFailure(70000);
    expect(await care()).toMatchObject({ rotation: { code: 'credential_revoked' } });
    entra.script = () => undefined;
    expect(await care()).toMatchObject({ rotation: { version: 'v2' } });
  });

  it('takes over from a killed instance after half an hour', async () => {
    await claims.claim('default', { atMs: clock.nowMs(), untilMs: clock.nowMs() + hour / 2 });
    expect(await care()).toBeUndefined();
    expect(logged.lines.map(({ level, line }) => [level, JSON.parse(line)])).toMatchObject([
      ['info', { event: 'credential.care_in_progress', application: 'default' }],
    ]);
    await clock.advance(hour / 2);
    expect(await care()).toMatchObject({ rotation: { version: 'v2' } });
  });

  it('rotates for the timer but not for a request while the claims are unavailable', async () => {
    claims.down = true;
    expect(await care(clock.nowMs())).toBeUndefined();
    expect(await versions()).toBe(1);
    expect(await care()).toMatchObject({ rotation: { version: 'v2' } });
    // Each time at the claim, and once at its end.
    const unavailable = logged.lines.filter(({ line }) => line.includes('credential.journal_unavailable'));
    expect(unavailable.map(({ level }) => level)).toEqual(['warn', 'warn', 'warn']);
  });
});
