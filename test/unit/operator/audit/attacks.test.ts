import { runInNewContext } from 'node:vm';
import { setFlagsFromString } from 'node:v8';
import { describe, expect, it } from 'vitest';
import type { StoredRecord } from '../../../../src/lib/audit/chain/checkpoint.ts';
import { judgeChain } from '../../../../src/operator/audit/judge-chain.ts';
import { limitsOf } from '../../../../src/operator/audit/period.ts';
import { newTally, type SignedCheckpoint } from '../../../../src/operator/audit/read-checkpoints.ts';
import { RecordTable } from '../../../../src/operator/audit/record-table.ts';
import { signedChains, unsignedChain } from '../../../../src/operator/audit/signed-chains.ts';
import { verdictOf, verifyExport } from '../../../../src/operator/audit/verify-export.ts';
import { digest, keyAt, payloadOf, placeOf, type Row, timeOf } from '../../../campaigns/audit/rows.ts';
import { AuditWorld, evidenceOf, type Exported } from '../../../campaigns/audit/world.ts';
import { seededRandom } from '../../../fakes/fake-clock.ts';

const minute = 60_000;
const random = seededRandom(99);
const always = { fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY };

/** A calm fleet whose checkpoints the first version writes, which can be led astray. */
async function fleet(instances: number, seconds: number, seed: number): Promise<AuditWorld> {
  const world = new AuditWorld(seededRandom(seed), { writes: 0.1, failedWrites: 0, crashes: 0, failedCheckpoints: 0 });
  world.isFirstVersion = true;
  for (let started = 0; started < instances; started += 1) world.startInstance();
  await world.run(seconds);
  return world;
}

const rowsOf = (world: AuditWorld, chain: string): StoredRecord[] =>
  [...world.stored.values()]
    .filter((row) => placeOf(row).chain === chain)
    .toSorted((one, other) => placeOf(one).seq - placeOf(other).seq);
const last = <T>(items: readonly T[]): T => {
  const item = items.at(-1);
  if (item === undefined) throw new Error('none');
  return item;
};
const chainsOf = (world: AuditWorld): string[] => [
  ...new Set([...world.stored.values()].map((row) => placeOf(row).chain)),
];

async function judge(exported: Exported, limits = {}) {
  const verification = await verifyExport(evidenceOf(exported, limits));
  return { ...verification, verdict: verdictOf(verification) };
}

describe('verifyExport', () => {
  it('prints the period that is proven, and counts each record once', async () => {
    const world = await fleet(2, 2000, 7);
    const { verdict, period, counts, records } = await judge(world.export());
    const signed = world.checkpoints.map(payloadOf);
    expect(verdict).toBe('proven');
    expect(period?.from).toBe(signed[0]?.from);
    expect(Date.parse(period?.to ?? '')).toBe(Date.parse(last(signed).to) - 2 * minute);
    expect(counts.proven + counts.newer).toBe(records);
    expect(counts.newer).toBeGreaterThan(0);
  });

  it('keeps what is signed of an ended chain, although a row makes a later checkpoint sign it as a hole', async () => {
    const world = await fleet(2, 1200, 3);
    world.kill(0);
    await world.leap(180);
    await world.run(600);
    const named = new Set(payloadOf(last(world.checkpoints)).chains.map(({ id }) => id));
    const chain = last(chainsOf(world).filter((id) => !named.has(id)));
    const rows = rowsOf(world, chain);
    const { seq } = placeOf(last(rows));
    world.put({
      ...last(rows),
      ...keyAt(world.nowMs, random),
      chain: `${chain}.${seq + 1}.0.${digest(last(rows))}`,
    });
    await world.run(900);
    expect((await judge(world.export())).findings).toMatchObject([{ kind: 'inserted', chain, first: seq + 1 }]);
    for (const row of rows) world.remove(row);
    const { verdict, findings } = await judge(world.export());
    expect(verdict).toBe('tampered');
    expect(findings).toContainEqual(expect.objectContaining({ kind: 'removed', chain, first: 1 }));
  });

  it.each([true, false])('proves nothing of a chain whose end was moved, with chainLost %s', async (hasLost) => {
    const world = await fleet(2, 1205, 4);
    const row = last([...world.stored.values()]);
    const { chain } = placeOf(row);
    const end = last(rowsOf(world, chain));
    const { seq } = placeOf(end);
    const lost = hasLost ? { chainLost: `${seq + 1}-999999.${digest(end)}` } : {};
    const forged = {
      ...row,
      ...keyAt(world.nowMs, random),
      chain: `${chain}.1000000.0.${'A'.repeat(43)}`,
      ...lost,
    };
    world.put(forged);
    await world.run(3600);
    // Those that no checkpoint has signed, because its holes hide them.
    const signed = world.checkpoints
      .flatMap((jws) => payloadOf(jws).chains)
      .filter(({ id }) => id === chain)
      .flatMap(({ holes = [] }) => holes);
    const first = Math.max(...signed.map(([from]) => from));
    for (const each of rowsOf(world, chain))
      if (placeOf(each).seq >= first && each.RowKey !== forged.RowKey) world.remove(each);
    const { verdict, findings } = await judge(world.export());
    expect(verdict).not.toBe('proven');
    expect(findings).toContainEqual(expect.objectContaining({ kind: 'unproven', chain, first, last: 999_999 }));
  });

  it.each([
    ['says that all may be purged', '2099-01-01T00:00:00.000Z', 'forged'],
    ['says nothing strange', '2026-11-23T01:00:00.000Z', 'removed'],
  ])(
    'does not believe checkpoints that follow a line which nobody signed and which %s',
    async (_, purgedBefore, kind) => {
      const world = await fleet(1, 2000, 7);
      const real = last(world.checkpoints);
      const { number, ...claims } = payloadOf(real);
      const fake = { ...claims, number: number + 1, previous: 'B'.repeat(43), purgedBefore, chains: [] };
      world.checkpoints.push(`${real.split('.')[0]}.${Buffer.from(JSON.stringify(fake)).toString('base64url')}.AAAA`);
      const count = world.checkpoints.length;
      await world.run(900);
      const later = world.checkpoints.slice(count);
      const fromMs = Date.parse(payloadOf(later[0] ?? '').from);
      const exported = world.export();
      const records = exported.records.filter((row) => timeOf(row) > fromMs);
      const { verdict, findings } = await judge({ ...exported, checkpoints: later, records });
      expect(verdict).toBe('tampered');
      const removed = kind === 'removed' ? { checkpoint: number + 1 } : {};
      expect(findings).toContainEqual(expect.objectContaining({ kind, ...removed }));
    },
  );

  it('proves nothing for a time that no checkpoint covers, or without a signed record', async () => {
    const exported = (await fleet(2, 2000, 7)).export();
    const empty = { ...exported, records: [] };
    expect(await judge(empty, { fromMs: Date.UTC(2099) })).toMatchObject({ verdict: 'unproven' });
    expect(await judge(empty, { toMs: Date.UTC(2020) })).toMatchObject({ verdict: 'unproven' });
    expect(await judge({ ...exported, checkpoints: [] })).toMatchObject({ verdict: 'unproven' });
    const idle = await fleet(0, 2000, 7);
    expect(await judge(idle.export())).toMatchObject({ verdict: 'unproven', findings: [] });
  });

  it('does not take records for purged because the export says that it is from later', async () => {
    const exported = (await fleet(2, 2000, 7)).export();
    const heads = payloadOf(exported.checkpoints[3] ?? '').chains;
    const records = exported.records.filter(
      (row) => !heads.some(({ id, seq }) => id === placeOf(row).chain && seq === placeOf(row).seq),
    );
    const { at } = payloadOf(last(exported.checkpoints));
    const later = { ...exported, records, exportedMs: exported.exportedMs + 3 * 365 * 24 * 60 * minute };
    const { verdict, findings } = await judge(later, { toMs: Date.parse(at) + 10 * minute });
    expect(verdict).toBe('unproven');
    expect(findings.map(({ detail }) => detail)).toContainEqual(
      expect.stringContaining('only since the last checkpoint'),
    );
  });

  it('starts the period with the first checkpoint of which nothing may have been purged', async () => {
    const world = new AuditWorld(seededRandom(7), { writes: 0.05, failedWrites: 0, crashes: 0, failedCheckpoints: 0 });
    world.retentionMs = 24 * 60 * minute;
    world.startInstance(true);
    await world.run(1800);
    await world.leap(24 * 60 - 20);
    world.purge(world.nowMs - world.retentionMs);
    await world.run(1200);
    const exported = world.export();
    const { verdict, period, purgedBefore = '' } = await judge(exported);
    expect(verdict).toBe('proven');
    // Records that are added after it are not of a time that may have been purged.
    const whole = exported.checkpoints.map(payloadOf).map(({ from }) => Date.parse(from) - 2 * minute);
    expect(Date.parse(period?.from ?? '') - 2 * minute).toBe(whole.find((ms) => ms >= Date.parse(purgedBefore)));
    const added = { ...(exported.records.at(-1) as Row), ...keyAt(Date.parse(period?.from ?? '') + 1000, random) };
    const records = [...exported.records, added as StoredRecord];
    expect((await judge({ ...exported, records })).verdict).toBe('tampered');
  });

  it('says that nothing signed speaks for records before the first checkpoint', async () => {
    const exported = (await fleet(1, 2000, 7)).export();
    const [row] = exported.records as Row[];
    const { chain: _, ...old }: Row = { ...row, ...keyAt(Date.UTC(2026, 10, 20), random), at: '2026-11-20T00:00:00Z' };
    const { verdict, counts, findings } = await judge({
      ...exported,
      records: [...exported.records, old as StoredRecord],
    });
    expect(verdict).toBe('unproven');
    expect(counts.earlier).toBe(1);
    expect(findings[0]?.detail).toContain('With --from 2026-11-24T09:24:00.000Z');
    expect(
      (
        await judge(
          { ...exported, records: [...exported.records, old as StoredRecord] },
          { fromMs: Date.UTC(2026, 10, 24, 9, 24) },
        )
      ).verdict,
    ).toBe('proven');
  });

  it('does not prove what was before checkpoints that began anew', async () => {
    const world = await fleet(1, 3000, 7);
    world.checkpoints.length = 0;
    await world.run(1200);
    const whole = world.export();
    expect((await judge(whole)).verdict).toBe('unproven');
    const fromMs = Date.parse(payloadOf(whole.checkpoints[0] ?? '').from);
    const records = whole.records.filter((row) => timeOf(row) > fromMs - 3 * minute);
    const { verdict, findings } = await judge({ ...whole, records });
    expect(verdict).toBe('unproven');
    expect(findings[0]?.detail).toContain('nothing signed says when that was');
  });

  it.each([
    ['no time', (row: StoredRecord) => ({ RowKey: `${row.RowKey.slice(0, 13)}_x` })],
    ['another hour', (row: StoredRecord) => ({ PartitionKey: String(Number(row.PartitionKey) + 1) })],
  ])('names a record whose keys have %s', async (_, change) => {
    const exported = (await fleet(1, 2000, 7)).export();
    const row = exported.records[300];
    if (row === undefined) throw new Error('none');
    for (const chain of [undefined, '11111111-1111-4111-8111-111111111111.1.0.']) {
      const added = JSON.parse(JSON.stringify({ ...row, ...change(row), chain }));
      const { verdict, findings } = await judge({ ...exported, records: [...exported.records, added] });
      expect(verdict).toBe('tampered');
      expect(findings).toMatchObject([{ kind: 'inserted', record: { rowKey: added.RowKey } }]);
    }
  });

  it('names a record that is not signed and shows a time that is', async () => {
    const exported = (await fleet(1, 2000, 7)).export();
    const { chain: _, ...row }: Row = { ...(exported.records[300] as Row), ...keyAt(exported.exportedMs, random) };
    const { verdict, findings } = await judge({ ...exported, records: [row as StoredRecord, ...exported.records] });
    expect(verdict).toBe('unproven');
    expect(findings).toMatchObject([{ kind: 'unproven', record: { rowKey: row['RowKey'] } }]);
  });

  it('names a record that was another one when it was signed', async () => {
    const world = await fleet(1, 1499, 5);
    const head = last(
      rowsOf(world, chainsOf(world)[0] ?? '').filter((row) => timeOf(row) <= world.nowMs + 1000 - minute),
    );
    world.put({ ...head, rule: 'forged' });
    await world.run(900);
    const { verdict, findings } = await judge(world.export());
    expect(verdict).toBe('tampered');
    expect(findings).toMatchObject([{ kind: 'changed', first: placeOf(head).seq }]);
    world.put(head);
    expect((await judge(world.export())).findings).toMatchObject([{ kind: 'changed', first: placeOf(head).seq }]);
  });

  it('says which key is needed, and goes on without one that is none', async () => {
    const world = await fleet(1, 1500, 7);
    world.rotateKey();
    await world.run(1500);
    const exported = world.export();
    const { verdict, findings } = await judge({ ...exported, keys: exported.keys.slice(1) });
    expect(verdict).toBe('unproven');
    expect(findings[0]?.detail).toContain('The key https://vault.example/keys/audit-checkpoints/1 is needed');
    const broken = { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA', kid: 'z' };
    expect(await judge({ ...exported, keys: [...exported.keys, broken] })).toMatchObject({
      verdict: 'unproven',
      findings: [{ detail: 'The key z is not a public key of P-256.' }],
    });
  });

  it('names neighbours that were exchanged', async () => {
    const exported = (await fleet(1, 2000, 7)).export();
    const sorted = exported.records.toSorted((one, other) => placeOf(one).seq - placeOf(other).seq);
    const [one, two] = [{ ...last(sorted.slice(0, 100)) }, { ...last(sorted.slice(0, 101)) }];
    const records = exported.records.map((row) =>
      row.RowKey === one.RowKey
        ? { ...one, chain: two['chain'] }
        : row.RowKey === two.RowKey
          ? { ...two, chain: one['chain'] }
          : row,
    );
    const { findings } = await judge({ ...exported, records });
    expect(findings).toContainEqual(expect.objectContaining({ kind: 'reordered', first: 101 }));
  });
});

/** A record as large as those of the app. */
const record = (number: number): StoredRecord => ({
  ...keyAt(Date.UTC(2026, 10, 24) + number, random),
  scopes: 'x'.repeat(200),
  chain: `11111111-1111-4111-8111-111111111111.${number}.${number - 1}.${number === 1 ? '' : 'A'.repeat(43)}`,
});

describe('verification of a large log', () => {
  it('holds less than 100 bytes of a record in the heap', () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const table = new RecordTable();
    collect();
    const before = process.memoryUsage().heapUsed;
    for (let number = 1; number <= 50_000; number += 1) table.add(record(number));
    collect();
    expect((process.memoryUsage().heapUsed - before) / table.count).toBeLessThan(100);
    expect(table.inOrder('11111111-1111-4111-8111-111111111111')).toHaveLength(50_000);
  });

  it('judges a chain with 20,000 heads and as many holes', () => {
    const id = '11111111-1111-4111-8111-111111111111';
    const atMs = Date.UTC(2026, 0, 1);
    const iso = (number: number): string => new Date(atMs + number * 5 * minute).toISOString();
    const checkpoints = Array.from({ length: 20_000 }, (_, index): SignedCheckpoint => {
      const number = index + 1;
      const seq = number * 10;
      return {
        v: 1,
        number,
        at: iso(number),
        from: iso(index),
        to: iso(number),
        previous: null,
        purgedBefore: iso(-1_000_000),
        unchained: { records: 0, digest: '' },
        keyId: '',
        hash: '',
        chains: [
          {
            id,
            seq,
            head: 'A'.repeat(43),
            at: iso(number),
            first: 1,
            since: iso(0),
            records: seq,
            holes: [[seq - 5, seq - 5, 'A'.repeat(43)]],
          },
        ],
      };
    });
    const limits = limitsOf(checkpoints, { ...always, exportedMs: atMs + 20_000 * 5 * minute, oldestMs: atMs });
    const signed = signedChains(checkpoints).get(id) ?? unsignedChain;
    const { findings, crashed } = judgeChain({ table: new RecordTable(), limits, tally: newTally() }, id, signed);
    expect(crashed).toBe(20_000);
    expect(findings.filter(({ kind }) => kind === 'removed')).toHaveLength(40_000);
  });
});
