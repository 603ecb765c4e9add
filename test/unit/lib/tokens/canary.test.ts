import { beforeEach, describe, expect, it } from 'vitest';
import { Canary } from '../../../../src/lib/tokens/canary.ts';
import type { EntraFailure, TokenReply } from '../../../../src/lib/microsoft/token-reply.ts';
import { type Credential, Secret } from '../../../../src/lib/core/secrets.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { aadstsFailure, FakeRedeemer, failureReply } from '../../../fakes/fake-redeemer.ts';
import { graph, partner, request } from './stage.ts';

const credential = (version: string): Credential => ({
  application: 'default',
  client: {
    clientId: 'client',
    tenantId: partner,
    credential: { kind: 'secret', secret: new Secret('s') },
    version: 'c1',
  },
  refreshToken: { secret: new Secret('r'), version, issuedAtMs: 0 } as unknown as Credential['refreshToken'],
});
const failureOf = (reply: TokenReply): EntraFailure => {
  if (reply.ok) throw new Error('not a failure');
  return reply.failure;
};
/** 53003 may concern one tenant only; 700082 names the credential. */
const ambiguous = failureOf(aadstsFailure(53_003));
const ofCredential = failureOf(aadstsFailure(700_082));

let clock: FakeClock;
let redeemer: FakeRedeemer;
let canary: Canary;
beforeEach(() => {
  clock = new FakeClock();
  redeemer = new FakeRedeemer(clock);
  canary = new Canary({ redeemer, clock }, { partnerTenantId: partner, canaryResource: graph.identifier });
});
const check = (failure = ambiguous, version = 'r1', more = {}): Promise<EntraFailure | undefined> =>
  canary.check({ ...request(1, more), resourceIdentifier: graph.identifier }, credential(version), failure);

describe('Canary', () => {
  it('redeems the credential for the partner itself and its own resource', async () => {
    expect(await check()).toBeUndefined();
    expect(redeemer.sent).toMatchObject([{ tenantId: partner, resourceIdentifier: graph.identifier }]);
  });

  it('counts a success for five seconds, for failures that may concern one tenant', async () => {
    await check();
    await clock.advance(4_999);
    await check();
    expect(redeemer.sent).toHaveLength(1);
    await clock.advance(1);
    await check();
    expect(redeemer.sent).toHaveLength(2);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['a failure that names the credential', () => check(ofCredential)],
    ['another version of the credential', () => check(ambiguous, 'r2')],
    ['another grant', () => check(ambiguous, 'r1', { grant: 'application' })],
    ['another application', () => check(ambiguous, 'r1', { application: 'reader' })],
  ])('counts no earlier success for %s', async (_, again) => {
    await check();
    await again();
    expect(redeemer.sent).toHaveLength(2);
  });

  it.each([
    [undefined, 2_000],
    [1, 2_000],
    [60, 60_000],
  ])('after a transient failure with Retry-After %s asks again after %i ms', async (retryAfterSeconds, waitMs) => {
    redeemer.script = () => failureReply({ retryAfterSeconds });
    expect((await check())?.detail).toBe('Entra stumbled.');
    redeemer.script = () => undefined;
    await clock.advance(waitMs - 1);
    expect((await check(ofCredential))?.detail).toBe('Entra stumbled.');
    expect(redeemer.sent).toHaveLength(1);
    await clock.advance(1);
    expect(await check(ofCredential)).toBeUndefined();
    expect(redeemer.sent).toHaveLength(2);
  });

  it('asks again at once after a failure that is not transient', async () => {
    redeemer.script = () => aadstsFailure(700_082);
    expect(await check()).toMatchObject({ logFields: { aadsts: 700_082 } });
    expect(await check()).toMatchObject({ logFields: { aadsts: 700_082 } });
    expect(redeemer.sent).toHaveLength(2);
  });

  it('sends one request for checks at the same time', async () => {
    redeemer.delayMs = 100;
    const checks = Promise.all([check(), check(ofCredential)]);
    await clock.advance(100);
    expect(await checks).toEqual([undefined, undefined]);
    expect(redeemer.sent).toHaveLength(1);
  });
});
