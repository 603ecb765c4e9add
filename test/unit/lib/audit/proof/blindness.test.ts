import { hash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type TenantAccount, treeOf } from '../../../../../src/lib/audit/proof/accounts.ts';
import { type AccountProof, tagInput, type TreeHead } from '../../../../../src/lib/audit/proof/layout.ts';
import { seededRandom } from '../../../../fakes/fake-clock.ts';
import { calm, ProofWorld, textsOf } from '../../../../campaigns/proof/proof-world.ts';

const minute = 60_000;
const random = seededRandom(11);
const bytes = (count: number): Uint8Array => Uint8Array.from({ length: count }, () => Math.floor(random() * 256));
const account = (index = bytes(32)): TenantAccount => ({ index, count: 1 + Math.floor(random() * 9), head: bytes(32) });
const shape = (proof: AccountProof): string =>
  JSON.stringify(proof, (_key, value) => (typeof value === 'string' ? value.length : value));
/** All bytes of others that an extract shows of one tree: the entries of the bucket but its own, and the path. */
const seen = ({ bucket, path }: AccountProof): Buffer =>
  Buffer.concat([Buffer.from(bucket, 'base64url'), ...path.map((each) => Buffer.from(each, 'base64url'))]);

describe('the tree of tenants', () => {
  it('has the same shape for one tenant and for thousands', () => {
    const own = { ...account(), count: 7 };
    const alone = treeOf(9, bytes(32), [own]).proof(own.index);
    const one = treeOf(9, bytes(32), [own, account()]).proof(own.index);
    const many = treeOf(9, bytes(32), [own, ...Array.from({ length: 5_000 }, () => account())]).proof(own.index);
    expect(shape(one)).toBe(shape(alone));
    expect(shape(many)).toBe(shape(alone));
    expect(shape(treeOf(9, bytes(32), []).proof(own.index))).toBe(shape({ ...alone, account: undefined } as never));
  });

  it('shows of an unchanged neighbour in the same bucket what it shows of a changed one', () => {
    const own = account();
    /** Leads to the same bucket. */
    const neighbour = account(Uint8Array.from([...own.index.subarray(0, 4), ...bytes(28)]));
    let [same, other] = [0, 0];
    for (let trial = 0; trial < 200; trial += 1) {
      const first = seen(treeOf(trial * 2, bytes(32), [own, neighbour]).proof(own.index));
      const isChanged = trial % 2 === 1;
      const later = isChanged ? { ...neighbour, count: neighbour.count + 1, head: bytes(32) } : neighbour;
      const second = seen(treeOf(trial * 2 + 1, bytes(32), [own, later]).proof(own.index));
      let equal = 0;
      for (let at = 0; at + 16 <= first.length; at += 16) if (second.includes(first.subarray(at, at + 16))) equal += 1;
      if (isChanged) other += equal;
      else same += equal;
    }
    expect([same, other]).toEqual([0, 0]);
  });

  it('lets nobody who chooses the fleet tell from its bytes whether neighbours are there', () => {
    const own = account();
    const others = Array.from({ length: 15 }, () =>
      account(Uint8Array.from([...own.index.subarray(0, 4), ...bytes(28)])),
    );
    /** What a distinguisher may count: how often each bit of each place is set. */
    const ones = [0, 1].map(() => new Uint16Array(32_000));
    const trials = 300;
    let size = 0;
    for (let trial = 0; trial < 2 * trials; trial += 1) {
      const fleet = trial % 2 === 1 ? [own, ...others] : [own];
      const shown = seen(treeOf(trial, bytes(32), fleet).proof(own.index));
      size = shown.length * 8;
      const counts = ones[trial % 2] ?? new Uint16Array();
      for (let bit = 0; bit < size; bit += 1)
        counts[bit] = (counts[bit] ?? 0) + (((shown[bit >> 3] ?? 0) >> (bit & 7)) & 1);
    }
    // Each count is of a fair coin, so the difference of two is within six standard deviations at every place.
    const limit = 6 * Math.sqrt(trials / 2);
    const told = Array.from({ length: size }, (_, bit) => Math.abs((ones[0]?.[bit] ?? 0) - (ones[1]?.[bit] ?? 0)));
    expect(size).toBeGreaterThan(6_000);
    expect(Math.max(...told)).toBeLessThan(limit);
    expect(told.reduce((sum, each) => sum + each, 0) / size).toBeGreaterThan(1);
  });

  it('puts the entry of a tenant at any place of its bucket, whoever else is in it', () => {
    const own = account();
    const others = Array.from({ length: 7 }, () =>
      account(Uint8Array.from([...own.index.subarray(0, 4), ...bytes(28)])),
    );
    const placesOf = (fleet: readonly TenantAccount[]): number[] => {
      const places = Array.from({ length: 16 }, () => 0);
      for (let trial = 0; trial < 400; trial += 1) {
        const secret = bytes(32);
        const bucket = Buffer.from(treeOf(trial, secret, fleet).proof(own.index).bucket, 'base64url');
        const place = [...places.keys()].find((each) =>
          bucket.subarray(each * 48, each * 48 + 16).equals(tagOf(trial, own)),
        );
        places[place ?? 0] = (places[place ?? 0] ?? 0) + 1;
      }
      return places;
    };
    for (const fleet of [[own], [own, ...others]])
      for (const count of placesOf(fleet)) {
        expect(count).toBeGreaterThan(4);
        expect(count).toBeLessThan(60);
      }
  });
});

const tagOf = (checkpoint: number, { index }: TenantAccount): Buffer =>
  hash('sha256', tagInput(checkpoint, index), 'buffer').subarray(0, 16);

describe('the tree of a fleet', () => {
  const own = (world: ProofWorld) => world.tenants[1] ?? ('' as never);
  /** The bytes of each account line of some extracts, in pieces of 16. */
  const piecesOf = async (world: ProofWorld, untils: readonly number[]): Promise<Map<number, Set<string>>> => {
    const pieces = new Map<number, Set<string>>();
    for (const untilMs of untils)
      for (const line of await world.extract(own(world), untilMs - 10 * minute, untilMs)) {
        if (line.type !== 'account') continue;
        const { number } = JSON.parse(Buffer.from(line.jws.split('.')[1] ?? '', 'base64url').toString()) as TreeHead;
        const shown = [line.bucket, ...line.path, line.account?.nonce ?? ''].map((text) =>
          Buffer.from(text, 'base64url'),
        );
        pieces.set(
          number,
          new Set(
            shown.flatMap((bytes) =>
              Array.from({ length: bytes.length / 16 }, (_, at) => bytes.toString('hex', at * 16, at * 16 + 16)),
            ),
          ),
        );
      }
    return pieces;
  };
  const shared = (one: ReadonlySet<string>, other: ReadonlySet<string>): number =>
    [...one].filter((piece) => other.has(piece)).length;

  it('shows other bytes with each checkpoint, although nobody or only others were touched', async () => {
    const world = new ProofWorld(23, 4, calm);
    world.audit.startInstance();
    await world.run(900);
    world.audit.kill();
    await world.run(1_500);
    const untils = [1, 2, 3].map((at) => world.audit.nowMs - at * 7 * minute);
    const pieces = [...(await piecesOf(world, untils)).values()];
    expect(pieces.length).toBeGreaterThan(3);
    for (const [at, one] of pieces.entries()) {
      expect(one.size).toBeGreaterThan(50);
      for (const other of pieces.slice(at + 1)) expect(shared(one, other)).toBe(0);
    }
  });

  it('shows other bytes with a checkpoint whose number comes again after a restore', async () => {
    const world = new ProofWorld(24, 4, calm);
    world.audit.startInstance();
    await world.run(900);
    world.audit.kill();
    const backup = world.audit.checkpoints.slice();
    const written = async (minutes: number): Promise<ReadonlySet<string>> => {
      world.audit.checkpoints.splice(0, Number.POSITIVE_INFINITY, ...backup);
      world.tree = world.newTree();
      world.audit.nowMs += minutes * minute;
      await world.audit.write(world.tree);
      const pieces = await piecesOf(world, [world.audit.nowMs]);
      return pieces.get(backup.length + 1) ?? new Set();
    };
    const [one, other] = [await written(12), await written(1)];
    expect(one.size).toBeGreaterThan(50);
    expect(other.size).toBe(one.size);
    // The tag of the tenant itself.
    expect(shared(one, other)).toBe(1);
  });
});

it('shows in an extract neither the chains of instances nor how many records others have', async () => {
  const world = new ProofWorld(21, 4, calm);
  for (let started = 0; started < 3; started += 1) world.audit.startInstance();
  await world.run(1_500);
  const lines = textsOf(await world.extract(world.tenants[1] ?? ('' as never), 0, world.audit.nowMs - 10 * minute));
  const chains = new Set([...world.audit.stored.values()].map((row) => String(row['chain']).slice(0, 36)));
  expect(chains.size).toBeGreaterThan(2);
  const text = lines.join('\n');
  const payloads = [...text.matchAll(/[\w-]+\.([\w-]{20,})\.[\w-]+/g)].map(([, part = '']) =>
    Buffer.from(part, 'base64url').toString(),
  );
  expect(payloads.filter((each) => each.includes('"root"')).length).toBeGreaterThan(0);
  for (const chain of chains) expect([text, ...payloads].some((each) => each.includes(chain))).toBe(false);
  const others = world.tenants.slice(2);
  for (const other of others) expect([text, ...payloads].some((each) => each.includes(other))).toBe(false);
  for (const payload of payloads) expect(Object.keys(JSON.parse(payload) as object)).not.toContain('chains');
});
