import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readLink, readLost } from '../../../../src/lib/audit/chain/checkpoint.ts';
import { createTableAuditLog } from '../../../../src/lib/audit/log/table-audit-log.ts';
import { systemClock } from '../../../../src/lib/core/clock.ts';
import { silentLogger } from '../../../../src/lib/core/log.ts';
import { MemoryAuditLog } from '../../../fakes/memory-audit-log.ts';
import { MemoryTable } from '../../../fakes/memory-table.ts';
import { issued } from '../../../support/audit-entries.ts';
import { testAuditLog } from '../../../support/audit-log-contract.ts';

describe('the audit log in memory', () => {
  testAuditLog(() => new MemoryAuditLog());
});

describe('the audit log in a table in memory', () => {
  testAuditLog(() => {
    const { asTable } = new MemoryTable();
    const deps = { clock: systemClock, log: silentLogger, newId: randomUUID };
    return createTableAuditLog({ table: async () => asTable, ...deps });
  });

  it('says in the next record that a record was lost, and that all before are settled', async () => {
    const { asTable, rows } = new MemoryTable();
    let isDown = false;
    const table = async () => (isDown ? Promise.reject(new Error('storage is down')) : asTable);
    const log = createTableAuditLog({ table, clock: systemClock, log: silentLogger, newId: randomUUID });
    isDown = true;
    await expect(log.record(issued())).rejects.toMatchObject({ code: 'audit_unavailable' });
    isDown = false;
    await log.record(issued());
    const [stored] = rows.values();
    expect(readLink(stored?.['chain'])).toMatchObject({ seq: 2, settled: 1 });
    expect(readLost(stored?.['chainLost'])).toMatchObject([{ first: 1, last: 1 }]);
  });
});
