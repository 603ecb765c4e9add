import { TableClient } from '@azure/data-tables';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { TableEventLog } from '../../src/lib/tenant-events/table-event-log.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { recordingLogger } from '../fakes/recording-logger.ts';
import { tenant } from '../support/audit-entries.ts';
import { type Azurite, emptyAzurite } from '../support/azurite.ts';
import { change, eventLogContract, tags } from '../support/event-log-contract.ts';

// test/unit/lib/tenant-events/table-event-log.test.ts runs the same in memory.

let azurite: Azurite;
beforeAll(async () => {
  azurite = await emptyAzurite();
});

let number = 0;
/** Transactions whose reply is lost: the SDK sends them again. */
let lost: number;
beforeEach(() => {
  number += 1;
  lost = 0;
});

function inAzurite(): TableClient {
  const table = TableClient.fromConnectionString(azurite.connectionString, `TenantEvents${number}`, {
    allowInsecureConnection: true,
  });
  table.pipeline.addPolicy({
    name: 'lossy',
    sendRequest: async (request, next) => {
      const response = await next(request);
      if (lost === 0 || !request.url.endsWith('$batch')) return response;
      lost -= 1;
      return next(request);
    },
  });
  return table;
}

describe('the log in Azurite', () => {
  eventLogContract(inAzurite);
});

test('a transaction whose reply was lost is written once', async () => {
  const log = new TableEventLog(async () => inAzurite(), {
    clock: new FakeClock(),
    log: recordingLogger().log,
    newId: () => `id-${Math.random()}`,
  });
  const claim = await log.claim();
  lost = 1;
  await claim?.commit([change(tenant(1), tags('a'))]);
  lost = 1;
  await claim?.update({ announced: 1 });
  expect(lost).toBe(0);
  const { events } = await log.query({ limit: 9 });
  expect(events.map(({ sequence }) => sequence)).toEqual([1]);
});
