import type { TableClient } from '@azure/data-tables';
import { describe, expect, it } from 'vitest';
import { type AuditRow, toRow } from '../../../../../src/lib/audit/log/audit-row.ts';
import { queryRows } from '../../../../../src/lib/audit/log/query-rows.ts';
import { Table } from '../../../../../src/lib/core/rows/table.ts';
import { silentLogger } from '../../../../../src/lib/core/log.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';
import { auditStartMs, guid, issued, tenant } from '../../../../support/audit-entries.ts';

const tableOf = (listEntities: unknown): Table =>
  new Table(async () => ({ createTable: async () => undefined, listEntities }) as unknown as TableClient);

/** A table that never ends. Each reply takes `secondsEach`, holds the rows of `rowsOf`, and has a continuation token. */
function slowTable(clock: FakeClock, secondsEach: number, rowsOf: (reply: number) => readonly AuditRow[]) {
  const tokens: (string | undefined)[] = [];
  const sizes: number[] = [];
  const tokenOf = (reply: number): string =>
    Buffer.from(JSON.stringify({ nextPartitionKey: String(reply) })).toString('base64');
  const listEntities = () => ({
    byPage: ({ continuationToken, maxPageSize }: { continuationToken?: string; maxPageSize: number }) => ({
      next: async () => {
        tokens.push(continuationToken);
        sizes.push(maxPageSize);
        const reply = tokens.length;
        await clock.advance(secondsEach * 1000);
        return { done: false, value: Object.assign([...rowsOf(reply)], { continuationToken: tokenOf(reply) }) };
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    }),
  });
  return { table: tableOf(listEntities), tokens, sizes, tokenOf };
}

/** An empty table that records the filters and page sizes of its queries. */
function emptyTable() {
  const filters: (string | undefined)[] = [];
  const sizes: number[] = [];
  const listEntities = ({ queryOptions }: { queryOptions: { filter?: string } }) => {
    filters.push(queryOptions.filter);
    return {
      byPage: ({ maxPageSize }: { maxPageSize: number }) => {
        sizes.push(maxPageSize);
        return (async function* () {})();
      },
    };
  };
  return { table: tableOf(listEntities), filters, sizes };
}

const query = { fromMs: 0, toMs: auditStartMs * 2, limit: 100 };

describe('queryRows', () => {
  it('returns the entries found so far and a continuation when storage is slow', async () => {
    const clock = new FakeClock();
    const { table, tokens, tokenOf } = slowTable(clock, 4.8, (reply) =>
      reply === 1 ? [toRow(issued(), guid(1))] : [],
    );
    const page = await queryRows({ table, clock, log: silentLogger }, query);
    expect(page.entries).toHaveLength(1);
    // Two replies take 9.6 s. A third could pass the deadline, which would lose the continuation.
    expect(tokens).toHaveLength(2);
    expect(page.continuation).toBe(Buffer.from(tokenOf(2), 'base64').toString('base64url'));
  });

  it('requests at most 20 replies when storage is fast', async () => {
    const clock = new FakeClock();
    const { table, tokens, tokenOf } = slowTable(clock, 0.01, () => []);
    const page = await queryRows({ table, clock, log: silentLogger }, query);
    expect(page.entries).toEqual([]);
    expect(page.continuation).toBe(Buffer.from(tokenOf(20), 'base64').toString('base64url'));
    expect(tokens).toHaveLength(20);
  });

  it('filters by caller, tenant and outcome in storage, only if the query names them', async () => {
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

  it('asks storage for no more rows than the query may return', async () => {
    const { table, sizes } = emptyTable();
    for (const limit of [-5, 0, 1, 999, 1000, 5000])
      await queryRows({ table, clock: new FakeClock(), log: silentLogger }, { ...query, limit });
    expect(sizes).toEqual([1, 1, 1, 999, 1000, 1000]);
  });

  it('stops when it has as many entries as asked for, and counts those it has already', async () => {
    const clock = new FakeClock();
    const rows = [1, 2].map((number) => toRow(issued({ tokenId: guid(number) }), guid(number)));
    const { table, tokens, sizes } = slowTable(clock, 0.01, () => rows);
    const { entries } = await queryRows({ table, clock, log: silentLogger }, { ...query, limit: 4 });
    expect([entries.length, tokens.length, sizes]).toEqual([4, 2, [4, 2]]);
  });

  it('asks storage for no readable tenant only if there are none, and filters by six at most', async () => {
    const { table, filters } = emptyTable();
    const ask = async (size: number): Promise<string | undefined> => {
      const tenantIds = new Set(Array.from({ length: size }, (_, index) => tenant(index)));
      expect(await queryRows({ table, clock: new FakeClock(), log: silentLogger }, { ...query, tenantIds })).toEqual({
        entries: [],
      });
      return filters.at(-1);
    };
    expect(await ask(0)).toBeUndefined();
    expect(await ask(1)).toContain(` and (tenantId eq '${guid(0)}')`);
    expect(await ask(2)).toContain(` and (tenantId eq '${guid(0)}' or tenantId eq '${guid(1)}')`);
    expect((await ask(6))?.split(' or ')).toHaveLength(6);
    expect(await ask(7)).not.toContain('tenantId');
  });

  it('filters requests through the gateway in storage, and tokens afterwards, because their rows lack the kind', async () => {
    const { table, filters } = emptyTable();
    const deps = { table, clock: new FakeClock(), log: silentLogger };
    await queryRows(deps, { ...query, kind: 'request' });
    await queryRows(deps, { ...query, kind: 'token' });
    expect(filters.map((filter) => filter?.includes("kind eq 'request'"))).toEqual([true, false]);
    expect(filters[1]).not.toContain('kind');
  });

  it('rejects an unknown outcome without querying storage', async () => {
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
});
