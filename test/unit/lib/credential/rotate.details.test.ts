import { beforeEach, describe, expect, it } from 'vitest';
import { outdated, rotateRefreshToken } from '../../../../src/lib/credential/rotate.ts';
import { BrokerError } from '../../../../src/lib/model/errors.ts';
import type { TenantId } from '../../../../src/lib/model/identifiers.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { aadstsFailure, failureReply } from '../../../fakes/fake-redeemer.ts';
import {
  type MemoryCredentialStore,
  refreshTokenOf,
  storeWithCredential,
} from '../../../fakes/memory-credential-store.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';
import { RotatingEntra } from '../../../fakes/rotating-entra.ts';

const partner = '99999999-9999-4999-8999-999999999999' as TenantId;
let clock: FakeClock;
let store: MemoryCredentialStore;
let entra: RotatingEntra;
let logged: ReturnType<typeof recordingLogger>;

beforeEach(async () => {
  clock = new FakeClock();
  store = await storeWithCredential(partner, () => clock.nowMs());
  entra = new RotatingEntra(() => clock.nowMs(), 'refresh-token-1');
  logged = recordingLogger();
});

const rotate = () =>
  rotateRefreshToken(
    {
      store,
      redeemer: entra,
      clock,
      log: logged.log,
      newId: () => 'id',
      canaryResource: 'https://graph.microsoft.com',
    },
    'default',
  );
const add = (value: string): Promise<string> => store.saveRefreshToken('default', refreshTokenOf(value, clock.nowMs()));
const line = (event: string): unknown =>
  logged.lines
    .map(({ level, line }) => ({ level, ...(JSON.parse(line) as { event: string }) }))
    .find((each) => each.event === event);

describe('an ordinary rotation', () => {
  it('says nothing of being overtaken, falling back, or too many versions', async () => {
    await rotate();
    expect(logged.events()).toEqual([]);
  });

  it('counts what it has disabled', async () => {
    for (let day = 0; day < 3; day += 1) await rotate();
    expect(await rotate()).toMatchObject({ disabledVersions: 1, versions: 5 });
  });
});

describe('a rotation that a consent overtakes', () => {
  it('says so, and which version it left in place', async () => {
    const load = store.loadRefreshToken.bind(store);
    let looks = 0;
    store.loadRefreshToken = async (application) => {
      // The first look is the one that begins the rotation.
      if ((looks += 1) === 2) await add('consented meanwhile');
      return load(application);
    };
    expect(await rotate()).toMatchObject({ version: 'v2', disabledVersions: 0 });
    expect(line('credential.rotation_overtaken')).toEqual({
      level: 'info',
      event: 'credential.rotation_overtaken',
      application: 'default',
      version: 'v2',
    });
  });

  it('goes on where the vault gives out nothing for a moment: what was rolled is stored', async () => {
    const load = store.loadRefreshToken.bind(store);
    let looks = 0;
    store.loadRefreshToken = async (application) => ((looks += 1) === 2 ? undefined : load(application));
    expect(await rotate()).toMatchObject({ version: 'v2' });
    expect(logged.events()).toEqual([]);
  });
});

describe('falling back', () => {
  it('passes over versions that are disabled, that are gone, and those beyond the two before the newest', async () => {
    await add('bad-2');
    await add('gone');
    await add('bad-4');
    await add('bad-5');
    const load = store.loadRefreshTokenVersion.bind(store);
    const asked: string[] = [];
    store.loadRefreshTokenVersion = async (application, version) => {
      asked.push(version);
      return version === 'v3' ? undefined : load(application, version);
    };
    await store.disableRefreshTokenVersion('default', 'v2');
    await expect(rotate()).rejects.toMatchObject({ code: 'credential_revoked' });
    expect(asked).toEqual(['v4', 'v3']);
  });

  it('takes the bad versions out of use, and says from which to which it fell', async () => {
    await add('bad-2');
    await add('bad-3');
    expect(await rotate()).toMatchObject({ disabledVersions: 2 });
    expect(line('credential.fell_back')).toEqual({
      level: 'warn',
      event: 'credential.fell_back',
      application: 'default',
      from: 'v3',
      to: 'v1',
    });
    const left = (await store.listRefreshTokenVersions('default')).filter(({ enabled }) => enabled);
    expect(left.map(({ version }) => version)).toEqual(['v4', 'v1']);
  });

  it('is no remedy for an Entra that stumbles', async () => {
    await add('newest');
    entra.good.add('newest');
    entra.script = () => failureReply({ retryAfterSeconds: 61 });
    await expect(rotate()).rejects.toMatchObject({ code: 'entra_unavailable', retryAfterSeconds: 61 });
    expect(entra.redemptions).toBe(1);
  });

  it.each([
    ['Entra stumbles', failureReply({ retryAfterSeconds: 61 }), 'entra_unavailable'],
    ['the client credential is refused', aadstsFailure(7000215), 'client_credential_rejected'],
  ] as const)('takes no version for bad that is tried while %s', async (_, failure, code) => {
    await add('good-2');
    await add('bad-3');
    entra.good.add('good-2');
    entra.script = ({ grant }) =>
      grant.kind === 'delegated' && grant.refreshToken.reveal() === 'good-2' ? failure : undefined;
    await expect(rotate()).rejects.toMatchObject({ code });
    expect((await store.listRefreshTokenVersions('default')).map(({ enabled }) => enabled)).toEqual([true, true, true]);
    entra.script = () => undefined;
    expect(await rotate()).toMatchObject({ version: 'v4', disabledVersions: 1 });
    expect(line('credential.fell_back')).toMatchObject({ from: 'v3', to: 'v2' });
  });

  it('is patient with an older version too', async () => {
    await add('bad-2');
    let failures = 1;
    entra.script = ({ grant }) =>
      grant.kind === 'delegated' && grant.refreshToken.reveal() === 'refresh-token-1' && failures-- > 0
        ? failureReply()
        : undefined;
    const rotation = rotate();
    await clock.advance(2_000);
    expect((await rotation).version).toBe('v3');
  });
});

describe('patience', () => {
  it('keeps the wait that Entra asks for, where it is longer than its own, up to a minute', async () => {
    let failures = 1;
    entra.script = () => (failures-- > 0 ? failureReply({ retryAfterSeconds: 60 }) : undefined);
    const rotation = rotate();
    await clock.advance(59_999);
    expect(entra.redemptions).toBe(1);
    await clock.advance(1);
    expect((await rotation).version).toBe('v2');
  });

  it('carries the facts of a refusal for the log', async () => {
    entra.script = () => aadstsFailure(50173);
    await expect(rotate()).rejects.toMatchObject({ code: 'credential_revoked', logFields: { aadsts: 50173 } });
  });
});

describe('housekeeping', () => {
  it('that fails is noted and changes nothing', async () => {
    for (let day = 0; day < 3; day += 1) await rotate();
    store.disableRefreshTokenVersion = () => Promise.reject(new BrokerError('key_vault_unavailable', 'no'));
    expect(await rotate()).toMatchObject({ disabledVersions: 0, versions: 5 });
    expect(line('credential.prune_failed')).toMatchObject({
      level: 'warn',
      application: 'default',
      code: 'key_vault_unavailable',
    });
    store.listRefreshTokenVersions = () => Promise.reject(new BrokerError('key_vault_unavailable', 'no'));
    expect(await rotate()).toMatchObject({ disabledVersions: 0, versions: 0 });
  });

  it('warns of the limit with the numbers, and from 450 versions on', async () => {
    for (let version = 2; version < 449; version += 1) await add('refresh-token-1');
    await rotate();
    expect(line('credential.versions_near_limit')).toBeUndefined();
    await rotate();
    expect(line('credential.versions_near_limit')).toMatchObject({
      level: 'warn',
      application: 'default',
      versions: 450,
      limit: 500,
    });
  });

  it('chooses nothing where nothing is known to be good', () => {
    const versions = [{ version: 'v1', createdAtMs: 1, enabled: true }];
    expect(outdated(versions, ['v1'])).toEqual([]);
    expect(outdated(versions, [])).toEqual([]);
    expect(outdated([], [])).toEqual([]);
  });
});
