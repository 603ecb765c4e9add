import * as z from 'zod';
import { azureIdentity } from '../../lib/config/identity.ts';
import { createStorage } from '../../lib/config/storage.ts';
import { settingsSchema } from '../../lib/config/settings.ts';
import { MapBlobs, mapContainer } from '../../lib/gateway/map-store.ts';
import { clouds } from '../../lib/core/resources.ts';
import { systemClock } from '../../lib/core/clock.ts';
import { CommandFailure } from '../command-failure.ts';
import { readKnownSettings } from '../sign-in/target.ts';

/** Microsoft's file: the source of the permissions in its documentation and in Graph Explorer. */
const publishedUrl =
  'https://raw.githubusercontent.com/microsoftgraph/microsoft-graph-devx-content/master/permissions/new/permissions.json';

const storageSchema = settingsSchema.pick({
  MICROSOFT_CLOUD: true,
  MANAGED_IDENTITY_CLIENT_ID: true,
  AzureWebJobsStorage: true,
  AzureWebJobsStorage__accountName: true,
  AzureWebJobsStorage__blobServiceUri: true,
  AzureWebJobsStorage__tableServiceUri: true,
});
// Not a setting of the app, which does not read the file.
const schema = storageSchema.extend({ GRAPH_PERMISSIONS_URL: z.url({ protocol: /^https?$/ }).default(publishedUrl) });

/** Where the broker keeps the permission map, and where Microsoft publishes it. */
export interface MapLocation {
  /** Undefined if the settings name no storage account. */
  readonly blobs: MapBlobs | undefined;
  readonly publishedUrl: string;
}

/**
 * Finds the storage of the permission map: beside the blob of the access policy, which `azd env get-values` prints as
 * ACCESS_POLICY_BLOB, else in the storage account of the app's settings.
 * @throws CommandFailure config_invalid for settings that cannot be read.
 */
export async function findMap(environment: Readonly<Record<string, string | undefined>>): Promise<MapLocation> {
  const given = Object.fromEntries(
    Object.entries({ ...(await readKnownSettings({})), ...environment }).filter(([, value]) => value),
  );
  const parsed = schema.safeParse(given);
  if (!parsed.success) {
    const names = parsed.error.issues.map(({ path, message }) => `${String(path[0])}: ${message}`);
    throw new CommandFailure('config_invalid', `${names.join('; ')}.`, 'Correct the setting.');
  }
  const settings = parsed.data;
  const identity = () =>
    azureIdentity({
      hasManagedIdentity: given['IDENTITY_ENDPOINT'] !== undefined,
      managedIdentityClientId: settings.MANAGED_IDENTITY_CLIENT_ID,
    });
  const url = settings.GRAPH_PERMISSIONS_URL;
  const policyBlob = given['ACCESS_POLICY_BLOB'];
  if (policyBlob !== undefined) {
    const container = async () => {
      const { ContainerClient } = await import('@azure/storage-blob');
      return new ContainerClient(containerOf(policyBlob), await identity());
    };
    return { blobs: new MapBlobs(container), publishedUrl: url };
  }
  const hasStorage = settings.AzureWebJobsStorage ?? settings.AzureWebJobsStorage__accountName;
  if (hasStorage === undefined && settings.AzureWebJobsStorage__blobServiceUri === undefined) {
    return { blobs: undefined, publishedUrl: url };
  }
  const storage = createStorage({ ...settings, cloud: clouds[settings.MICROSOFT_CLOUD] }, identity, systemClock);
  return { blobs: new MapBlobs(() => storage.container(mapContainer)), publishedUrl: url };
}

/** As {@link findMap}, for commands that need storage. @throws CommandFailure config_invalid without it. */
export async function requireMap(
  environment: Readonly<Record<string, string | undefined>>,
): Promise<MapLocation & { readonly blobs: MapBlobs }> {
  const { blobs, publishedUrl: url } = await findMap(environment);
  if (blobs !== undefined) return { blobs, publishedUrl: url };
  throw new CommandFailure(
    'config_invalid',
    'No storage account is known: ACCESS_POLICY_BLOB is missing.',
    'Set ACCESS_POLICY_BLOB, as `azd env get-values` prints it, or the AzureWebJobsStorage settings of the app.',
  );
}

function containerOf(policyBlob: string): string {
  if (URL.canParse(policyBlob)) {
    const { origin, pathname } = new URL(policyBlob);
    const [, ...segments] = pathname.split('/');
    if (segments.length > 1) return `${origin}/${segments.slice(0, -1).join('/')}`;
  }
  throw new CommandFailure(
    'config_invalid',
    'ACCESS_POLICY_BLOB: is not the address of a blob.',
    'Set it as `azd env get-values` prints it.',
  );
}
