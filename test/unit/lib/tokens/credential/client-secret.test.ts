import { describe, expect, it } from 'vitest';
import {
  clientSecretLifeMs,
  issueClientSecret,
  removeClientSecret,
} from '../../../../../src/lib/tokens/credential/client-keys.ts';
import { storeOrUndo } from '../../../../../src/lib/tokens/credential/renew-client-credential.ts';
import type { NewClientCredential } from '../../../../../src/lib/tokens/credential/credential-store.ts';
import { BrokerError } from '../../../../../src/lib/core/errors.ts';
import type { GraphWriter } from '../../../../../src/lib/microsoft/graph.ts';
import type { TenantId } from '../../../../../src/lib/core/identifiers.ts';
import { Secret } from '../../../../../src/lib/core/secrets.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';
import { MemoryCredentialStore } from '../../../../fakes/memory-credential-store.ts';

const clock = new FakeClock();
const writerWith = (post: GraphWriter['post']): GraphWriter => ({
  post,
  patch: async () => undefined,
  remove: async () => undefined,
});
const tenantId = '99999999-9999-4999-8999-999999999999' as TenantId;
const credential = (keyId: string): NewClientCredential => ({
  clientId: 'client',
  tenantId,
  keyId,
  credential: { kind: 'secret', secret: new Secret(`secret of ${keyId}`) },
});

describe('issueClientSecret', () => {
  it('requests a secret for 180 days with the name of the broker, and returns its end', async () => {
    const requests: unknown[] = [];
    const writer = writerWith(async (path, body) => {
      requests.push(path, body);
      return { secretText: 'made', keyId: 'key', endDateTime: '2027-01-01T00:00:00Z' };
    });
    const issued = await issueClientSecret(writer, clock, '/applications/1');
    expect(requests).toEqual([
      '/applications/1/addPassword',
      {
        passwordCredential: {
          displayName: 'partner-token-broker',
          endDateTime: new Date(clock.nowMs() + clientSecretLifeMs).toISOString(),
        },
      },
    ]);
    expect([issued.secret.reveal(), issued.keyId, issued.endsAtMs]).toEqual(['made', 'key', Date.UTC(2027, 0, 1)]);
    const withoutEnd = writerWith(async () => ({ secretText: 'made', keyId: 'key' }));
    expect((await issueClientSecret(withoutEnd, clock, '/x')).endsAtMs).toBe(clock.nowMs() + clientSecretLifeMs);
  });

  it.each([{}, { secretText: 'made' }, { keyId: 'key' }])(
    'throws resource_error when Graph returns an incomplete secret: %j',
    async (answer) => {
      await expect(
        issueClientSecret(
          writerWith(async () => answer),
          clock,
          '/x',
        ),
      ).rejects.toMatchObject({ code: 'resource_error' });
    },
  );
});

describe('removeClientSecret', () => {
  it('treats a secret that no longer exists as removed', async () => {
    const failing = (status: number) =>
      removeClientSecret(
        writerWith(() => Promise.reject(new BrokerError('job_failed', '', { logFields: { status } }))),
        '/x',
        'key',
      );
    await expect(failing(400)).resolves.toBeUndefined();
    await expect(failing(404)).resolves.toBeUndefined();
    await expect(failing(403)).rejects.toMatchObject({ code: 'job_failed' });
  });
});

describe('storeOrUndo', () => {
  const lost = new BrokerError('key_vault_unavailable', 'lost');
  const refused = new BrokerError('key_vault_unavailable', 'refused', { logFields: { httpStatus: 403 } });

  /** Runs storeOrUndo with a write that fails. @param found what the store returns afterwards. */
  async function outcome(found: 'new' | 'old' | 'none' | 'unknown', failure: BrokerError) {
    const store = new MemoryCredentialStore();
    if (found === 'old' || found === 'unknown') await store.saveClientCredential('default', credential('old'));
    if (found === 'new') await store.saveClientCredential('default', credential('new'));
    if (found === 'unknown') store.listClientCredentialVersions = () => Promise.reject(failure);
    let undone = 0;
    const undo = async (): Promise<void> => void (undone += 1);
    const version = await storeOrUndo(store, 'default', {
      credential: credential('new'),
      write: () => Promise.reject(failure),
      undo,
    }).catch((thrown: unknown) => thrown);
    return [version, undone];
  }

  it('returns the version when the write succeeded but its reply was lost', async () => {
    expect(await outcome('new', lost)).toEqual(['v1', 0]);
  });

  it('undoes the change in Entra when Key Vault refused the write', async () => {
    expect(await outcome('old', refused)).toEqual([refused, 1]);
    expect(await outcome('none', refused)).toEqual([refused, 1]);
  });

  it('does not undo a write of unknown outcome, which may still arrive', async () => {
    expect(await outcome('old', lost)).toEqual([lost, 0]);
    expect(await outcome('none', lost)).toEqual([lost, 0]);
    expect(await outcome('unknown', refused)).toEqual([refused, 0]);
  });
});
