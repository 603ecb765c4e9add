import type { ContainerClient } from '@azure/storage-blob';
import { once } from '../../core/single-flight.ts';
import { isStorageMissing, storageCall, unlessMissing } from '../../core/rows/table.ts';
import type { AccountStore } from './tenant-tree.ts';

/** The container of the accounts. Nobody has to protect it: all that it holds is believed only with a signed root. */
export const accountContainer = 'audit-accounts';

/** The accounts of each checkpoint as one blob. */
export function createBlobAccountStore(container: () => Promise<ContainerClient>): AccountStore {
  const open = once(container);
  return {
    read: (name) =>
      storageCall(
        () =>
          unlessMissing(
            async () => (await (await open()).getBlobClient(`${name}.json`).downloadToBuffer()).toString('utf8'),
            isStorageMissing,
          ),
        'The accounts of tenants could not be read.',
      ),
    purge: (before) =>
      storageCall(
        () =>
          unlessMissing(async () => {
            for await (const { name } of (await open()).listBlobsFlat())
              if (name < `${before}.json`) await (await open()).getBlobClient(name).deleteIfExists();
              // Names are listed in their order.
              else break;
          }, isStorageMissing),
        'Old accounts of tenants could not be deleted.',
      ),
    write: (name, text) =>
      storageCall(async () => {
        const blob = (await open()).getBlockBlobClient(`${name}.json`);
        const upload = (): Promise<unknown> => blob.upload(text, Buffer.byteLength(text));
        await upload().catch(async (thrown: unknown) => {
          if (!isStorageMissing(thrown)) throw thrown;
          await (await open()).createIfNotExists();
          await upload();
        });
      }, 'The accounts of tenants could not be written.'),
  };
}
