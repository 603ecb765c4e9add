import type { TableClient } from '@azure/data-tables';
import type { TokenCredential } from '@azure/identity';
import type { ContainerClient } from '@azure/storage-blob';
import type { Settings } from '../config/settings.ts';
import { BrokerError } from '../model/errors.ts';

type StorageSettings = Pick<
  Settings,
  | 'cloud'
  | 'AzureWebJobsStorage'
  | 'AzureWebJobsStorage__accountName'
  | 'AzureWebJobsStorage__blobServiceUri'
  | 'AzureWebJobsStorage__tableServiceUri'
>;

/** Tables and blobs of one account, which is accessed with a connection string (local) or an identity (Azure). */
export interface Storage {
  table(name: string): Promise<TableClient>;
  container(name: string): Promise<ContainerClient>;
}

/** The SDK retries. The audit log adds its own, shorter deadline. */
const retryOptions = { maxRetries: 3, retryDelayInMs: 300, maxRetryDelayInMs: 3_000 };

/**
 * Storage clients for the settings.
 * @throws BrokerError config_invalid, on use, if the settings have neither an account name nor the endpoint.
 */
export function createStorage(settings: StorageSettings, identity: () => Promise<TokenCredential>): Storage {
  const connection = settings.AzureWebJobsStorage;
  const account = settings.AzureWebJobsStorage__accountName;
  const endpoint = (kind: 'blob' | 'table', explicit: string | undefined): string => {
    const url =
      explicit ?? (account === undefined ? undefined : `https://${account}.${kind}.${settings.cloud.storageSuffix}`);
    if (url !== undefined) return url.replace(/(?<!\/)\/+$/, '');
    throw new BrokerError('config_invalid', `AzureWebJobsStorage__${kind}ServiceUri: is missing.`);
  };
  return {
    table: async (name) => {
      const { TableClient } = await import('@azure/data-tables');
      if (connection !== undefined)
        return TableClient.fromConnectionString(connection, name, {
          retryOptions,
          allowInsecureConnection: isLocal(connection),
        });
      return new TableClient(endpoint('table', settings.AzureWebJobsStorage__tableServiceUri), name, await identity(), {
        retryOptions,
      });
    },
    container: async (name) => {
      const { ContainerClient } = await import('@azure/storage-blob');
      const options = { retryOptions: { maxTries: 4, retryDelayInMs: 300, maxRetryDelayInMs: 3_000 } };
      if (connection !== undefined) return new ContainerClient(connection, name, options);
      return new ContainerClient(
        `${endpoint('blob', settings.AzureWebJobsStorage__blobServiceUri)}/${name}`,
        await identity(),
        options,
      );
    },
  };
}

// Plain HTTP is only for the emulator on this machine.
const isLocal = (connection: string): boolean =>
  /UseDevelopmentStorage=true|http:\/\/(127\.0\.0\.1|localhost)[:/]/i.test(connection);
