import { setImmediate } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { checkpointSchema, setDigest, storedRecord } from '../../../../../src/lib/audit/chain/checkpoint.ts';
import { collectCheckpoint } from '../../../../../src/lib/audit/chain/collect-checkpoint.ts';
import type { RecordChain } from '../../../../../src/lib/audit/log/table-audit-log.ts';
import { auditStartMs } from '../../../../support/audit-entries.ts';
import { CheckpointWorld, hashOfRow, minute, second, year } from './checkpoint-world.ts';
import { shortTurns } from '../../../../support/short-turns.ts';

const chainId = '5f0c1c5e-8f0d-4a4a-9d3b-0d6c7b1f2a11';
let world: CheckpointWorld;
let chain: RecordChain;
beforeEach(async () => {
  world = new CheckpointWorld();
  chain = world.newChain(chainId);
  world.write(chain, 10);
  await world.checkpoint();
});

describe('the head of a chain', () => {
  it('goes on with its records, in any order and with failed writes between', async () => {
    const first = world.write(chain, 3);
    world.write(chain, 2, { isStored: false });
    const last = world.write(chain, 2);
    world.rows.reverse();
    const { chains } = await world.checkpoint();
    expect(chains).toEqual([
      expect.objectContaining({ id: chainId, seq: 17, head: hashOfRow(last[1]), first: 1, records: 15 }),
    ]);
    expect(chains[0]?.holes).toEqual([[14, 15, hashOfRow(first[2])]]);
    expect(chains[0]).not.toHaveProperty('late');
  });

  it('passes over a row far ahead that somebody added, while the chain goes on', async () => {
    world.forge(chainId, 1_000_000);
    const records = world.write(chain, 5);
    expect((await world.checkpoint()).chains).toMatchObject([{ seq: 15, head: hashOfRow(records[4]) }]);
    world.write(chain, 5);
    const { chains } = await world.checkpoint();
    expect(chains).toMatchObject([{ seq: 20 }]);
    expect(chains[0]).not.toHaveProperty('holes');
  });

  it('names the records behind a row that somebody added, if the chain had nothing else', async () => {
    world.forge(chainId, 300);
    expect((await world.checkpoint()).chains).toMatchObject([{ seq: 300, holes: [[11, 299, expect.any(String)]] }]);
    const written: string[] = [];
    for (let checkpoint = 0; checkpoint < 3; checkpoint += 1) {
      const records = world.write(chain, 5);
      written.push(hashOfRow(records.at(-1)));
      const { chains } = await world.checkpoint();
      const first = 11 + checkpoint * 5;
      expect(chains).toMatchObject([{ seq: 300, late: [[first, first + 4, written.at(-1)]] }]);
    }
  });

  it('names them also if the row says that all writes before it failed', async () => {
    const [head] = (await world.checkpoint()).chains;
    world.forge(chainId, 1_000_000, { chainLost: `11-999999.${head?.head}` });
    expect((await world.checkpoint()).chains).toMatchObject([{ seq: 1_000_000 }]);
    const records = world.write(chain, 5);
    expect((await world.checkpoint()).chains).toMatchObject([{ late: [[11, 15, hashOfRow(records[4])]] }]);
  });

  it('goes on after hundreds of failed writes, and after deleted records', async () => {
    for (let write = 0; write < 9; write += 1) world.write(chain, 100, { isStored: false });
    world.write(chain, 2);
    expect((await world.checkpoint()).chains).toMatchObject([{ seq: 912, holes: [[11, 910, expect.any(String)]] }]);
    const deleted = new Set(world.write(chain, 500));
    world.write(chain, 2);
    world.rows.splice(0, world.rows.length, ...world.rows.filter((row) => !deleted.has(row)));
    expect((await world.checkpoint()).chains).toMatchObject([{ seq: 1_414 }]);
  });

  it('says nothing about the start of a chain that no checkpoint has named lately', async () => {
    await world.checkpoint(10);
    for (let count = 0; count < 13; count += 1) await world.checkpoint(10);
    expect((await world.checkpoint()).chains).toEqual([]);
    world.forge(chainId, 500);
    const { chains } = await world.checkpoint();
    expect(chains).toMatchObject([{ seq: 500, first: 500, records: 1 }]);
    expect(chains[0]).not.toHaveProperty('holes');
  });

  it('is the record that the next one names, if somebody has put another one beside it', async () => {
    const [right] = world.write(chain, 1);
    if (right === undefined) throw new Error('none');
    world.nowMs += 4 * minute + 30 * second;
    world.write(chain, 1);
    for (const id of ['00000000-0000-4000-8000-000000000000', 'ffffffff-ffff-4fff-8fff-ffffffffffff']) {
      const one = new CheckpointWorld();
      one.nowMs = world.nowMs;
      one.rows.push(...world.rows);
      one.add({ ...right, rule: 'forged', RowKey: `${right.RowKey.slice(0, 14)}${id}` });
      expect((await one.checkpoint(0.9)).chains).toMatchObject([{ seq: 11, head: hashOfRow(right) }]);
    }
  });
});

describe('rows that no version has written', () => {
  it.each([
    ['a chain id of hyphens', `${'-'.repeat(36)}.1.0.`, true],
    ['a chain id in another case', `${chainId.toUpperCase()}.1.0.`, true],
    ['a place that is no number', `${chainId}.x.0.`, true],
    ['keys without a time', `${chainId}.11.0.`, false],
  ])('do not stop the next checkpoint: %s', async (_name, text, isDated) => {
    const { RowKey, PartitionKey } = world.forge(chainId, 1);
    world.add({ PartitionKey, RowKey: isDated ? `${RowKey}x` : `${RowKey.slice(0, 13)}_x`, chain: text });
    const records = world.write(chain, 5);
    const checkpoint = await world.checkpoint();
    expect(checkpointSchema.parse(checkpoint)).toEqual(checkpoint);
    expect(checkpoint.chains).toMatchObject([{ id: chainId, seq: 15, head: hashOfRow(records[4]) }]);
    await world.checkpoint();
  });

  it('leave a row out whose keys have two times', async () => {
    const forged = world.forge('11111111-1111-4111-8111-111111111111', 1);
    world.rows.splice(world.rows.indexOf(forged), 1, { ...forged, PartitionKey: '0000001' });
    expect((await world.checkpoint()).chains.map(({ id }) => id)).toEqual([chainId]);
  });

  it('are hashed with the type of each column', () => {
    const entity = { partitionKey: '1', rowKey: '2', timestamp: 'x', etag: 'y', text: '5', yes: true, count: 5 };
    expect(storedRecord(entity)).toEqual({ PartitionKey: '1', RowKey: '2', text: '5', yes: true, count: 5 });
    const other = [
      5n,
      new Date(5),
      new Date(Number.NaN),
      new Uint8Array([5]),
      Number.NaN,
      { type: 'Guid', value: '5' },
    ];
    const texts = other.map((text) => storedRecord({ ...entity, text }));
    expect(new Set(texts.map((record) => hashOfRow(record))).size).toBe(other.length);
    expect(texts.map((record) => typeof record['text'])).toEqual(other.map(() => 'string'));
  });
});

describe('records without a chain', () => {
  it('are covered two minutes later, so that an instance may be behind by as much', async () => {
    const hashes: string[] = [];
    const covered: string[] = [];
    let records = 0;
    for (let checkpoint = 0; checkpoint < 4; checkpoint += 1) {
      for (let part = 0; part < 10; part += 1) {
        world.nowMs += 30 * second;
        hashes.push(hashOfRow(world.addOld(world.nowMs - 90 * second)));
      }
      const { unchained, to } = await world.checkpoint(0);
      expect(Date.parse(to) - Date.parse(unchained.to ?? '')).toBe(2 * minute);
      expect(unchained.digest).toBe(setDigest(hashes.slice(records, records + unchained.records)));
      records += unchained.records;
      covered.push(unchained.from ?? '', unchained.to ?? '');
    }
    // 90 s behind, a minute to settle and two more: the last two to five minutes are not covered yet.
    expect(records).toBeGreaterThan(25);
    // No time is left out.
    expect(covered.slice(2, -1).filter((_, index) => index % 2 === 0)).toEqual(
      covered.slice(1, -2).filter((_, index) => index % 2 === 0),
    );
  });
});

describe('a checkpoint', () => {
  it('is never built on a line that the key has not signed', async () => {
    const [header = '', payload = ''] = world.lines[0]?.split('.') ?? [];
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
    const forged = { ...claims, number: 2, purgedBefore: '2099-01-01T00:00:00.000Z', chains: [] };
    world.lines.push(`${header}.${Buffer.from(JSON.stringify(forged)).toString('base64url')}.AAAA`, 'garbage');
    world.write(chain, 1);
    const next = await world.checkpoint();
    expect(next).toMatchObject({ number: 2, chains: [{ seq: 11, first: 1 }] });
    expect(Date.parse(next.purgedBefore)).toBe(world.nowMs - year);
  });

  it('never says that records of the last day may be purged', async () => {
    const next = await world.checkpoint(5, minute);
    expect(Date.parse(next.purgedBefore)).toBe(world.nowMs - 24 * 60 * minute);
    const previous = { checkpoint: { ...next, purgedBefore: '2099-01-01T00:00:00.000Z' }, hash: 'A'.repeat(43) };
    const nowMs = world.nowMs + 5 * minute;
    const read = async function* () {};
    const healed = await collectCheckpoint({ previous, nowMs, purgedBeforeMs: 0, read });
    expect(Date.parse(healed?.purgedBefore ?? '')).toBe(nowMs - 24 * 60 * minute);
  });

  it('gives others their turn while it reads', async () => {
    shortTurns();
    const row = world.addOld(auditStartMs);
    const reading = new AbortController();
    let turns = 0;
    const count = async (): Promise<void> => {
      for (; !reading.signal.aborted; turns += 1) await setImmediate();
    };
    const others = count();
    const read = async function* () {
      for (let record = 0; record < 10_000; record += 1) yield row;
    };
    await collectCheckpoint({ previous: undefined, nowMs: auditStartMs + 5 * minute, purgedBeforeMs: 0, read });
    reading.abort();
    await others;
    expect(turns).toBeGreaterThan(40);
  });
});
