import { beforeEach, describe, expect, it } from 'vitest';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import type { ClientCredential } from '../../../../src/lib/core/secrets.ts';
import { readVaultState } from '../../../../src/operator/setup/vault-state.ts';
import { partnerTenantId, secretOf, SetupBench } from './setup-bench.ts';

let bench: SetupBench;
beforeEach(() => {
  bench = new SetupBench();
});

describe('readVaultState', () => {
  const remembered = async () => (await readVaultState(bench.store, 'default')).remembered;
  const save = (credential: ClientCredential) =>
    bench.store.saveClientCredential('default', { clientId: 'client', tenantId: partnerTenantId, credential });

  it('remembers nothing before the first setup', async () => {
    expect(await remembered()).toEqual({ clientId: undefined, kind: undefined });
  });

  it('takes a client credential that cannot be read as none, so that setup can store another one', async () => {
    const version = await save(secretOf('s').credential);
    const unreadable = new BrokerError('client_credential_rejected', 'Its kind is wrong.');
    bench.store.editClient('default', version, { unreadable });
    expect(await readVaultState(bench.store, 'default')).toMatchObject({
      stored: undefined,
      remembered: { clientId: 'client' },
    });
  });

  it('remembers the kind in use or proposed, and the last one after a revocation', async () => {
    await save(secretOf('s').credential);
    expect(await remembered()).toEqual({ clientId: 'client', kind: 'secret' });
    const identity = { clientId: 'client', tenantId: partnerTenantId, credential: { kind: 'federated' } } as const;
    await bench.store.proposeClientCredential('default', identity);
    expect((await remembered()).kind).toBe('federated');
    await save(secretOf('renewed').credential);
    expect((await remembered()).kind).toBe('secret');
    await save(identity.credential);
    for (const { version } of await bench.store.listClientCredentialVersions('default')) {
      await bench.store.disableClientCredentialVersion('default', version);
    }
    expect(await remembered()).toEqual({ clientId: 'client', kind: 'federated' });
  });
});
