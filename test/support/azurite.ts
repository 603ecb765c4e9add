import { tmpdir } from 'node:os';
import { TableServiceClient } from '@azure/data-tables';
import { BlobServiceClient } from '@azure/storage-blob';
import { type Azurite, startAzurite } from '../../src/cli/demo/azurite.ts';
import { keptByWorker } from './kept-by-worker.ts';

export { type Azurite, startAzurite };

let shared: Promise<Azurite> | undefined;

/**
 * Returns an Azurite without tables and blobs. The test files of a worker use the same one after each other, because its
 * start takes more processor time than most of them. It ends with the worker, so no test stops it.
 */
export async function emptyAzurite(): Promise<Azurite> {
  // In memory, it writes nothing into its folder.
  shared ??= startAzurite({ folder: tmpdir() });
  const azurite = await shared;
  keptByWorker.add(azurite.pid);
  const tables = TableServiceClient.fromConnectionString(azurite.connectionString, { allowInsecureConnection: true });
  for await (const { name } of tables.listTables()) await tables.deleteTable(name ?? '');
  const blobs = BlobServiceClient.fromConnectionString(azurite.connectionString);
  for await (const { name } of blobs.listContainers()) await blobs.deleteContainer(name);
  return azurite;
}
