import { beforeEach, describe, expect, it } from 'vitest';
import { keepAlive, type KeepAliveDeps } from '../../../../src/lib/credential/keep-alive.ts';
import { BrokerError } from '../../../../src/lib/model/errors.ts';
import type { GraphWriter } from '../../../../src/lib/graph/write.ts';
import type { TenantId } from '../../../../src/lib/model/identifiers.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { aadstsFailure } from '../../../fakes/fake-redeemer.ts';
import { MemoryCredentialJournal } from '../../../fakes/memory-credential-journal.ts';
import { type MemoryCredentialStore, storeWithCredential } from '../../../fakes/memory-credential-store.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';
import { RotatingEntra } from '../../../fakes/rotating-entra.ts';
import { scriptedFetch } from '../../../fakes/scripted-fetch.ts';

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

const care = (renewal?: KeepAliveDeps['renewal']) =>
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
/** An application at Entra that refuses every look at its secrets. */
function refusing(code: 'access_denied' | 'resource_error'): NonNullable<KeepAliveDeps['renewal']> {
  const no = (): Promise<never> => Promise.reject(new BrokerError(code, 'no'));
  return {
    graphOf: () => ({ graph: { get: no }, writer: { post: no } as unknown as GraphWriter }),
    createCertificate: no,
    graphIdentifier: 'https://graph.microsoft.com',
  };
}

describe('the daily care of a credential', () => {
  it('rotates, records it, and asks Partner Center about MFA', async () => {
    expect(await care()).toMatchObject({ application: 'default', rotation: { version: 'v2' } });
    expect(await journal.read('default')).toEqual({
      rotatedAtMs: clock.nowMs(),
      mfaProbe: { atMs: clock.nowMs(), compliant: true },
    });
    expect(logged.events()).toEqual(['credential.rotated']);
  });

  it('says that MFA is missing, and nothing where Partner Center says nothing', async () => {
    mfa = 'false';
    await care();
    expect(logged.events()).toContain('credential.mfa_missing');
    journal = new MemoryCredentialJournal();
    mfa = undefined;
    await care();
    expect((await journal.read('default')).mfaProbe).toBeUndefined();
  });

  it('does not ask Partner Center with a token that it cannot have', async () => {
    entra.script = ({ resourceIdentifier }) =>
      resourceIdentifier === partnerCenter ? aadstsFailure(65001) : undefined;
    await care();
    expect(await journal.read('default')).toEqual({ rotatedAtMs: clock.nowMs() });
  });

  it('has nothing to rotate before the first consent', async () => {
    await store.disableRefreshTokenVersion('default', 'v1');
    expect(await care()).toEqual({ application: 'default', rotation: undefined });
    expect(await journal.read('default')).toEqual({});
  });

  it('records a rotation that failed, and does not throw it', async () => {
    entra.script = () => aadstsFailure(50173);
    const { rotation } = await care();
    expect(rotation).toMatchObject({ code: 'credential_revoked' });
    expect((await journal.read('default')).failure).toMatchObject({ code: 'credential_revoked', atMs: clock.nowMs() });
    expect(logged.events()).toEqual(['credential.rotation_failed']);
  });

  it('goes on when the journal cannot be written', async () => {
    journal.recordRotation = () => Promise.reject(new BrokerError('storage_unavailable', 'away'));
    expect(await care()).toMatchObject({ rotation: { version: 'v2' } });
    expect(logged.events()).toContain('credential.journal_unavailable');
  });

  it.each(['access_denied', 'resource_error'] as const)(
    'takes no renewal that fails with %s for a rotation that did',
    async (code) => {
      await care(refusing(code));
      expect(logged.events()).toContain('credential.client_credential_not_renewed');
      expect(await journal.read('default')).toMatchObject({ rotatedAtMs: clock.nowMs() });
      expect((await journal.read('default')).failure).toBeUndefined();
    },
  );
});
