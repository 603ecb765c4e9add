import { TableClient, TableServiceClient } from '@azure/data-tables';
import { BlobServiceClient } from '@azure/storage-blob';

/** A typed property, as the table service writes it. */
type Row = Readonly<Record<string, unknown>>;

interface StoredBlob {
  readonly name: string;
  readonly base64: string;
  readonly contentType: string;
  readonly contentEncoding?: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Everything that a broker has stored in its account. */
export interface StoredData {
  readonly tables: Readonly<Record<string, readonly Row[]>>;
  readonly containers: Readonly<Record<string, readonly StoredBlob[]>>;
}

const options = { allowInsecureConnection: true };
/** Changes with each write. */
const ofService = /^(?:odata\.|etag$|timestamp$)/;

/** Reads all tables and containers of an account, except those of the host. */
export async function readStored(connectionString: string): Promise<StoredData> {
  const tables: Record<string, Row[]> = {};
  const service = TableServiceClient.fromConnectionString(connectionString, options);
  for await (const { name = '' } of service.listTables()) {
    const rows = (tables[name] = [] as Row[]);
    const table = TableClient.fromConnectionString(connectionString, name, options);
    for await (const entity of table.listEntities({ disableTypeConversion: true }))
      rows.push(Object.fromEntries(Object.entries(entity).filter(([property]) => !ofService.test(property))));
  }
  const containers: Record<string, StoredBlob[]> = {};
  const blobs = BlobServiceClient.fromConnectionString(connectionString);
  for await (const { name } of blobs.listContainers()) {
    if (name.startsWith('azure-webjobs')) continue;
    const stored = (containers[name] = [] as StoredBlob[]);
    const container = blobs.getContainerClient(name);
    for await (const blob of container.listBlobsFlat({ includeMetadata: true })) {
      const content = await container.getBlobClient(blob.name).downloadToBuffer();
      stored.push({
        name: blob.name,
        base64: content.toString('base64'),
        contentType: blob.properties.contentType ?? '',
        ...(blob.properties.contentEncoding ? { contentEncoding: blob.properties.contentEncoding } : {}),
        metadata: blob.metadata ?? {},
      });
    }
  }
  return { tables, containers };
}

/** Writes what {@link readStored} has read into an empty account. */
export async function writeStored(connectionString: string, { tables, containers }: StoredData): Promise<void> {
  for (const [name, rows] of Object.entries(tables)) {
    const table = TableClient.fromConnectionString(connectionString, name, options);
    await table.createTable();
    for (const row of rows) await table.createEntity(row as { partitionKey: string; rowKey: string });
  }
  const blobs = BlobServiceClient.fromConnectionString(connectionString);
  for (const [name, stored] of Object.entries(containers)) {
    const container = blobs.getContainerClient(name);
    await container.create();
    for (const { name: blob, base64, contentType, contentEncoding, metadata } of stored)
      await container.getBlockBlobClient(blob).uploadData(Buffer.from(base64, 'base64'), {
        metadata,
        blobHTTPHeaders: {
          blobContentType: contentType,
          ...(contentEncoding === undefined ? {} : { blobContentEncoding: contentEncoding }),
        },
      });
  }
}
