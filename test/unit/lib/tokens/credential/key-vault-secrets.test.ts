import type { SecretClient } from '@azure/keyvault-secrets';
import { afterEach, expect, it, vi } from 'vitest';
import { guarded, KeyVaultSecrets } from '../../../../../src/lib/tokens/credential/key-vault-secrets.ts';

afterEach(() => vi.restoreAllMocks());

interface Options {
  readonly abortSignal: AbortSignal;
}

it('ends an operation with its caller or at the deadline, whichever comes first', async () => {
  const deadline = new AbortController();
  vi.spyOn(AbortSignal, 'timeout').mockReturnValue(deadline.signal);
  const [leaving, staying] = [new AbortController(), new AbortController()];
  const asked = [leaving.signal, staying.signal, undefined].map((signal) => guarded(async (given) => given, signal));
  const given = await Promise.all(asked);
  leaving.abort();
  expect(given.map(({ aborted }) => aborted)).toEqual([true, false, false]);
  deadline.abort();
  expect(given.map(({ aborted }) => aborted)).toEqual([true, true, true]);
});

it('disables the former versions of a deleted secret when the recovery took as long as one operation may', async () => {
  const deadlines: AbortController[] = [];
  vi.spyOn(AbortSignal, 'timeout').mockImplementation(() => {
    const deadline = new AbortController();
    deadlines.push(deadline);
    return deadline.signal;
  });
  const done: string[] = [];
  let isDeleted = true;
  const client = {
    setSecret: async (_name: string, _value: string, { abortSignal }: Options) => {
      abortSignal.throwIfAborted();
      if (isDeleted) throw Object.assign(new Error('Conflict'), { name: 'RestError', statusCode: 409 });
      done.push('write');
      return { properties: { version: 'new' } };
    },
    beginRecoverDeletedSecret: async () => ({
      pollUntilDone: async () => {
        isDeleted = false;
        for (const deadline of deadlines) deadline.abort();
      },
    }),
    listPropertiesOfSecretVersions: async function* (_name: string, { abortSignal }: Options) {
      abortSignal.throwIfAborted();
      yield* [{ version: 'v1', enabled: true }, { version: 'v2', enabled: false }, { version: 'v3' }];
    },
    updateSecretProperties: async (_name: string, version: string, { abortSignal }: Options) => {
      abortSignal.throwIfAborted();
      done.push(`disable ${version}`);
    },
  } as unknown as SecretClient;
  const secrets = new KeyVaultSecrets(client);
  expect(await secrets.set('name', { value: 'value', contentType: 'text', tags: {} })).toBe('new');
  expect(done).toEqual(['disable v1', 'disable v3', 'write']);
});
