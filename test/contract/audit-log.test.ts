import { randomUUID } from 'node:crypto';
import { TableClient } from '@azure/data-tables';
import { beforeAll, describe } from 'vitest';
import type { AuditLog } from '../../src/lib/audit/audit-log.ts';
import { createTableAuditLog } from '../../src/lib/audit/log/table-audit-log.ts';
import { systemClock } from '../../src/lib/core/clock.ts';
import { silentLogger } from '../../src/lib/core/log.ts';
import { testAuditLog } from '../support/audit-log-contract.ts';
import { type Azurite, emptyAzurite } from '../support/azurite.ts';

let azurite: Azurite;
let tables = 0;
beforeAll(async () => {
  azurite = await emptyAzurite();
});

function tableLog(): AuditLog {
  tables += 1;
  const table = TableClient.fromConnectionString(azurite.connectionString, `audit${tables}`, {
    allowInsecureConnection: true,
  });
  return createTableAuditLog({
    table: () => Promise.resolve(table),
    clock: systemClock,
    log: silentLogger,
    newId: randomUUID,
  });
}

// test/unit/lib/audit/audit-log.test.ts runs the same tests without Azurite.
describe('the audit log in a table', () => {
  testAuditLog(tableLog);
});
