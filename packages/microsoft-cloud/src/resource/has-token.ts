import {
  aadGraphAppId,
  armAppId,
  exchangeAppId,
  graphAppId,
  keyVaultAppId,
  partnerCenterAppId,
} from '../directory/microsoft-resources.ts';
import type { CloudRequest, ServiceName } from '../web/http.ts';
import type { World } from '../world.ts';
import { callerOf } from './caller.ts';

const resources: Partial<Record<ServiceName, string>> = {
  graph: graphAppId,
  aadGraph: aadGraphAppId,
  partnerCenter: partnerCenterAppId,
  exchange: exchangeAppId,
  arm: armAppId,
  keyVault: keyVaultAppId,
};

/** Whether a request has the valid token that its service needs. Entra and the managed identity endpoint need none. */
export async function hasNeededToken(world: World, service: ServiceName, request: CloudRequest): Promise<boolean> {
  const appId = resources[service];
  return appId === undefined || typeof (await callerOf(world, request, appId)) !== 'string';
}
