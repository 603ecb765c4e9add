import { hash } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { type TenantAccount, treeOf } from '../../../src/lib/audit/proof/accounts.ts';
import {
  type AccountProof,
  bucketBytes,
  entryBytes,
  indexText,
  nonceText,
  tagBytes,
  tagInput,
} from '../../../src/lib/audit/proof/layout.ts';
import { seededRandom } from '../../fakes/fake-clock.ts';
import { newIndexKey } from './proof-world.ts';

/*
 * A customer gets an extract each month for a year, and the heads. It knows all ids that a neighbour may have,
 * and chooses two fleets that differ most: its bucket is full of neighbours, or they are touched every month, or there are
 * thousands elsewhere. It learns on some trials which statistic tells them apart, and guesses in others.
 */

const candidates = 100_000;
/** Checkpoints of a year: both bounds of an extract each month. */
const numbers = Array.from({ length: 24 }, (_, at) => 1 + at * 4_380);

type Random = () => number;
const bytesOf = (random: Random, count: number): Buffer =>
  Buffer.from(Uint8Array.from({ length: count }, () => Math.floor(random() * 256)));
const sha = (bytes: Uint8Array | string): Buffer => hash('sha256', bytes, 'buffer');
const idOf = (number: number): string => `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`;
const tagOf = (checkpoint: number, index: Uint8Array): Buffer => sha(tagInput(checkpoint, index)).subarray(0, tagBytes);
const start = (bytes: Buffer, at = 0): number => bytes.readUIntBE(at, 6);

const key = newIndexKey('https://vault.example/keys/audit-index/1');
const signed = async (text: string): Promise<Buffer> => sha(await key.sign('', Buffer.from(text)));

/** Everything that somebody without the key can make of the candidates: also tags of indexes that are hashes of ids. */
function dictionary(): ReadonlySet<number> {
  const known = new Set<number>();
  for (let number = 0; number < candidates; number += 1)
    for (const text of [idOf(number), `customer-${number}.onmicrosoft.com`, indexText(idOf(number))]) {
      const guess = sha(text);
      known.add(start(guess));
      if (text.startsWith('ptb')) for (const checkpoint of numbers) known.add(start(tagOf(checkpoint, guess)));
    }
  return known;
}

interface Seen {
  readonly index: Uint8Array;
  readonly proofs: readonly AccountProof[];
  readonly roots: readonly string[];
}

/** What the customer sees of one fleet in a year. @param isOther whether it is the second of the two fleets. */
async function yearOf(game: number, isOther: boolean, random: Random): Promise<Seen> {
  const own: TenantAccount = {
    index: await signed(indexText(idOf(Math.floor(random() * candidates)))),
    count: 3,
    head: bytesOf(random, 32),
  };
  const near = (count: number): TenantAccount[] =>
    Array.from({ length: count }, () => {
      const index = bytesOf(random, 32);
      own.index.slice(0, 4).forEach((byte, at) => (index[at] = byte));
      return { index, count: 1 + Math.floor(random() * 9), head: bytesOf(random, 32) };
    });
  const far = (count: number): TenantAccount[] =>
    Array.from({ length: count }, () => ({ index: bytesOf(random, 32), count: 1, head: bytesOf(random, 32) }));
  const others = [() => near(isOther ? 15 : 0), () => near(5), () => far(isOther ? 1_000 : 0)][game]?.() ?? [];
  let fleet = [own, ...others];
  const proofs: AccountProof[] = [];
  const roots: string[] = [];
  for (const number of numbers) {
    if (game === 1 && isOther)
      fleet = fleet.map((each) =>
        each === own ? each : { ...each, count: each.count + 1, head: bytesOf(random, 32) },
      );
    const tree = treeOf(number, await signed(nonceText(number, roots.at(-1) ?? null, '')), fleet);
    roots.push(tree.root);
    proofs.push(tree.proof(own.index));
  }
  return { index: own.index, proofs, roots };
}

/** What may tell the fleets apart. Each gives a number. */
function statistics({ index, proofs, roots }: Seen, known: ReadonlySet<number>): Readonly<Record<string, number>> {
  const buckets = proofs.map(({ bucket }) => Buffer.from(bucket, 'base64url'));
  const paths = proofs.map(({ path }) => Buffer.concat(path.map((each) => Buffer.from(each, 'base64url'))));
  const all = Buffer.concat([...buckets, ...paths, ...roots.map((root) => Buffer.from(root, 'base64url'))]);
  const seen = new Map<number, number>();
  let hits = 0;
  for (let at = 0; at + 16 <= all.length; at += 16) {
    const value = start(all, at);
    if (known.has(value)) hits += 1;
    seen.set(value, (seen.get(value) ?? 0) + 1);
  }
  let [ones, steps, kept] = [0, 0, 0];
  const counts = new Uint32Array(256);
  for (const [month, bucket] of buckets.entries())
    for (let at = 0; at < bucketBytes; at += 1) {
      const byte = bucket[at] ?? 0;
      counts[byte] = (counts[byte] ?? 0) + 1;
      for (let bit = 0; bit < 8; bit += 1) ones += (byte >> bit) & 1;
      const before = buckets[month - 1]?.[at];
      if (before === byte) kept += 1;
      if (before !== undefined) steps += Math.abs(byte - before);
    }
  // Its own entry is at a place of the bucket, which neighbours might move.
  const places = buckets.map((bucket, at) => bucket.indexOf(tagOf(numbers[at] ?? 0, index)) / entryBytes);
  return {
    'dictionary hits': hits,
    'bytes that repeat': [...seen.values()].filter((count) => count > 1).length,
    'bits that are set': ones,
    'distance of months': steps,
    'bytes that stay': kept,
    'most frequent byte': Math.max(...counts),
    'squares of bytes': counts.reduce((sum, count) => sum + count * count, 0),
    'size compressed': deflateRawSync(all).length,
    'size of the extracts': JSON.stringify(proofs).length,
    'hashes on the paths': proofs.reduce((sum, { path }) => sum + path.length, 0),
    'first byte of roots': roots.reduce((sum, root) => sum + (Buffer.from(root, 'base64url')[0] ?? 0), 0),
    places: places.reduce((sum, place) => sum + place, 0),
  };
}

export interface Distinguished {
  readonly game: string;
  readonly statistic: string;
  readonly right: number;
  readonly trials: number;
}

const games = ['neighbours in the bucket', 'neighbours touched', 'thousand others'];

/** @param all trials in which the distinguisher guesses, of all games together. It learns in half as many. */
export async function distinguish(all: number, seed: number): Promise<readonly Distinguished[]> {
  const random = seededRandom(seed);
  const known = dictionary();
  const trials = Math.ceil(all / games.length);
  const results: Distinguished[] = [];
  for (const [game, name] of games.entries()) {
    const rows: { readonly isOther: boolean; readonly values: Readonly<Record<string, number>> }[] = [];
    for (let trial = 0; trial < Math.ceil(trials * 1.5); trial += 1) {
      const isOther = random() < 0.5;
      rows.push({ isOther, values: statistics(await yearOf(game, isOther, random), known) });
    }
    const [learned, guessed] = [rows.slice(trials), rows.slice(0, trials)];
    for (const statistic of Object.keys(rows[0]?.values ?? {})) {
      const isOtherAbove = thresholdOf(learned, statistic);
      const right = guessed.filter(({ isOther, values }) => isOtherAbove(values[statistic] ?? 0) === isOther).length;
      results.push({ game: name, statistic, right, trials });
    }
  }
  return results;
}

/** The cut that separates the fleets best in the trials with known answers. */
function thresholdOf(
  rows: readonly { readonly isOther: boolean; readonly values: Readonly<Record<string, number>> }[],
  statistic: string,
): (value: number) => boolean {
  const sorted = rows.toSorted((one, other) => (one.values[statistic] ?? 0) - (other.values[statistic] ?? 0));
  const others = rows.filter(({ isOther }) => isOther).length;
  let best = { right: others, cut: Number.NEGATIVE_INFINITY, isAbove: true };
  let below = 0;
  for (const [at, { isOther, values }] of sorted.entries()) {
    if (isOther) below += 1;
    const cut = values[statistic] ?? 0;
    if (sorted[at + 1]?.values[statistic] === cut) continue;
    // Those of the other fleet above the cut and those of this one below, or the reverse.
    const right = at + 1 - below + (others - below);
    if (right > best.right) best = { right, cut, isAbove: true };
    if (rows.length - right > best.right) best = { right: rows.length - right, cut, isAbove: false };
  }
  return (value) => value > best.cut === best.isAbove;
}
