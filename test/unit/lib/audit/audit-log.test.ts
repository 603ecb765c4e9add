import { randomUUID } from 'node:crypto';
import { describe } from 'vitest';
import { createTableAuditLog } from '../../../../src/lib/audit/log/table-audit-log.ts';
import { systemClock } from '../../../../src/lib/core/clock.ts';
import { silentLogger } from '../../../../src/lib/core/log.ts';
import { MemoryAuditLog } from '../../../fakes/memory-audit-log.ts';
import { MemoryTable } from '../../../fakes/memory-table.ts';
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
});
