import { expect, it } from 'vitest';
import type { AuditTable } from '../../../../src/lib/audit/audit-table.ts';
import { type AuditRow, toRow } from '../../../../src/lib/audit/audit-row.ts';
import { decodeContinuation } from '../../../../src/lib/audit/continuation.ts';
import { queryRows } from '../../../../src/lib/audit/query-rows.ts';
import { silentLogger } from '../../../../src/lib/runtime/log.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { auditStartMs, guid, issued, tenant } from '../../../support/audit-entries.ts';

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

/** An empty table that keeps the filters it is asked with. */
function emptyTable() {
  const filters: (string | undefined)[] = [];
  const listEntities = ({ queryOptions }: { queryOptions: { filter?: string } }) => {
    filters.push(queryOptions.filter);
    return { byPage: () => ({ next: async () => ({ done: true }) }) };
  };
  return { table: { listEntities } as unknown as AuditTable, filters };
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

it('leaves caller, tenant and outcome to storage, each where it is asked for', async () => {
  const { table, filters } = emptyTable();
  const deps = { table, clock: new FakeClock(), log: silentLogger };
  await queryRows(deps, query);
  await queryRows(deps, { ...query, outcome: 'denied' });
  await queryRows(deps, { ...query, caller: guid(0xa1), tenantId: tenant(1), outcome: 'issued' });
  const [period = '', ...others] = filters;
  expect(period).toMatch(
    /^PartitionKey ge '\d{7}' and PartitionKey le '\d{7}' and RowKey ge '\d{13}' and RowKey lt '\d{13}'$/,
  );
  expect(others).toEqual([
    `${period} and outcome eq 'denied'`,
    `${period} and callerApplication eq '${guid(0xa1)}' and tenantId eq '${guid(1)}' and outcome eq 'issued'`,
  ]);
});

it('asks storage nothing for an outcome that there is not, whoever let it through', async () => {
  const { table, filters } = emptyTable();
  const outcome = "denied' or PartitionKey ne '" as 'denied';
  await expect(
    queryRows({ table, clock: new FakeClock(), log: silentLogger }, { ...query, outcome }),
  ).rejects.toMatchObject({
    code: 'request_invalid',
    detail: expect.stringContaining('outcome') as string,
  });
  expect(filters).toEqual([]);
});
