import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { TableClient } from '@azure/data-tables';
import { describe, expect, it } from 'vitest';
import { startAzurite } from '../../support/azurite.ts';

const table = (connectionString: string): TableClient =>
  TableClient.fromConnectionString(connectionString, 'probe', { allowInsecureConnection: true });

describe('startAzurite', () => {
  it('restores its data at the same address after a restart', async () => {
    const first = await startAzurite({ persistence: 'disk' });
    await table(first.connectionString).createTable();
    await table(first.connectionString).createEntity({ partitionKey: 'p', rowKey: 'r', value: 'kept' });
    await first.stop({ keepFolder: true });
    const { folder, ports, accountKey } = first;
    const second = await startAzurite({ persistence: 'disk', folder, ports, accountKey });
    expect(second.connectionString).toBe(first.connectionString);
    expect(await table(second.connectionString).getEntity('p', 'r')).toMatchObject({ value: 'kept' });
    await second.stop();
    expect(existsSync(folder)).toBe(true);
    await rm(folder, { recursive: true });
  });

  it('leaves no folder and no listener behind after a stop', async () => {
    const azurite = await startAzurite();
    await azurite.stop();
    await azurite.stop();
    expect(existsSync(azurite.folder)).toBe(false);
    await expect(fetch(azurite.tableUrl)).rejects.toThrow();
  });
});
