import { expect, it } from 'vitest';
import type { AuditTable } from '../../../../src/lib/audit/audit-table.ts';
import { type AuditRow, toRow } from '../../../../src/lib/audit/audit-row.ts';
import { decodeContinuation } from '../../../../src/lib/audit/continuation.ts';
import { queryRows } from '../../../../src/lib/audit/query-rows.ts';
import { silentLogger } from '../../../../src/lib/log.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { auditStartMs, guid, issued } from '../../../support/audit-entries.ts';

/** A large table: each answer takes its time, holds what it is given, and names the place where the next one goes on. */
function slowTable(clock: FakeClock, secondsEach: number, rowsOf: (answer: number) => readonly AuditRow[]) {
  const askedFrom: (string | undefined)[] = [];
  const mark = (answer: number): string =>
    Buffer.from(JSON.stringify({ nextPartitionKey: String(answer) })).toString('base64');
  const listEntities = () => ({
    byPage: ({ continuationToken }: { continuationToken?: string }) => ({
      next: async () => {
        askedFrom.push(continuationToken);
        const answer = askedFrom.length;
        await clock.advance(secondsEach * 1000);
        return { done: false, value: Object.assign([...rowsOf(answer)], { continuationToken: mark(answer) }) };
      },
    }),
  });
  return { table: { listEntities } as unknown as AuditTable, askedFrom, mark };
}

const query = { fromMs: 0, toMs: auditStartMs * 2, limit: 100 };

it('answers what it has, and where it goes on, while storage is slow to find anything', async () => {
  const clock = new FakeClock();
  const { table, askedFrom, mark } = slowTable(clock, 4.8, (answer) =>
    answer === 1 ? [toRow(issued(), guid(1))] : [],
  );
  const page = await queryRows({ table, clock, log: silentLogger }, query);
  expect(page.entries).toHaveLength(1);
  // Two answers are 9.6 s; a third might end behind the deadline, and take the place to go on from with it.
  expect(askedFrom).toHaveLength(2);
  expect(decodeContinuation(page.continuation ?? '')).toBe(mark(2));
});

it('waits for twenty answers at most where storage is quick', async () => {
  const clock = new FakeClock();
  const { table, askedFrom } = slowTable(clock, 0.01, () => []);
  const page = await queryRows({ table, clock, log: silentLogger }, query);
  expect(page.entries).toEqual([]);
  expect(page.continuation).toBeDefined();
  expect(askedFrom).toHaveLength(20);
});
