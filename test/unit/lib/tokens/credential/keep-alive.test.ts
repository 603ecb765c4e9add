import { beforeEach, describe, expect, it } from 'vitest';
import { keepAlive, type KeepAliveDeps } from '../../../../../src/lib/tokens/credential/keep-alive.ts';
import { BrokerError } from '../../../../../src/lib/core/errors.ts';
import type { GraphWriter } from '../../../../../src/lib/microsoft/graph.ts';
import type { TenantId } from '../../../../../src/lib/core/identifiers.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';
import { aadstsFailure } from '../../../../fakes/fake-redeemer.ts';
import { MemoryCredentialJournal } from '../../../../fakes/memory-credential-journal.ts';
import { type MemoryCredentialStore, storeWithCredential } from '../../../../fakes/memory-credential-store.ts';
import { recordingLogger } from '../../../../fakes/recording-logger.ts';
import { RotatingEntra } from '../../../../fakes/rotating-entra.ts';
import { scriptedFetch } from '../../../../fakes/scripted-fetch.ts';

const partner = '99999999-9999-4999-8999-999999999999' as TenantId;
const partnerCenter = 'https://api.partnercenter.microsoft.com';

let clock: FakeClock;
let store: MemoryCredentialStore;
let entra: RotatingEntra;
let journal: MemoryCredentialJournal;
let logged: ReturnType<typeof recordingLogger>;
let mfa: string | undefined;
beforeEach(async () => {
  clock = new FakeClock();
  store = await storeWithCredential(partner, () => clock.nowMs());
  entra = new RotatingEntra(() => clock.nowMs(), 'refresh-token-1');
  journal = new MemoryCredentialJournal();
  logged = recordingLogger();
  mfa = 'true';
});

const run = (renewal?: KeepAliveDeps['renewal']) =>
  keepAlive(
    {
      store,
      redeemer: entra,
      journal,
      clock,
      log: logged.log,
      newId: () => 'id',
      fetch: scriptedFetch(() => Response.json({}, { headers: mfa === undefined ? {} : { isMfaCompliant: mfa } }))
        .fetch,
      canaryResource: 'https://graph.microsoft.com',
      partnerCenterIdentifier: partnerCenter,
      partnerCenterEndpoint: 'https://partner.test',
      renewal,
    },
    'default',
  );
/** Renewal dependencies whose Graph rejects every call. */
function rejectedRenewal(code: 'access_denied' | 'resource_error'): NonNullable<KeepAliveDeps['renewal']> {
  const reject = (): Promise<never> => Promise.reject(new BrokerError(code, 'no'));
  return {
    graphOf: () => ({ graph: { get: reject }, writer: { post: reject } as unknown as GraphWriter }),
    createCertificate: reject,
    identityTrust: reject,
    graphIdentifier: 'https://graph.microsoft.com',
  };
}

describe('keepAlive', () => {
  it('rotates the refresh token, probes MFA with Partner Center and records both', async () => {
    expect(await run()).toMatchObject({ application: 'default', rotation: { version: 'v2' } });
    expect(await journal.read('default')).toEqual({
      rotatedAtMs: clock.nowMs(),
      mfaProbe: { atMs: clock.nowMs(), compliant: true },
    });
    expect(logged.events()).toEqual(['credential.rotated']);
  });

  it('logs missing MFA, and records no probe when Partner Center does not report it', async () => {
    mfa = 'false';
    await run();
    expect(logged.events()).toContain('credential.mfa_missing');
    journal = new MemoryCredentialJournal();
    mfa = undefined;
    await run();
    expect((await journal.read('default')).mfaProbe).toBeUndefined();
  });

  it('skips the MFA probe when Entra issues no token for Partner Center', async () => {
    entra.script = ({ resourceIdentifier }) =>
      resourceIdentifier === partnerCenter ? aadstsFailure(65001) : undefined;
    await run();
    expect(await journal.read('default')).toEqual({ rotatedAtMs: clock.nowMs() });
  });

  it('does not probe MFA with a refresh token that Entra takes only once, so the next rotation has one', async () => {
    entra.isSingleUse = true;
    for (const day of [1, 2]) {
      expect((await run()).rotation).toMatchObject({ isSingleUse: true });
      expect(await journal.read('default'), `day ${day}`).toEqual({ rotatedAtMs: clock.nowMs() });
      await clock.advance(86_400_000);
    }
    expect(logged.events()).not.toContain('credential.rotation_failed');
  });

  it('rotates nothing before the first consent', async () => {
    await store.disableRefreshTokenVersion('default', 'v1');
    expect(await run()).toEqual({ application: 'default', rotation: undefined });
    expect(await journal.read('default')).toEqual({});
  });

  it('records a failed rotation and does not throw', async () => {
    entra.script = () => aadstsFailure(50173);
    const { rotation } = await run();
    expect(rotation).toMatchObject({ code: 'credential_revoked' });
    expect((await journal.read('default')).failure).toMatchObject({ code: 'credential_revoked', atMs: clock.nowMs() });
    expect(logged.events()).toEqual(['credential.rotation_failed']);
  });

  it('continues when the journal cannot be written', async () => {
    journal.record = () => Promise.reject(new BrokerError('storage_unavailable', 'away'));
    expect(await run()).toMatchObject({ rotation: { version: 'v2' } });
    expect(logged.events()).toContain('credential.journal_unavailable');
  });

  it.each(['access_denied', 'resource_error'] as const)(
    'does not record a renewal that fails with %s as a failed rotation',
    async (code) => {
      await run(rejectedRenewal(code));
      expect(logged.events()).toContain('credential.client_credential_not_renewed');
      expect(await journal.read('default')).toMatchObject({ rotatedAtMs: clock.nowMs() });
      expect((await journal.read('default')).failure).toBeUndefined();
    },
  );
});
