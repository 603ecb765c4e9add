import { beforeAll, expect, it } from 'vitest';
import { createSigningKeys, type SigningKeys } from '../../../../../src/lib/access/sign-in/signing-keys.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';
import { recordingLogger } from '../../../../fakes/recording-logger.ts';
import { tenant } from '../../../../support/audit-entries.ts';
import { homeTenant, KeyServer, newSigningKey, type SigningKey } from '../../../../support/token-forge.ts';

let first: SigningKey;
let second: SigningKey;
beforeAll(() => {
  first = newSigningKey('first');
  second = newSigningKey('second');
});

function start(...served: SigningKey[]) {
  const clock = new FakeClock();
  const server = new KeyServer(...served);
  const recorded = recordingLogger();
  const settings = { url: 'https://login.example.test/keys', tenantId: homeTenant };
  const keys = createSigningKeys({ fetch: server.fetch, clock, log: recorded.log }, settings);
  return { clock, server, recorded, keys };
}

const outcome = async (keys: SigningKeys, keyId: string): Promise<string> => {
  try {
    return (await keys.find(keyId)) === undefined ? 'unknown' : 'known';
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : 'threw';
  }
};

const minute = 60_000;
const hour = 60 * minute;

it('fetches once for concurrent callers, and not again within the hour', async () => {
  const { keys, server, clock } = start(first);
  expect(await Promise.all(Array.from({ length: 50 }, () => outcome(keys, 'first')))).toEqual(Array(50).fill('known'));
  await clock.advance(59 * minute);
  expect(await outcome(keys, 'first')).toBe('known');
  expect(server.requests).toHaveLength(1);
  await clock.advance(2 * minute);
  expect(await outcome(keys, 'first')).toBe('known');
  expect(server.requests).toHaveLength(2);
});

it('fetches again for an unknown key, so that no caller fails after a key roll-over', async () => {
  const { keys, server, clock } = start(first);
  await keys.find('first');
  server.keys = [first.jwk, second.jwk];
  await clock.advance(31_000);
  expect(await outcome(keys, 'second')).toBe('known');
});

it('sends at most one request in 30 s for made-up key ids', async () => {
  const { keys, server, clock } = start(first);
  for (let number = 0; number < 1000; number += 1) expect(await outcome(keys, `made-up-${number}`)).toBe('unknown');
  expect(server.requests).toHaveLength(1);
  await clock.advance(30_000);
  for (let number = 0; number < 1000; number += 1) await outcome(keys, `made-up-${number}`);
  expect(server.requests).toHaveLength(2);
  expect(await outcome(keys, 'first')).toBe('known');
});

it('does not fetch again for a known key after a fetch for an unknown one has failed', async () => {
  const { keys, server, clock } = start(first);
  await keys.find('first');
  await clock.advance(60_000);
  server.instead = () => Promise.resolve(new Response('', { status: 503 }));
  expect(await outcome(keys, 'made-up')).toBe('entra_unavailable');
  expect(server.requests).toHaveLength(2);
  await clock.advance(31_000);
  expect(await outcome(keys, 'first')).toBe('known');
  expect(server.requests).toHaveLength(2);
});

it('returns a known key at once while another caller waits for an unknown one', async () => {
  const { keys, server, clock } = start(first);
  await keys.find('first');
  await clock.advance(30_000);
  const { promise, resolve } = Promise.withResolvers<Response>();
  server.instead = () => promise;
  const unknown = outcome(keys, 'made-up');
  expect(await outcome(keys, 'first')).toBe('known');
  resolve(Response.json({ keys: [first.jwk] }));
  expect(await unknown).toBe('unknown');
});

it('returns a known key after a second while Entra does not answer the hourly fetch', async () => {
  const { keys, server, clock } = start(first);
  await keys.find('first');
  await clock.advance(hour);
  const { promise, resolve } = Promise.withResolvers<Response>();
  server.instead = () => promise;
  let found = 'waiting';
  const known = outcome(keys, 'first').then((text) => (found = text));
  await clock.advance(999);
  expect(found).toBe('waiting');
  await clock.advance(1);
  expect(found).toBe('known');
  // Later callers do not wait at all, also not after a stranger sent an unknown key id.
  const stranger = outcome(keys, 'made-up');
  expect(await outcome(keys, 'first')).toBe('known');
  expect(server.requests).toHaveLength(2);
  resolve(Response.json({ keys: [first.jwk] }));
  expect([await known, await stranger]).toEqual(['known', 'unknown']);
});

it('fetches again after the clock was set back by more than an hour', async () => {
  const { keys, server, clock } = start(first);
  await keys.find('first');
  await clock.advance(-2 * hour);
  server.keys = [second.jwk];
  expect(await outcome(keys, 'first')).toBe('unknown');
});

it('forgets a key that Entra no longer publishes', async () => {
  const { keys, server, clock } = start(first, second);
  expect(await outcome(keys, 'second')).toBe('known');
  server.keys = [first.jwk];
  await clock.advance(hour);
  expect(await outcome(keys, 'second')).toBe('unknown');
});

it('uses known keys for a day while Entra does not answer, then none', async () => {
  const { keys, server, clock, recorded } = start(first);
  await keys.find('first');
  server.instead = () => Promise.reject(new TypeError('fetch failed'));
  await clock.advance(23 * hour);
  expect(await outcome(keys, 'first')).toBe('known');
  expect(await outcome(keys, 'other')).toBe('entra_unavailable');
  await clock.advance(hour);
  expect(await outcome(keys, 'first')).toBe('entra_unavailable');
  expect(recorded.events()).toContain('caller.keys_unavailable');
  server.instead = undefined;
  await clock.advance(30_000);
  expect(await outcome(keys, 'first')).toBe('known');
});

it('waits 30 s after a failure before it fetches again', async () => {
  const { keys, server, clock } = start(first);
  server.instead = () => Promise.resolve(new Response('busy', { status: 503 }));
  for (let number = 0; number < 20; number += 1) expect(await outcome(keys, 'first')).toBe('entra_unavailable');
  expect(server.requests).toHaveLength(1);
  server.instead = undefined;
  await clock.advance(29_999);
  expect(await outcome(keys, 'first')).toBe('entra_unavailable');
  await clock.advance(1);
  expect(await outcome(keys, 'first')).toBe('known');
});

it('passes on how long Entra asks to wait, and warns with the status', async () => {
  const { keys, server, recorded } = start(first);
  server.instead = () => Promise.resolve(new Response('busy', { status: 429, headers: { 'retry-after': '17' } }));
  await expect(keys.find('first')).rejects.toMatchObject({ code: 'entra_unavailable', retryAfterSeconds: 17 });
  expect(recorded.lines.map(({ level }) => level)).toEqual(['warn']);
  expect(JSON.parse(recorded.lines[0]?.line ?? '')).toMatchObject({ event: 'caller.keys_unavailable', status: 429 });
});

it.each([
  ['HTML', () => new Response('<html>', { status: 200 })],
  ['no keys', () => Response.json({ keys: [] })],
  ['cut JSON', () => new Response('{"keys":[{"kty":"RS', { status: 200 })],
  ['a redirect', () => new Response(null, { status: 302, headers: { location: 'https://evil.test' } })],
  ['10 MB', () => new Response('x'.repeat(10_000_000), { status: 200 })],
  ['an error with JSON', () => Response.json({ keys: [first.jwk] }, { status: 500 })],
])('throws entra_unavailable for a reply with %s', async (_name, reply) => {
  const { keys, server } = start(first);
  server.instead = () => Promise.resolve(reply());
  expect(await outcome(keys, 'first')).toBe('entra_unavailable');
});

it('ignores keys that are not for RS256 signatures or not for this tenant', async () => {
  const { keys, server } = start();
  const short = newSigningKey('short', 1024);
  server.keys = [
    { ...first.jwk, kid: 'encryption', use: 'enc' },
    { ...first.jwk, kid: 'consumers', issuer: 'https://login.example.test/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0' },
    { ...first.jwk, kid: 'other-tenant', issuer: `https://login.example.test/${tenant(9)}/v2.0` },
    { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', kid: 'curve' },
    { kty: 'oct', k: 'c2VjcmV0', kid: 'symmetric' },
    short.jwk,
    { ...first.jwk, kid: 'any-tenant', issuer: 'https://login.example.test/{tenantid}/v2.0' },
    { ...first.jwk, kid: 'this-tenant', issuer: `https://login.example.test/${homeTenant}/v2.0` },
    first.jwk,
  ];
  const found = await Promise.all(
    [
      'encryption',
      'consumers',
      'other-tenant',
      'curve',
      'symmetric',
      'short',
      'any-tenant',
      'this-tenant',
      'first',
    ].map(async (keyId) => `${keyId}: ${await outcome(keys, keyId)}`),
  );
  expect(found).toEqual([
    'encryption: unknown',
    'consumers: unknown',
    'other-tenant: unknown',
    'curve: unknown',
    'symmetric: unknown',
    'short: unknown',
    'any-tenant: known',
    'this-tenant: known',
    'first: known',
  ]);
});
