import type { HostLog } from '../runtime/host-log.ts';
import { HostStartError } from '../runtime/host-start-error.ts';
import type { Registry } from './registry.ts';
import { type FunctionMetadata, triggerOf } from './rpc.ts';

// Utility.IsValidFunctionName of azure-functions-host.
const validName = /^(?!host$)[a-z][a-z0-9_-]{0,127}$/i;

type Settings = Readonly<Record<string, string | undefined>>;

/** Removes the functions that the real host does not serve: those with an invalid name, and disabled ones. */
export function removeUnserved(registry: Registry, settings: Settings, log: HostLog): void {
  for (const [key, { metadata }] of registry.functions) {
    const { name } = metadata;
    if (!validName.test(name)) {
      const rule = 'It must start with a letter and have up to 128 letters, digits, hyphens and underscores.';
      log('error', 'system', `The function '${name}' is not served: its name is not valid. ${rule}`);
    } else if (isDisabled(settings, name)) log('information', 'system', `The function '${name}' is disabled.`);
    else continue;
    registry.functions.delete(key);
  }
}

/**
 * Setting names ignore case. Plans that allow no periods in them use single underscores ("How to disable functions in
 * Azure Functions", Microsoft Learn). The form with double underscores disables nothing, as in the real host.
 */
function isDisabled(settings: Settings, functionName: string): boolean {
  const forms = [`AzureWebJobs.${functionName}.Disabled`, `AzureWebJobs_${functionName}_Disabled`];
  const names = new Set(forms.map((form) => form.toLowerCase()));
  return Object.entries(settings).some(
    ([name, value]) => names.has(name.toLowerCase()) && ['true', '1'].includes(value?.toLowerCase() ?? ''),
  );
}

const needsStorage = ({ bindings }: FunctionMetadata): boolean =>
  Object.values(bindings).some(({ type }) => /^(?:durable|orchestration)client$/i.test(type));

const identityNames = ['accountName', 'serviceUri', 'blobServiceUri', 'queueServiceUri', 'tableServiceUri'];

/**
 * Checks that the storage connection of timers and Durable Functions is set. This host does not connect to it, but the
 * real one does not start without it.
 * @throws HostStartError
 */
export function requireStorageSetting(
  registry: Registry,
  settings: Settings,
  connectionName: string | undefined,
): void {
  const functions = [...registry.functions.values()].map(({ metadata }) => metadata);
  const needs = functions.some(
    (metadata) => needsStorage(metadata) || triggerOf(metadata).binding.type.toLowerCase() !== 'httptrigger',
  );
  if (!needs) return;
  for (const name of new Set(['AzureWebJobsStorage', connectionName ?? 'AzureWebJobsStorage'])) {
    if (settings[name] || identityNames.some((suffix) => settings[`${name}__${suffix}`])) continue;
    throw new HostStartError(
      `The app setting ${name} is not set. The Functions host does not start an app with other triggers than HTTP, or with Durable Functions, without a storage connection. Set it, for example to "UseDevelopmentStorage=true" in local.settings.json; this host does not connect to it.`,
    );
  }
}

/**
 * Hosts on a shared hub run no entities.
 * @throws HostStartError if the app has one.
 */
export function refuseEntities(registry: Registry): void {
  for (const { metadata } of registry.functions.values())
    if (triggerOf(metadata).binding.type.toLowerCase() === 'entitytrigger')
      throw new HostStartError(
        `The app has the entity "${metadata.name}", and hosts that share a store run no entities. Start one host without --shared.`,
      );
}
