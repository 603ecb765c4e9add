import * as msal from '@azure/msal-node';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { judgeTokenReply, type TokenReply } from '../../src/lib/microsoft/token-reply.ts';
import { createMsalRedeemer } from '../../src/lib/microsoft/redeemer.ts';
import { errorTable } from '../../src/lib/core/errors.ts';
import type { TenantId } from '../../src/lib/core/identifiers.ts';
import { createLogger } from '../../src/lib/core/log.ts';
import { Secret } from '../../src/lib/core/secrets.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { clientSecret, entraReplies, refreshToken, tenantId } from './genuine.ts';
import { damaged, type RawReply } from './mutate.ts';
import { expectNoSecret, share, Tally } from './verdict.ts';

const nowMs = Date.UTC(2026, 10, 24);
const damage = fc.record({
  genuine: fc.nat(entraReplies.length - 1),
  seed: fc.nat(),
  count: fc.integer({ min: 0, max: 6 }),
});
const replyOf = ({ genuine, seed, count }: { genuine: number; seed: number; count: number }): RawReply =>
  damaged(entraReplies[genuine] ?? { status: 200, body: {} }, seed, count);

function expectProperVerdict(verdict: TokenReply, tally: Tally): void {
  tally[verdict.ok ? 'usable' : 'failed'] += 1;
  createLogger((_level, line) => expectNoSecret('the log', line)).log(
    'info',
    'fuzz',
    verdict.ok ? { scopes: verdict.token.scopes.join(' ').slice(0, 100) } : verdict.failure.logFields,
  );
  if (verdict.ok) {
    const { accessToken, expiresAtMs } = verdict.token;
    if (accessToken.reveal() === '' || !(expiresAtMs > nowMs) || !(expiresAtMs < nowMs + 32 * 86_400_000))
      throw new Error('a token of no use counts as one');
    return;
  }
  const { code, detail, retryAfterSeconds } = verdict.failure;
  if (!Object.hasOwn(errorTable, code) || code === 'internal') throw new Error(`the code ${code} is no verdict`);
  if (retryAfterSeconds !== undefined && !(retryAfterSeconds >= 0 && retryAfterSeconds <= 3_600))
    throw new Error(`a wait of ${retryAfterSeconds} s cannot be kept`);
  expectNoSecret('the detail', detail);
}

describe('any reply of Entra', () => {
  test('is judged without leaking a secret', { timeout: 600_000 }, () => {
    const tally = new Tally();
    fc.assert(
      fc.property(damage, (chosen) => {
        const { status, headers, body } = replyOf(chosen);
        expectProperVerdict(judgeTokenReply({ status, headers: new Headers(headers), body }, nowMs), tally);
      }),
      share(0.68),
    );
    console.log(tally.summary('replies of Entra, judged'));
    expect(Math.min(tally.usable, tally.failed)).toBeGreaterThan(100);
  });

  test('ends a redemption through MSAL after one request', {
    timeout: 600_000,
  }, async () => {
    const clock = new FakeClock(nowMs);
    const tally = new Tally();
    await fc.assert(
      fc.asyncProperty(damage, fc.constantFrom('delegated' as const, 'application' as const), async (chosen, kind) => {
        const { status, headers, body } = replyOf(chosen);
        let requests = 0;
        const fetch = async (): Promise<Response> => {
          requests += 1;
          return new Response(status === 204 ? null : body, { status, headers });
        };
        const redeemer = createMsalRedeemer(
          { fetch, clock, loadMsal: async () => msal, federatedAssertion: async () => 'assertion' },
          'https://login.microsoftonline.com',
        );
        const verdict = await redeemer.redeem({
          tenantId: tenantId as TenantId,
          resourceIdentifier: 'https://graph.microsoft.com',
          clientId: '11111111-1111-4111-8111-111111111111',
          clientCredential: { kind: 'secret', secret: new Secret(clientSecret) },
          grant: kind === 'delegated' ? { kind, refreshToken: new Secret(refreshToken) } : { kind },
          correlationId: '00000000-0000-4000-8000-000000000001',
        });
        expectProperVerdict(verdict, tally);
        // The redeemer must check the tenant of the token.
        if (verdict.ok && verdict.token.claims.tenantId !== undefined && verdict.token.claims.tenantId !== tenantId)
          throw new Error('a token of another tenant was taken');
        if (requests !== 1) throw new Error(`${requests} requests were sent`);
      }),
      share(0.02),
    );
    console.log(tally.summary('replies of Entra, through MSAL'));
    expect(Math.min(tally.usable, tally.failed)).toBeGreaterThan(10);
  });
});
