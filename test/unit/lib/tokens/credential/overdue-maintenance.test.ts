import { beforeEach, describe, expect, it } from 'vitest';
import { OverdueMaintenance } from '../../../../../src/lib/tokens/credential/credentials.ts';
import { BrokerError } from '../../../../../src/lib/core/errors.ts';
import type { TenantId } from '../../../../../src/lib/core/identifiers.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';
import { MemoryCareClaims } from '../../../../fakes/memory-care-claims.ts';
import { type MemoryCredentialStore, storeWithCredential } from '../../../../fakes/memory-credential-store.ts';
import { recordingLogger } from '../../../../fakes/recording-logger.ts';

const partner = '99999999-9999-4999-8999-999999999999' as TenantId;
const hour = 3_600_000;

let clock: FakeClock;
let store: MemoryCredentialStore;
let claims: MemoryCareClaims;
let logged: ReturnType<typeof recordingLogger>;
/** The arguments of each maintenance that was started. */
let started: number[];
let unreadable: Set<string>;
let dead: Set<string>;
let applications: string[];
beforeEach(async () => {
  clock = new FakeClock();
  // Its refresh token is obtained now.
  store = await storeWithCredential(partner, () => clock.nowMs());
  claims = new MemoryCareClaims();
  logged = recordingLogger();
  started = [];
  unreadable = new Set();
  dead = new Set();
  applications = ['default'];
});

function instance() {
  const overdue = new OverdueMaintenance({
    store: { listApplications: async () => applications },
    cached: {
      get: (application) =>
        unreadable.has(application)
          ? Promise.reject(new BrokerError('key_vault_unavailable', 'Down.'))
          : store.load('default'),
    },
    claims,
    clock,
    log: logged.log,
    background: (work) => work(),
  });
  return async (): Promise<void> => {
    overdue.check(
      async (unlessEndedSinceMs) => void started.push(unlessEndedSinceMs),
      (application) => dead.has(application),
    );
    await clock.advance(0);
  };
}

describe('OverdueMaintenance', () => {
  it('starts nothing while the refresh token is younger than 36 hours', async () => {
    const check = instance();
    await clock.advance(36 * hour - 1);
    await check();
    expect(started).toEqual([]);
    expect(logged.events()).toEqual(['credential.care_checked']);
  });

  it('starts the maintenance of a dead credential every hour', async () => {
    const check = instance();
    dead.add('default');
    await check();
    await clock.advance(hour - 1);
    await check();
    expect(started).toEqual([clock.nowMs() - 1.5 * hour + 1]);
    await clock.advance(1);
    await check();
    expect(started).toHaveLength(2);
  });

  it('lets the maintenance of a dead credential begin every hour although it takes minutes', async () => {
    const overdue = new OverdueMaintenance({
      store: { listApplications: async () => applications },
      cached: { get: () => store.load('default') },
      claims,
      clock,
      log: logged.log,
      background: (work) => work(),
    });
    const claimed: boolean[] = [];
    const care = async (unlessEndedSinceMs: number): Promise<void> => {
      const atMs = clock.nowMs();
      claimed.push(await claims.claim('default', { atMs, untilMs: atMs + hour / 2, unlessEndedSinceMs }));
      await claims.end('default', atMs + 300_000);
    };
    for (let nth = 0; nth < 3; nth += 1) {
      overdue.check(care, () => true);
      await clock.advance(hour);
    }
    expect(claimed).toEqual([true, true, true]);
  });

  it('starts the maintenance when the refresh token seems to come from the future', async () => {
    const check = instance();
    await clock.advance(-hour);
    await check();
    expect(started).toHaveLength(1);
  });

  it('starts the maintenance when the refresh token is 36 hours old, and warns', async () => {
    const check = instance();
    await clock.advance(36 * hour);
    await check();
    expect(started).toEqual([clock.nowMs() - 36 * hour]);
    expect(logged.lines.map(({ level, line }) => [level, JSON.parse(line) as unknown])).toMatchObject([
      ['info', { event: 'credential.care_checked', overdue: 1 }],
      ['warn', { event: 'credential.care_overdue', applications: 'default' }],
    ]);
  });

  it('checks at most once an hour, however many requests there are', async () => {
    const check = instance();
    await clock.advance(48 * hour);
    for (let request = 0; request < 100; request += 1) await check();
    expect(started).toHaveLength(1);
    await clock.advance(hour - 1);
    await check();
    expect(started).toHaveLength(1);
    await clock.advance(1);
    await check();
    expect(started).toHaveLength(2);
  });

  it('checks again when the clock was set back', async () => {
    const check = instance();
    await clock.advance(48 * hour);
    await check();
    await clock.advance(-2 * hour);
    await check();
    expect(started).toHaveLength(2);
  });

  it('returns before the check has read anything', () => {
    const overdue = new OverdueMaintenance({
      store: { listApplications: () => new Promise(() => undefined) },
      cached: { get: () => Promise.reject(new Error('not reached')) },
      claims,
      clock,
      log: logged.log,
      background: (work) => work(),
    });
    expect(overdue.check(() => Promise.reject(new Error('not reached')))).toBeUndefined();
    expect(logged.events()).toEqual([]);
  });

  it('starts nothing if a maintenance, successful or not, ended within 36 hours', async () => {
    const check = instance();
    await clock.advance(48 * hour);
    await claims.end('default', clock.nowMs() - 35 * hour);
    await check();
    expect(started).toEqual([]);
    await clock.advance(hour);
    await check();
    expect(started).toHaveLength(1);
  });

  it.each([
    ['the credential of another application', () => unreadable.add('broken')],
    ['the claims', () => (claims.down = true)],
  ])('logs that it cannot read %s', async (_what, fail) => {
    const check = instance();
    applications = ['broken', 'default'];
    await clock.advance(48 * hour);
    fail();
    await check();
    expect(logged.events()).toContain('credential.care_unknown');
    expect(started).toHaveLength(claims.down ? 0 : 1);
  });

  it('logs a failed maintenance and does not throw', async () => {
    const overdue = new OverdueMaintenance({
      store: { listApplications: () => Promise.reject(new BrokerError('key_vault_unavailable', 'Down.')) },
      cached: { get: () => store.load('default') },
      claims,
      clock,
      log: logged.log,
      background: (work) => work(),
    });
    overdue.check(() => Promise.resolve());
    await clock.advance(0);
    expect(logged.lines.map(({ level, line }) => [level, JSON.parse(line) as unknown])).toMatchObject([
      ['error', { event: 'credential.care_failed', code: 'key_vault_unavailable' }],
    ]);
  });
});
