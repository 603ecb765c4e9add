import type { HttpClient, PipelineResponse } from '@azure/core-rest-pipeline';
import { createHttpHeaders } from '@azure/core-rest-pipeline';
import { SecretClient } from '@azure/keyvault-secrets';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KeyVaultCredentialStore } from '../../src/lib/tokens/credential/key-vault-credential-store.ts';
import { refreshTokenOf } from '../fakes/memory-credential-store.ts';
import { keyVaultReplies } from './genuine.ts';
import { damaged } from './mutate.ts';
import { expectProperFailure, share, Tally } from './verdict.ts';

const mostRequests = 40;

/** The real SDK with replies from the test. */
function storeOn(seed: number, count: number): KeyVaultCredentialStore {
  let requests = 0;
  const httpClient: HttpClient = {
    sendRequest: async (request): Promise<PipelineResponse> => {
      requests += 1;
      if (requests > mostRequests) throw new Error('enough');
      if (new URL(request.url).origin !== 'https://vault.example')
        throw new Error(`a token was sent to ${request.url}`);
      const genuine = keyVaultReplies[(seed + requests) % keyVaultReplies.length] ?? { status: 200, body: {} };
      const { status, headers, body } = damaged(genuine, seed + requests * 7_919, count);
      return { request, status, headers: createHttpHeaders(headers), bodyAsText: body };
    },
  };
  const identity = { getToken: async () => ({ token: 'identity-token', expiresOnTimestamp: Date.now() + 3_600_000 }) };
  const client = new SecretClient('https://vault.example', identity, {
    httpClient,
    disableChallengeResourceVerification: true,
    retryOptions: { maxRetries: 0 },
  });
  return new KeyVaultCredentialStore(client);
}

test('any reply of Key Vault gives a complete credential or a BrokerError', { timeout: 600_000 }, async () => {
  const tally = new Tally();
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.integer({ min: 0, max: 4 }), fc.nat(5), async (seed, count, kind) => {
      const store = storeOn(seed, count);
      try {
        if (kind === 0) {
          const { client, refreshToken } = await store.load('default');
          if (typeof client.clientId !== 'string' || client.version === '') throw new Error('half a credential');
          if (refreshToken !== undefined && refreshToken.secret.reveal() === '') throw new Error('an empty token');
        } else if (kind === 1) await store.loadRefreshTokenVersion('default', '4387');
        else if (kind === 2) await store.listRefreshTokenVersions('default');
        else if (kind === 3) await store.saveRefreshToken('default', refreshTokenOf('new', Date.UTC(2026, 10, 24)));
        else if (kind === 4) await store.loadClientCredentialVersion('default', '4387');
        else await store.listApplications();
        tally.usable += 1;
      } catch (thrown) {
        expectProperFailure(thrown);
        tally.failed += 1;
      }
    }),
    share(0.04),
  );
  console.log(tally.summary('replies of Key Vault, through its SDK'));
  expect(Math.min(tally.usable, tally.failed)).toBeGreaterThan(10);
});
