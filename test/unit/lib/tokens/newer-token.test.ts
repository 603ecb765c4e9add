import { beforeEach, expect, test } from 'vitest';
import type { TokenBroker } from '../../../../src/lib/tokens/broker.ts';
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

const getNewer = async (): Promise<string | undefined> => (await broker.getNewerToken(request(1)))?.secret.reveal();
const getCached = async (): Promise<string> => (await broker.getToken(request(1))).secret.reveal();

test('replaces the cached token from three minutes after its redemption', async () => {
  expect(await getCached()).toBe('token-1');
  await clock.advance(179_999);
  expect(await getNewer()).toBeUndefined();
  await clock.advance(1);
  expect(await getNewer()).toBe('token-2');
  expect(await getNewer()).toBeUndefined();
  expect(await getCached()).toBe('token-2');
  expect(redeemer.sent).toHaveLength(2);
});

test('counts a replaced token once, and not as one from the cache', async () => {
  await getCached();
  await clock.advance(180_000);
  await getCached();
  expect(broker.counts).toEqual({ issued: 2, fromCache: 1 });
  await getNewer();
  expect(broker.counts).toEqual({ issued: 2, fromCache: 0 });
});

test('shares one redemption between concurrent requests for a newer token', async () => {
  await getCached();
  await clock.advance(180_000);
  redeemer.delayMs = 10;
  const tokens = [getNewer(), getNewer()];
  await clock.advance(10);
  expect(await Promise.all(tokens)).toEqual(['token-2', 'token-2']);
});

test('keeps the cached token and sends nothing for three minutes when Entra refuses a newer one', async () => {
  await getCached();
  await clock.advance(180_000);
  redeemer.script = () => aadstsFailure(53003);
  for (let times = 0; times < 3; times += 1) expect(await getNewer()).toBeUndefined();
  // The request and its canary.
  expect(redeemer.sent).toHaveLength(3);
  expect(logged.events()).toContain('token.renewal_failed');
  expect(await getCached()).toBe('token-1');
});

test('sends nothing for three minutes after Entra was unavailable', async () => {
  await getCached();
  await clock.advance(180_000);
  redeemer.script = () => failureReply();
  const waiting = getNewer();
  await clock.advance(10_000);
  expect(await waiting).toBeUndefined();
  // The first token and three attempts. The failure itself is cached for five seconds only.
  expect(redeemer.sent).toHaveLength(4);
  await clock.advance(10_000);
  expect(await getNewer()).toBeUndefined();
  expect(redeemer.sent).toHaveLength(4);
});

test('sends nothing before a Retry-After has passed', async () => {
  await getCached();
  await clock.advance(3_600_000 - 301_000);
  redeemer.script = () => failureReply({ code: 'throttled', retryAfterSeconds: 200 });
  // The renewal in the background is throttled.
  await broker.getToken(request(1, { minimumLifetimeSeconds: 0 }));
  await clock.advance(1_000);
  expect(await getNewer()).toBeUndefined();
  expect(redeemer.sent).toHaveLength(2);
});

test('gives up after ten seconds when Entra does not answer', async () => {
  await getCached();
  await clock.advance(180_000);
  redeemer.delayMs = 3_600_000;
  const waiting = getNewer();
  await clock.advance(10_000);
  expect(await waiting).toBeUndefined();
  expect(redeemer.inFlight).toBe(0);
});
