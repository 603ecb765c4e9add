import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { shortTurns } from '../../../../support/short-turns.ts';
import { type Checkpoint, writeLink } from '../../../../../src/lib/audit/chain/checkpoint.ts';
import { partitionKeyAt, rowKeyAt } from '../../../../../src/lib/audit/log/audit-row.ts';
import { accountsOf, nextAccounts, type SeenRecord } from '../../../../../src/lib/audit/proof/accounts.ts';
import type { TenantId } from '../../../../../src/lib/core/identifiers.ts';
import { guid } from '../../../../support/audit-entries.ts';

const hash = Buffer.alloc(32);
const time = '2026-12-01T00:00:00.000Z';
const timeMs = Date.parse(time);

it.each([1, 500])(
  'the process does other work while the records of a checkpoint are counted for %i tenants',
  async (count) => {
    const records = Array.from(
      { length: 20_000 },
      (_, at): SeenRecord => ({
        PartitionKey: partitionKeyAt(timeMs),
        RowKey: `${rowKeyAt(timeMs)}-${at}`,
        chain: writeLink({ id: guid(at % 2), seq: at + 1, settled: 0, previous: 'a'.repeat(43) }),
        holder: guid(at % count) as TenantId,
        hash,
      }),
    );
    const chains = [0, 1].map((id) => ({ id: guid(id), seq: 20_000, first: 1, head: 'a'.repeat(43), at: time }));
    const checkpoint = { number: 2, chains, unchained: {}, from: time, to: time } as unknown as Checkpoint;
    shortTurns();
    let others = 0;
    const progress = { isDone: false };
    const work = nextAccounts(accountsOf(new Map(), new Map()), checkpoint, records, async (tenants) =>
      tenants.map(() => hash),
    ).finally(() => (progress.isDone = true));
    for (; !progress.isDone; others += 1) await turn();
    const { accounts } = await work;
    expect([...accounts.list].reduce((sum, { count: each }) => sum + each, 0)).toBe(20_000);
    // Each record is one step, and the sorting of those of a tenant takes more.
    expect(others).toBeGreaterThan(20_050);
  },
);
