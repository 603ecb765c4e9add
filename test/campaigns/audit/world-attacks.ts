import type { StoredRecord } from '../../../src/lib/audit/chain/checkpoint.ts';
import { digest, type Expected, keyAt, payloadOf, pick, placeOf, type Random, type Row, sha, timeOf } from './rows.ts';
import type { AuditWorld, Exported } from './world.ts';

/*
 * Attacks on a running world: rows in the table and lines in the blob, before the next checkpoint. Afterwards the attacker
 * removes what seems not to be missed.
 */

export interface WorldAttack {
  /** Whether several attacks of this kind can follow each other in one world, each with its own finding. */
  readonly canFollow?: true;
  /** @returns what must be found, and what the attacker does to the export; undefined if there is nothing to attack. */
  run(world: AuditWorld, random: Random): Promise<WorldAttacked | undefined>;
}

interface WorldAttacked {
  readonly expected: Expected;
  readonly export?: (exported: Exported) => Exported;
}

const minute = 60_000;
const rowsOf = (world: AuditWorld): StoredRecord[] => [...world.stored.values()];
const bySeq = (one: Row, other: Row): number => placeOf(one).seq - placeOf(other).seq;
const chained = (world: AuditWorld): StoredRecord[] => rowsOf(world).filter((row) => row['chain'] !== undefined);
const chainOf = (world: AuditWorld, chain: string): StoredRecord[] =>
  chained(world)
    .filter((row) => placeOf(row).chain === chain)
    .toSorted(bySeq);
const lastPayload = (world: AuditWorld) => payloadOf(world.checkpoints.at(-1) ?? '');
/** The first place that a checkpoint has read when it named the chain for the first time. Infinite if none has named it. */
const firstOf = (world: AuditWorld, chain: string): number =>
  world.checkpoints.flatMap((jws) => payloadOf(jws).chains).find(({ id }) => id === chain)?.first ??
  Number.POSITIVE_INFINITY;
const link = (chain: string, seq: number, settled: number, previous: string): string =>
  `${chain}.${seq}.${settled}.${previous}`;

/** Whether a row says that the write of a place failed. The record may be there nevertheless, and nobody would miss it. */
const isLost = (row: Row, seq: number): boolean =>
  String(row['chainLost'] ?? '')
    .split(' ')
    .some((range) => {
      const [first, last] = (range.split('.')[0] ?? '').split('-').map(Number);
      return (first ?? Number.NaN) <= seq && seq <= (last ?? Number.NaN);
    });

/** Whether rows say that the record of a place was durable. */
const isToldBy = (rows: readonly Row[], seq: number): boolean =>
  rows.some((each) => placeOf(each).settled >= seq) && !rows.some((each) => isLost(each, seq));

/** A row of the time that the next checkpoint covers, with a later one in its chain that says that it was durable. */
function unsignedRow(world: AuditWorld, random: Random): StoredRecord | undefined {
  const signed = new Map(lastPayload(world).chains.map(({ id, seq }) => [id, seq]));
  const candidates = chained(world).filter((row) => {
    const { chain, seq } = placeOf(row);
    const rest = chainOf(world, chain).filter((each) => placeOf(each).seq > seq);
    return seq > (signed.get(chain) ?? 0) && rest.some((each) => placeOf(each).seq === seq + 1) && isToldBy(rest, seq);
  });
  return pick(random, candidates);
}

const here = (row: Row): Pick<Expected, 'places'> => ({ places: [placeOf(row)] });

/** Lets checkpoints cover what was done. */
const settle = (world: AuditWorld): Promise<void> => world.run(960);

async function moveEnd(world: AuditWorld, random: Random, jump: number): Promise<WorldAttacked | undefined> {
  const live = lastPayload(world).chains.map(({ id }) => id);
  const chain = pick(
    random,
    live.filter((id) => world.isLive(id)),
  );
  const last = chain === undefined ? undefined : chainOf(world, chain).at(-1);
  if (chain === undefined || last === undefined) return undefined;
  const { seq } = placeOf(last);
  const lost = random() < 0.5 ? {} : { chainLost: `${seq + 1}-${seq + jump - 1}.${digest(last)}` };
  const forged = {
    ...last,
    ...keyAt(world.nowMs, random),
    chain: link(chain, seq + jump, random() < 0.5 ? 0 : seq + jump - 1, sha('x')),
    ...lost,
  };
  world.put(forged);
  await world.run(1500);
  const gone = chainOf(world, chain).filter((row) => placeOf(row).seq > seq && row['RowKey'] !== forged.RowKey);
  const toMs = Date.parse(lastPayload(world).to) - 2 * minute;
  // The last ones may not be signed yet. Removed from the end, they may be no more than the newest records.
  const due = gone.filter((row) => timeOf(row) < toMs);
  if (due.length < 20) return undefined;
  for (const row of gone) world.remove(row);
  return {
    expected: {
      kinds: ['removed', 'truncated', 'unproven', 'inserted', 'changed'],
      places: due.map(placeOf),
      isOpen: true,
    },
  };
}

function fakeLine(world: AuditWorld, random: Random): string {
  const real = world.checkpoints.at(-1) ?? '';
  const { purgedBefore: _, ...claims } = payloadOf(real) as unknown as Record<string, unknown>;
  const atMs = Date.parse(lastPayload(world).at);
  const fake = {
    ...claims,
    number: lastPayload(world).number + 1,
    previous: sha('x'),
    purgedBefore: new Date(random() < 0.5 ? Date.UTC(2099) : atMs - 25 * 60 * minute).toISOString(),
    ...(random() < 0.7 ? { chains: [] } : {}),
  };
  return [real.split('.')[0], Buffer.from(JSON.stringify(fake)).toString('base64url'), 'AAAA'].join('.');
}

export const worldAttacks: Readonly<Record<string, WorldAttack>> = {
  'ended chain continued, then removed': {
    async run(world, random) {
      world.kill(0);
      world.startInstance();
      await world.run(420);
      await world.leap(130);
      const named = new Set(lastPayload(world).chains.map(({ id }) => id));
      const forgotten = [...new Set(chained(world).map((row) => placeOf(row).chain))].filter((id) => !named.has(id));
      const chain = pick(random, forgotten);
      const rows = chain === undefined ? [] : chainOf(world, chain);
      const last = rows.at(-1);
      if (chain === undefined || last === undefined) return undefined;
      // Of earlier places only later records tell, and those may be removed as well.
      const firstSigned = firstOf(world, chain);
      const seq = placeOf(last).seq + 1 + Math.floor(random() * 3);
      const lost = random() < 0.5 ? {} : { chainLost: `1-${seq - 1}.` };
      world.put({
        ...last,
        ...keyAt(world.nowMs, random),
        chain: link(chain, seq, 0, random() < 0.5 ? digest(last) : 'A'.repeat(43)),
        ...lost,
      });
      await settle(world);
      const start = Math.floor(random() * rows.length);
      const [kept, gone] = [rows.slice(0, start), rows.slice(start)];
      for (const row of gone) world.remove(row);
      const known = gone.find((row) => placeOf(row).seq >= firstSigned || isToldBy(kept, placeOf(row).seq));
      if (known === undefined) return undefined;
      // The last record of an instance that was killed may not have been signed.
      return { expected: { kinds: ['removed', 'truncated'], places: [placeOf(known)], isOpen: true } };
    },
  },
  'end of a living chain moved a little': {
    run: (world, random) => moveEnd(world, random, 2 + Math.floor(random() * 10)),
  },
  'end of a living chain moved far': {
    run: (world, random) => moveEnd(world, random, 1_000 + Math.floor(random() * 1_000_000)),
  },
  'line appended to the checkpoints': {
    async run(world, random) {
      world.checkpoints.push(fakeLine(world, random));
      const count = world.checkpoints.length;
      await world.run(1260);
      const later = world.checkpoints.slice(count);
      if (later.length < 2) return undefined;
      const expected = { kinds: ['forged', 'removed', 'unproven'], isOpen: true } as const;
      if (random() < 0.3) return { expected };
      const fromMs = Date.parse(payloadOf(later[0] ?? '').from);
      return {
        expected,
        export: (exported) => ({
          ...exported,
          checkpoints: later,
          records: exported.records.filter((row) => timeOf(row) > fromMs),
        }),
      };
    },
  },
  'record changed before its checkpoint': {
    canFollow: true,
    async run(world, random) {
      const row = unsignedRow(world, random);
      if (row === undefined) return undefined;
      world.put({ ...row, rule: 'another rule' });
      await settle(world);
      return { expected: { kinds: ['changed'], ...here(row) } };
    },
  },
  'record changed back after its checkpoint': {
    async run(world) {
      // The record that will be the head of its chain.
      const toMs = world.nextCheckpointMs(300) - minute;
      await world.run((world.nextCheckpointMs(300) - world.nowMs) / 1000 - 1);
      const heads = chained(world)
        .filter((row) => timeOf(row) <= toMs && world.isLive(placeOf(row).chain))
        .toSorted(bySeq);
      const row = heads.at(-1);
      if (row === undefined || !chained(world).some((each) => placeOf(each).previous === digest(row))) return undefined;
      const count = world.checkpoints.length;
      world.put({ ...row, rule: 'another rule' });
      await world.run(2);
      world.put(row);
      await settle(world);
      const { chain, seq } = placeOf(row);
      const isHead = payloadOf(world.checkpoints[count] ?? '').chains.some(
        (head) => head.id === chain && head.seq === seq,
      );
      return isHead ? { expected: { kinds: ['changed'], ...here(row) } } : undefined;
    },
  },
  'record removed before its checkpoint': {
    canFollow: true,
    async run(world, random) {
      const row = unsignedRow(world, random);
      if (row === undefined) return undefined;
      world.remove(row);
      await settle(world);
      return { expected: { kinds: ['removed'], ...here(row) } };
    },
  },
  'record doubled before its checkpoint': {
    canFollow: true,
    async run(world, random) {
      const row = unsignedRow(world, random);
      if (row === undefined) return undefined;
      world.put({ ...row, ...keyAt(timeOf(row) + Math.floor(random() * 2), random), rule: 'another rule' });
      await settle(world);
      return { expected: { kinds: ['inserted', 'changed'], ...here(row) } };
    },
  },
  'record put in its place before its checkpoint': {
    canFollow: true,
    async run(world, random) {
      const row = unsignedRow(world, random);
      if (row === undefined) return undefined;
      world.remove(row);
      world.put({ ...row, ...keyAt(timeOf(row), random), rule: 'another rule' });
      await settle(world);
      return { expected: { kinds: ['changed', 'removed'], ...here(row) } };
    },
  },
  'row without a time before a checkpoint': {
    canFollow: true,
    async run(world, random) {
      const row = pick(random, rowsOf(world));
      if (row === undefined) return undefined;
      const RowKey = `${keyAt(world.nowMs, random).RowKey.slice(0, 13)}_${random()}`;
      world.put({ ...row, RowKey, chain: '22222222-2222-4222-8222-222222222222.1.0.' });
      await settle(world);
      return { expected: { kinds: ['inserted'], rowKeys: [RowKey] } };
    },
  },
  'row in another partition before a checkpoint': {
    canFollow: true,
    async run(world, random) {
      const row = pick(random, rowsOf(world));
      if (row === undefined) return undefined;
      const { RowKey } = keyAt(world.nowMs, random);
      world.put({ ...row, RowKey, PartitionKey: '2270000', chain: `33333333-3333-4333-8333-333333333333.1.0.` });
      await settle(world);
      return { expected: { kinds: ['inserted'], rowKeys: [RowKey] } };
    },
  },
  'container emptied, and older records removed': {
    async run(world, random) {
      world.checkpoints.length = 0;
      await world.run(1260);
      const [first] = world.checkpoints;
      if (first === undefined) return undefined;
      const fromMs = Date.parse(payloadOf(first).from);
      const older = rowsOf(world)
        .filter((row) => timeOf(row) <= fromMs)
        .toSorted((one, other) => timeOf(one) - timeOf(other));
      const gone = older.slice(0, Math.floor(random() * (older.length + 1)));
      for (const row of gone) world.remove(row);
      const isSeen = gone.length < older.length || payloadOf(first).chains.some((head) => head.first > 1);
      return isSeen ? { expected: { kinds: ['unproven', 'removed'], isOpen: true } } : undefined;
    },
  },
};
