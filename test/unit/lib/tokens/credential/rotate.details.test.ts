import { beforeEach, describe, expect, it } from 'vitest';
import { rotateRefreshToken, versionsToDisable } from '../../../../../src/lib/tokens/credential/rotate.ts';
import { BrokerError } from '../../../../../src/lib/core/errors.ts';
import type { TenantId } from '../../../../../src/lib/core/identifiers.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';
import { aadstsFailure, failureReply } from '../../../../fakes/fake-redeemer.ts';
import {
  type MemoryCredentialStore,
  refreshTokenOf,
  storeWithCredential,
} from '../../../../fakes/memory-credential-store.ts';
import { recordingLogger } from '../../../../fakes/recording-logger.ts';
import { RotatingEntra } from '../../../../fakes/rotating-entra.ts';

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

describe('rotateRefreshToken', () => {
  it('logs nothing when it succeeds', async () => {
    await rotate();
    expect(logged.events()).toEqual([]);
  });

  it('counts the versions that it disables', async () => {
    for (let day = 0; day < 3; day += 1) await rotate();
    expect(await rotate()).toMatchObject({ disabledVersions: 1, versions: 5 });
  });
});

describe('rotateRefreshToken during a consent', () => {
  it('logs that it was overtaken, with the version that it keeps', async () => {
    const load = store.loadRefreshToken.bind(store);
    let loads = 0;
    store.loadRefreshToken = async (application) => {
      // The rotation starts with the first load.
      if ((loads += 1) === 2) await add('consented meanwhile');
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

  it('stores the new token when the vault temporarily returns none', async () => {
    const load = store.loadRefreshToken.bind(store);
    let loads = 0;
    store.loadRefreshToken = async (application) => ((loads += 1) === 2 ? undefined : load(application));
    expect(await rotate()).toMatchObject({ version: 'v2' });
    expect(logged.events()).toEqual([]);
  });
});

describe('rotateRefreshToken when Entra rejects the newest version', () => {
  it('tries all enabled versions, newest first, and skips a missing one', async () => {
    await add('bad-2');
    await add('gone');
    await add('bad-4');
    await add('bad-5');
    const load = store.loadRefreshTokenVersion.bind(store);
    const tried: string[] = [];
    store.loadRefreshTokenVersion = async (application, version) => {
      tried.push(version);
      return version === 'v3' ? undefined : load(application, version);
    };
    await store.disableRefreshTokenVersion('default', 'v2');
    expect(await rotate()).toMatchObject({ version: 'v6', disabledVersions: 2 });
    expect(tried.filter((version) => version !== 'v5').slice(0, 3)).toEqual(['v4', 'v3', 'v1']);
  });

  it('disables the rejected versions, and logs from which to which version it fell back', async () => {
    await add('bad-2');
    await add('bad-3');
    expect(await rotate()).toMatchObject({ disabledVersions: 2 });
    expect(line('credential.fell_back')).toEqual({
      level: 'warn',
      event: 'credential.fell_back',
      application: 'default',
      from: 'v3',
      to: 'v1',
      account: 'broker@partner.example',
    });
    const left = (await store.listRefreshTokenVersions('default')).filter(({ enabled }) => enabled);
    expect(left.map(({ version }) => version)).toEqual(['v4', 'v1']);
  });

  it('does not fall back when Entra is unavailable', async () => {
    await add('newest');
    entra.good.add('newest');
    entra.script = () => failureReply({ retryAfterSeconds: 61 });
    await expect(rotate()).rejects.toMatchObject({ code: 'entra_unavailable', retryAfterSeconds: 61 });
    expect(entra.redemptions).toBe(1);
  });

  it.each([
    ['Entra is unavailable', failureReply({ retryAfterSeconds: 61 }), 'entra_unavailable'],
    ['the client credential is rejected', aadstsFailure(7000215), 'client_credential_rejected'],
  ] as const)('disables no version that it tried while %s', async (_, failure, code) => {
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

  it('retries an older version after a transient failure', async () => {
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

describe('rotateRefreshToken after a failure of Entra', () => {
  it('waits for a Retry-After of up to one minute when it is longer than its own pause', async () => {
    let failures = 1;
    entra.script = () => (failures-- > 0 ? failureReply({ retryAfterSeconds: 60 }) : undefined);
    const rotation = rotate();
    await clock.advance(59_999);
    expect(entra.redemptions).toBe(1);
    await clock.advance(1);
    expect((await rotation).version).toBe('v2');
  });

  it('throws a refusal with its log fields', async () => {
    entra.script = () => aadstsFailure(50173);
    await expect(rotate()).rejects.toMatchObject({ code: 'credential_revoked', logFields: { aadsts: 50173 } });
  });
});

describe('rotateRefreshToken when it disables old versions', () => {
  it('logs a failure and still succeeds', async () => {
    for (let day = 0; day < 3; day += 1) await rotate();
    store.disableRefreshTokenVersion = () => Promise.reject(new BrokerError('key_vault_unavailable', 'no'));
    expect(await rotate()).toMatchObject({ disabledVersions: 0, versions: 5 });
    expect(line('credential.prune_failed')).toMatchObject({
      level: 'warn',
      application: 'default',
      code: 'key_vault_unavailable',
    });
    const list = store.listRefreshTokenVersions.bind(store);
    const failing = async (application: string) => {
      const versions = await list(application);
      // After the new version is in use.
      if (versions.length === 6 && versions[0]?.enabled) throw new BrokerError('key_vault_unavailable', 'no');
      return versions;
    };
    store.listRefreshTokenVersions = failing;
    const load = store.loadRefreshToken.bind(store);
    store.loadRefreshToken = async (application) => {
      store.listRefreshTokenVersions = list;
      return load(application).finally(() => (store.listRefreshTokenVersions = failing));
    };
    expect(await rotate()).toMatchObject({ disabledVersions: 0, versions: 0 });
  });

  it('warns from 450 versions on, with the count and the limit', async () => {
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

  it('chooses no version when none is known to be good', () => {
    const versions = [{ version: 'v1', createdAtMs: 1, enabled: true }];
    expect(versionsToDisable(versions, ['v1'])).toEqual([]);
    expect(versionsToDisable(versions, [])).toEqual([]);
    expect(versionsToDisable([], [])).toEqual([]);
  });
});

it.each([90002, 700016])('names the tags that may be wrong if Entra answers AADSTS%i', async (aadsts) => {
  entra.redeem = async () => aadstsFailure(aadsts);
  await expect(rotate()).rejects.toThrow(/tag clientId .*, tag tenantId 99999999-9999/);
});
