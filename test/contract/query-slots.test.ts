import { randomUUID } from 'node:crypto';
import { TableClient } from '@azure/data-tables';
import { beforeAll, expect, it } from 'vitest';
import { QuerySlots } from '../../src/lib/runs/store/query-slots.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { MemoryRunLog } from '../fakes/memory-run-log.ts';
import { type Azurite, emptyAzurite } from '../support/azurite.ts';
import { testQuerySlots } from '../support/query-slots-contract.ts';

let azurite: Azurite;
beforeAll(async () => {
  azurite = await emptyAzurite();
});

const table = async (connectionString = azurite.connectionString): Promise<TableClient> =>
  TableClient.fromConnectionString(connectionString, 'QuerySlots', {
    allowInsecureConnection: true,
    retryOptions: { maxRetries: 0 },
  });

testQuerySlots(() => () => table());

it('query slots fail while their table cannot be reached, or was deleted', async () => {
  const deps = { runLog: new MemoryRunLog(), clock: new FakeClock() };
  const holder = { applicationId: randomUUID(), objectId: randomUUID() };
  const unreachable = table(azurite.connectionString.replaceAll(/:\d+\//g, ':1/'));
  await expect(new QuerySlots({ ...deps, table: () => unreachable }).take(holder, 'query@a')).rejects.toMatchObject({
    code: 'storage_unavailable',
  });
  const slots = new QuerySlots({ ...deps, table });
  await slots.take(holder, 'query@a');
  await (await table()).deleteTable();
  await expect(slots.take(holder, 'query@b')).rejects.toMatchObject({ code: 'storage_unavailable' });
});
