import { beforeEach, describe, expect, it } from 'vitest';
import {
  adoptProposed,
  federatedClient,
  isProposed,
} from '../../../../../src/lib/tokens/credential/renew-client-credential.ts';
import { provenSuccesses } from '../../../../../src/lib/tokens/credential/prove-client-credential.ts';
import type { TenantId } from '../../../../../src/lib/core/identifiers.ts';
import { Secret } from '../../../../../src/lib/core/secrets.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';
import { aadstsFailure, FakeRedeemer } from '../../../../fakes/fake-redeemer.ts';
import { MemoryCredentialStore } from '../../../../fakes/memory-credential-store.ts';
import { recordingLogger } from '../../../../fakes/recording-logger.ts';

const owner = { clientId: 'client', tenantId: '99999999-9999-4999-8999-999999999999' as TenantId };
const secret = { ...owner, credential: { kind: 'secret', secret: new Secret('in use') } } as const;

let store: MemoryCredentialStore;
let redeemer: FakeRedeemer;
let logged: ReturnType<typeof recordingLogger>;
const clock = new FakeClock();
beforeEach(async () => {
  store = new MemoryCredentialStore();
  redeemer = new FakeRedeemer(clock);
  logged = recordingLogger();
  await store.saveClientCredential('default', secret);
});

const adopt = () =>
  adoptProposed(
    { store, redeemer, clock, log: logged.log, newId: () => 'id', graphIdentifier: 'https://graph.microsoft.com' },
    'default',
  );
const propose = () => store.proposeClientCredential('default', federatedClient(owner));
const kindInUse = async () => (await store.load('default')).client.credential.kind;

describe('adoptProposed', () => {
  it('uses a proposed managed identity once Entra accepts it', async () => {
    await propose();
    expect(await kindInUse()).toBe('secret');
    redeemer.script = (_, nth) => (nth === 1 ? aadstsFailure(70021) : undefined);
    await adopt();
    expect(await kindInUse()).toBe('secret');
    await adopt();
    expect(await kindInUse()).toBe('federated');
    expect((await store.load('default')).client).toMatchObject(owner);
    expect(redeemer.sent).toMatchObject([
      { clientCredential: { kind: 'federated' }, grant: { kind: 'application' } },
      ...Array.from({ length: provenSuccesses }, () => ({ clientCredential: { kind: 'federated' } })),
    ]);
    expect(logged.events()).toEqual(['credential.identity_not_accepted', 'credential.identity_in_use']);
    expect(logged.lines[0]?.line).toContain('"aadsts":70021');
    await adopt();
    expect(redeemer.sent).toHaveLength(1 + provenSuccesses);
  });

  it('does nothing without a proposal, or when a later secret has replaced it', async () => {
    await adopt();
    await propose();
    await store.saveClientCredential('default', secret);
    await adopt();
    expect(redeemer.sent).toEqual([]);
  });
});

describe('isProposed', () => {
  const version = (name: string, more: { proposed?: true; staged?: true } = {}) => ({
    version: name,
    createdAtMs: 0,
    enabled: more.proposed !== true && more.staged !== true,
    ...more,
  });
  const proposal = version('v2', { proposed: true });

  it('accepts a proposal only while it is newer than every version that is or was in use', () => {
    expect(isProposed([proposal, version('v1')])).toBe(true);
    expect(isProposed([version('v3'), proposal, version('v1')])).toBe(false);
    expect(isProposed([proposal])).toBe(false);
    expect(isProposed([])).toBe(false);
  });

  it('does not revive a proposal when the version that replaced it is disabled', () => {
    expect(isProposed([{ ...version('v3'), enabled: false }, proposal, version('v1')])).toBe(false);
  });

  it('keeps a proposal when a renewal has staged a version and not put it in use', () => {
    expect(isProposed([version('v3', { staged: true }), proposal, version('v1')])).toBe(true);
  });
});
