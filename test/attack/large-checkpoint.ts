/**
 * A program that collects and counts the records of a checkpoint, all of one customer and in no order, as many as one can have.
 * It says how long that held its event loop: storage takes minutes to get so many records, so no host is asked to write such a
 * checkpoint.
 */
import { setImmediate } from 'node:timers/promises';
import { type Checkpoint, writeLink } from '../../src/lib/audit/chain/checkpoint.ts';
import { collectCheckpoint } from '../../src/lib/audit/chain/collect-checkpoint.ts';
import { partitionKeyAt, rowKeyAt } from '../../src/lib/audit/log/audit-row.ts';
import { accountsOf, nextAccounts, type SeenRecord } from '../../src/lib/audit/proof/accounts.ts';
import { guid, tenant } from '../support/audit-entries.ts';
import { longestMs } from './watch-loop.ts';

const count = 960_000;
/** Has no factor in common with the count, so that each record comes once. */
const stride = 7_919;
const checkpointMs = 10 * 60_000;

const startMs = Date.parse('2026-12-01T00:00:00.000Z');
const at = new Date(startMs).toISOString();
const hash = Buffer.alloc(32);
const records: SeenRecord[] = [];
for (let made = 0; made < count; made += 1) {
  const place = (made * stride) % count;
  const ms = startMs + Math.floor((place / count) * checkpointMs);
  records.push({
    PartitionKey: partitionKeyAt(ms),
    RowKey: `${rowKeyAt(ms)}-${guid(place)}`,
    chain: writeLink({ id: guid(1), seq: place + 1, settled: 0, previous: 'a'.repeat(43) }),
    holder: tenant(1),
    hash,
  });
}
const chains = [{ id: guid(1), seq: count, first: 1, head: 'a'.repeat(43), at }];
const checkpoint = { number: 2, chains, unchained: {}, from: at, to: at } as unknown as Checkpoint;
await setImmediate();
longestMs();
const collected = await collectCheckpoint({
  previous: undefined,
  nowMs: startMs + checkpointMs + 60_000,
  purgedBeforeMs: 0,
  read: async function* () {
    for (const { holder: _, hash: __, ...row } of records) yield row;
  },
});
const isCollected = collected?.chains[0]?.records === count;
const { accounts } = await nextAccounts(accountsOf(new Map(), new Map()), checkpoint, records, async (tenants) =>
  tenants.map(() => hash),
);
console.log(JSON.stringify({ ms: longestMs(), counted: isCollected && accounts.list[0]?.count === count }));
