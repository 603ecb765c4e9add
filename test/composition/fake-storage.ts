/** What tests share with the fake clients of Azure Storage. */
export interface OpenedStorage {
  /** `address/name` of each table, container and blob that a client was created for. */
  readonly addresses: Set<string>;
  /** Content of every blob. */
  blob: string;
}

const notFound = async (): Promise<never> => {
  throw Object.assign(new Error('not found'), { statusCode: 404 });
};

/** Replaces the table client of @azure/data-tables: every table is empty. */
export function fakeTables(sdk: object, opened: OpenedStorage): never {
  class TableClient {
    static fromConnectionString(connection: string, name: string): TableClient {
      return new TableClient(/TableEndpoint=([^;]*)/.exec(connection)?.[1] ?? '', name);
    }
    readonly getEntity = notFound;
    readonly createEntity = notFound;
    readonly updateEntity = notFound;
    readonly upsertEntity = notFound;
    readonly createTable = notFound;

    constructor(address: string, name: string) {
      opened.addresses.add(`${address}/${name}`);
    }
  }
  return { ...sdk, TableClient } as never;
}

/** Replaces the clients of @azure/storage-blob. */
export function fakeBlobs(sdk: object, opened: OpenedStorage): never {
  class ContainerClient {
    readonly deleteIfExists = notFound;

    constructor(address: string, name: unknown) {
      const endpoint = /BlobEndpoint=([^;]*)/.exec(address)?.[1];
      opened.addresses.add(endpoint === undefined ? address : `${endpoint}/${String(name)}`);
    }
  }
  class BlobClient {
    constructor(address: string) {
      opened.addresses.add(address);
    }
    async download(): Promise<object> {
      return { readableStreamBody: [Buffer.from(opened.blob)] };
    }
  }
  return { ...sdk, ContainerClient, BlobClient } as never;
}
