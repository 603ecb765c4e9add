/** Damages replies as proxies, gateways, bugs and attackers might. The same seed gives the same damage. */
import type { Random } from '../../src/lib/core/clock.ts';
import { seededRandom } from '../fakes/fake-clock.ts';

export interface RawReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A reply as the service sends it. */
export interface GenuineReply {
  readonly status: number;
  readonly body: unknown;
}

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

const pick = <T>(items: readonly T[], random: Random): T => items[Math.floor(random() * items.length)] as T;

const oddValues: readonly (() => Json)[] = [
  () => null,
  () => true,
  () => 0,
  () => -1,
  () => 1e308,
  () => Number.MAX_SAFE_INTEGER,
  () => 0.5,
  () => '',
  () => ' ',
  () => '0',
  () => '-1',
  () => 'NaN',
  () => '\u{D800}',
  () => '\u0000\u001b[31m',
  () => 'A'.repeat(5_000),
  () => '<script>alert(1)</script>',
  () => 'https://attacker.example/v1.0/steal',
  () => '/../../v1.0/x',
  () => '9999-99-99T99:99:99Z',
  () => 'Bearer x',
  () => [],
  () => [null],
  () => ({}),
  () => ({ toString: 'x', constructor: null, length: -1 }),
  () => ({ length: { toString: 1 } }),
  () => JSON.parse('{"__proto__":{"polluted":true}}') as Json,
  () => nested(50),
];

function nested(depth: number): Json {
  let value: Json = 'deep';
  for (let level = 0; level < depth; level += 1) value = level % 2 === 0 ? [value] : { value };
  return value;
}

const statuses = [
  200, 200, 200, 201, 204, 206, 302, 400, 400, 401, 403, 404, 408, 409, 418, 429, 429, 500, 502, 503, 504, 599,
];

const retryAfters = ['0', '1', '30', '-5', '1e9', '999999999', 'soon', '', 'Tue, 24 Nov 2026 00:00:30 GMT', '∞', '1,2'];

const wholeBodies: readonly string[] = [
  '',
  ' ',
  'null',
  '[]',
  '{}',
  '"text"',
  '0',
  'Too Many Requests',
  '<!DOCTYPE html><html><body>503</body></html>',
  '{"error":',
  '\uFEFF{}',
  '['.repeat(20_000),
  '{"a":'.repeat(3_000),
  '\u0000',
  `{"access_token":"${'x'.repeat(100_000)}"}`,
];

/** Applies `count` random changes to a genuine reply. */
export function damaged(genuine: GenuineReply, seed: number, count: number): RawReply {
  const random = seededRandom(seed);
  let value = structuredClone(genuine.body) as Json;
  let { status } = genuine;
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  const onText: ((text: string) => string)[] = [];
  for (let piece = 0; piece < count; piece += 1) {
    const dice = random();
    if (dice < 0.55) value = hurtValue(value, random);
    else if (dice < 0.7) status = pick(statuses, random);
    else if (dice < 0.8) headers['retry-after'] = asHeader(pick(retryAfters, random));
    else if (dice < 0.84)
      headers['content-type'] = pick(['text/html', 'text/plain', '', 'application/json; charset=x'], random);
    else onText.push(hurtText(random));
  }
  const body = onText.reduce((text, hurt) => hurt(text), JSON.stringify(value) ?? '');
  return { status, headers, body };
}

// Header values are bytes, so other characters cannot be sent.
const asHeader = (text: string): string => text.replaceAll(/[^\x20-\x7e]/g, '?');

function hurtText(random: Random): (text: string) => string {
  const place = random();
  const whole = pick(wholeBodies, random);
  const character = String.fromCharCode(Math.floor(random() * 256));
  return pick<(text: string) => string>(
    [
      (text) => text.slice(0, Math.floor(text.length * place)),
      (text) =>
        text.slice(0, Math.floor(text.length * place)) + character + text.slice(Math.floor(text.length * place) + 1),
      (text) => text + text,
      (text) => `\uFEFF${text}`,
      (text) => `${text}\u0000`,
      () => whole,
    ],
    random,
  );
}

/** One change somewhere in the tree: a value is replaced, removed, renamed, wrapped or repeated. */
function hurtValue(value: Json, random: Random): Json {
  const places = placesOf(value);
  if (places.length === 0 || random() < 0.05) return pick(oddValues, random)();
  const { holder, name } = pick(places, random);
  if (Array.isArray(holder)) {
    const index = Number(name);
    const item = holder[index] ?? null;
    const dice = random();
    if (dice < 0.3) holder.splice(index, 1);
    else if (dice < 0.6) holder.splice(index, 0, structuredClone(item));
    else holder[index] = pick(oddValues, random)();
    return value;
  }
  const dice = random();
  if (dice < 0.25) delete holder[name];
  else if (dice < 0.35) holder[name] = [holder[name] ?? null];
  else if (dice < 0.45) {
    holder[`${name}_`] = holder[name] ?? null;
    delete holder[name];
  } else if (dice < 0.55) holder[name] = JSON.stringify(holder[name]) ?? '';
  else holder[name] = pick(oddValues, random)();
  return value;
}

interface Place {
  readonly holder: Json[] | { [name: string]: Json };
  readonly name: string;
}

function placesOf(value: Json, places: Place[] = []): Place[] {
  if (typeof value !== 'object' || value === null || places.length > 500) return places;
  for (const name of Object.keys(value)) {
    places.push({ holder: value, name });
    placesOf(Array.isArray(value) ? (value[Number(name)] ?? null) : (value[name] ?? null), places);
  }
  return places;
}
