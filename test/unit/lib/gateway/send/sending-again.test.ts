import { describe, expect, it } from 'vitest';
import { addressIn } from '../../../../../src/lib/gateway/send/send.ts';
import { OutboundError } from '../../../../../src/lib/core/outbound.ts';
import { bytes, json, stage, usersRule } from './stage.ts';

const headers = { 'content-type': 'application/json' };
const busy = (more: Readonly<Record<string, string>> = {}) =>
  json({}, { status: 503, headers: { ...headers, ...more } });
const away = () => new OutboundError('network', 'graph.microsoft.com');

/** Sends a request, and returns how many requests have left after each number of milliseconds. */
async function sentAfter(answers: ReturnType<typeof stage>['world']['answers'], ...timesMs: number[]) {
  const { world, clock, send } = stage();
  world.answers.push(...answers);
  const answering = send('/v1.0/users').then(
    ({ status }) => status,
    (error: unknown) => (error as { code: string }).code,
  );
  const counts: number[] = [];
  let nowMs = 0;
  await clock.advance(0);
  for (const timeMs of timesMs) {
    await clock.advance(timeMs - nowMs);
    nowMs = timeMs;
    counts.push(world.sent.length);
  }
  return { counts, outcome: await answering };
}

describe('reading', () => {
  // The fake random number is 0.5, so each pause is the back-off itself: 1, 2 and 4 seconds.
  it('is repeated after 1, 2 and 4 seconds while the resource fails, and then no more', async () => {
    const answers = [busy(), busy(), busy(), busy(), json({})];
    const found = await sentAfter(answers, 0, 999, 1_000, 2_999, 3_000, 6_999, 7_000, 60_000);
    expect(found).toEqual({ counts: [1, 1, 2, 2, 3, 3, 4, 4], outcome: 503 });
  });

  it('is repeated as well if the connection fails', async () => {
    expect(await sentAfter([away(), json({})], 999, 1_000)).toEqual({ counts: [1, 2], outcome: 200 });
    expect(await sentAfter([away(), away(), away(), away()], 60_000)).toEqual({
      counts: [4],
      outcome: 'resource_error',
    });
  });

  it('is not repeated if the resource takes too long or sends too much', async () => {
    for (const failure of ['timeout', 'too_large'] as const)
      expect(await sentAfter([new OutboundError(failure, 'graph.microsoft.com')], 60_000)).toEqual({
        counts: [1],
        outcome: 'resource_error',
      });
  });

  it('is not repeated after a refusal', async () => {
    for (const status of [400, 403, 404]) {
      const found = await sentAfter([json({}, { status })], 60_000);
      expect(found).toEqual({ counts: [1], outcome: status });
    }
  });

  it('waits as long as the resource asks, up to 20 seconds', async () => {
    expect(await sentAfter([busy({ 'retry-after': '20' }), json({})], 20_499, 20_500)).toEqual({
      counts: [1, 2],
      outcome: 200,
    });
    expect(await sentAfter([busy({ 'retry-after': '21' })], 60_000)).toEqual({ counts: [1], outcome: 503 });
  });
});

it('a request has the media type of its body, and none without one', async () => {
  const { world, send } = stage([{ ...usersRule, scopes: ['User.ReadWrite.All'] }]);
  await send('/v1.0/users', { headers: {} });
  await send('/v1.0/users', { method: 'POST', body: bytes({ displayName: 'x' }) });
  expect(world.sent[0]?.headers).not.toHaveProperty('content-type');
  expect(world.sent[1]?.headers).toMatchObject({ 'content-type': 'application/json', accept: 'application/json' });
});

it('the token of a request lives longer than its record may take', async () => {
  const { world, send } = stage();
  await send('/v1.0/users');
  expect(world.tokenRequests[0]?.minimumLifetimeSeconds).toBeGreaterThan(60);
});

it.each([
  ['https://graph.microsoft.com', 'https://graph.microsoft.com/v1.0/users?a=b//c', '/v1.0/users?a=b//c'],
  ['http://127.0.0.1:7000/cloud', 'https://graph.microsoft.com/v1.0/users', '/v1.0/users'],
  ['https://graph.microsoft.com.private', 'https://graph.microsoft.com/v1.0//x', '/v1.0//x'],
])('at %s, the address %s is the path %s', (baseUrl, judged, path) => {
  expect(addressIn(baseUrl, judged)).toBe(`${baseUrl}${path}`);
});
