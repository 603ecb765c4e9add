import { beforeEach, expect, test } from 'vitest';
import type { TokenBroker } from '../../../../src/lib/broker/broker.ts';
import type { FakeClock } from '../../../fakes/fake-clock.ts';
import { aadstsFailure, type FakeRedeemer, failureReply } from '../../../fakes/fake-redeemer.ts';
import type { recordingLogger } from '../../../fakes/recording-logger.ts';
import { request, startBroker } from './stage.ts';

let clock: FakeClock;
let redeemer: FakeRedeemer;
let broker: TokenBroker;
let logged: ReturnType<typeof recordingLogger>;

beforeEach(async () => {
  ({ clock, redeemer, logged, broker } = await startBroker());
});

const newer = async (): Promise<string | undefined> => (await broker.getNewerToken(request(1)))?.secret.reveal();
const kept = async (): Promise<string> => (await broker.getToken(request(1))).secret.reveal();

test('a newer token takes the place of the kept one, three minutes after that was had', async () => {
  expect(await kept()).toBe('token-1');
  await clock.advance(179_999);
  expect(await newer()).toBeUndefined();
  await clock.advance(1);
  expect(await newer()).toBe('token-2');
  expect(await newer()).toBeUndefined();
  expect(await kept()).toBe('token-2');
  expect(redeemer.sent).toHaveLength(2);
});

test('a newer token is counted as what it is: one answer, and not from the cache', async () => {
  await kept();
  await clock.advance(180_000);
  await kept();
  expect(broker.counts).toEqual({ issued: 2, fromCache: 1 });
  await newer();
  expect(broker.counts).toEqual({ issued: 2, fromCache: 0 });
});

test('all who ask for a newer token at one time get the same', async () => {
  await kept();
  await clock.advance(180_000);
  redeemer.delayMs = 10;
  const asked = [newer(), newer()];
  await clock.advance(10);
  expect(await Promise.all(asked)).toEqual(['token-2', 'token-2']);
});

test('where Entra gives none the kept token stays, and Entra is not asked again for three minutes', async () => {
  await kept();
  await clock.advance(180_000);
  redeemer.script = () => aadstsFailure(53003);
  for (let times = 0; times < 3; times += 1) expect(await newer()).toBeUndefined();
  // The request and its canary.
  expect(redeemer.sent).toHaveLength(3);
  expect(logged.events()).toContain('token.renewal_failed');
  expect(await kept()).toBe('token-1');
});

test('a stumbling Entra is not asked again for three minutes either', async () => {
  await kept();
  await clock.advance(180_000);
  redeemer.script = () => failureReply();
  const waiting = newer();
  await clock.advance(10_000);
  expect(await waiting).toBeUndefined();
  // Three times in all; that it stumbled is remembered for five seconds only.
  expect(redeemer.sent).toHaveLength(4);
  await clock.advance(10_000);
  expect(await newer()).toBeUndefined();
  expect(redeemer.sent).toHaveLength(4);
});

test('a wait that Entra asks for is kept for newer tokens as well', async () => {
  await kept();
  await clock.advance(3_600_000 - 301_000);
  redeemer.script = () => failureReply({ code: 'throttled', retryAfterSeconds: 200 });
  // A renewal in the background is refused.
  await broker.getToken(request(1, { minimumLifetimeSeconds: 0 }));
  await clock.advance(1_000);
  expect(await newer()).toBeUndefined();
  expect(redeemer.sent).toHaveLength(2);
});

test('a hanging Entra is waited for ten seconds: the kept token is good', async () => {
  await kept();
  await clock.advance(180_000);
  redeemer.delayMs = 3_600_000;
  const waiting = newer();
  await clock.advance(10_000);
  expect(await waiting).toBeUndefined();
  expect(redeemer.inFlight).toBe(0);
});
