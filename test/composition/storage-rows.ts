import type { App } from './composed.ts';
import type { OpenedStorage } from './fake-storage.ts';
import type { Rows } from './rows.ts';

/** The settings of Azure Storage. Their effect is the address that a client is created for. */
export function storageRows(
  opened: OpenedStorage,
): Rows<
  | 'AzureWebJobsStorage'
  | 'AzureWebJobsStorage__accountName'
  | 'AzureWebJobsStorage__blobServiceUri'
  | 'AzureWebJobsStorage__tableServiceUri'
> {
  const effect = async ({ services }: App): Promise<readonly string[]> => {
    await services.runs.log.find('probe@w').catch(() => undefined);
    await services.runs.results.remove('probe@w').catch(() => undefined);
    return [...opened.addresses].filter((address) => /\/(?:Runs|results)$/.test(address)).toSorted();
  };
  const beside = {
    AzureWebJobsStorage: undefined,
    AzureWebJobsStorage__blobServiceUri: undefined,
    AzureWebJobsStorage__tableServiceUri: undefined,
  };
  const endpoints = 'BlobEndpoint=https://blob.example;TableEndpoint=https://table.example;';
  return {
    AzureWebJobsStorage: {
      value: `DefaultEndpointsProtocol=https;AccountName=x;AccountKey=a2V5;${endpoints}`,
      effect,
      is: ['https://blob.example/results', 'https://table.example/Runs'],
    },
    AzureWebJobsStorage__accountName: {
      value: 'named',
      beside,
      effect,
      is: ['https://named.blob.core.windows.net/results', 'https://named.table.core.windows.net/Runs'],
    },
    AzureWebJobsStorage__blobServiceUri: {
      value: 'https://own-blobs.example',
      beside,
      effect,
      is: ['https://named.table.core.windows.net/Runs', 'https://own-blobs.example/results'],
    },
    AzureWebJobsStorage__tableServiceUri: {
      value: 'https://own-tables.example',
      beside,
      effect,
      is: ['https://named.blob.core.windows.net/results', 'https://own-tables.example/Runs'],
    },
  };
}
