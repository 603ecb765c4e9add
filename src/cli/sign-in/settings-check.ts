import { readFile } from 'node:fs/promises';
import { azureIdentity } from '../../lib/config/identity.ts';
import { createStorage } from '../../lib/config/storage.ts';
import { parsePolicy } from '../../lib/access/policy/parse-policy.ts';
import type { Rule } from '../../lib/access/policy/policy.ts';
import { parseSettings, type Settings, unknownSettings } from '../../lib/config/settings.ts';
import { journalTable } from '../../lib/tokens/credential/credential-journal.ts';
import { MapBlobs, mapContainer } from '../../lib/gateway/map-store.ts';
import { readStoredMap } from '../../lib/judge/stored-map.ts';
import { BrokerError, toBrokerError } from '../../lib/core/errors.ts';
import type { Check } from '../../operator/doctor/doctor.ts';
import { nextStep } from '../command-failure.ts';
import { counted } from '../counted.ts';
import { systemClock } from '../../lib/core/clock.ts';
import { storageCall, unlessMissing } from '../../lib/core/rows/table.ts';
import { defined } from '../../lib/core/objects.ts';
import { parseTarget, type TargetOptions, readKnownSettings } from './target.ts';

/**
 * Checks the settings on this machine, the access policy and the storage. Settings that the commands need must be valid.
 * A problem with one that only the function app needs is a notice, because an operator's machine rarely has it.
 * @returns the rules of the policy, none if it cannot be read. Undefined: the settings do not say what else to check.
 */
export async function* settingsChecks(
  options: TargetOptions,
): AsyncGenerator<Check, readonly Rule[] | undefined, undefined> {
  let given: Readonly<Record<string, string | undefined>>;
  try {
    const local = await readKnownSettings(options);
    parseTarget(options, process.env, local);
    const named = defined({ PARTNER_TENANT_ID: options.partnerTenant, KEY_VAULT_URL: options.vault });
    given = { ...local, ...process.env, ...named };
  } catch (thrown) {
    yield failed('Settings', toBrokerError(thrown));
    return undefined;
  }
  let settings: Settings;
  try {
    settings = parseSettings(given);
  } catch (thrown) {
    const message = `The settings for this command are valid. For the function app: ${toBrokerError(thrown).detail}`;
    yield { check: 'Settings', status: 'notice', message };
    return [];
  }
  const unknown = unknownSettings(given);
  yield unknown.length === 0
    ? { check: 'Settings', status: 'ok', message: 'All settings are present and valid.' }
    : { check: 'Settings', status: 'warning', message: unknown.join(' ') };
  const { rules = [], ...policy } = await policyCheck(settings);
  yield policy;
  yield* storageChecks(settings, given['IDENTITY_ENDPOINT'] !== undefined);
  return rules;
}

/** Checks a policy in a file. One in a blob is readable by the function app only. */
async function policyCheck({ ACCESS_POLICY: location }: Settings): Promise<Check & { rules?: readonly Rule[] }> {
  const check = 'Access policy';
  if (location.startsWith('https://'))
    return { check, status: 'notice', message: `The policy is at ${location}. It is not read from this machine.` };
  let text: string;
  try {
    text = await readFile(location, 'utf8');
  } catch {
    return {
      check,
      status: 'notice',
      message: `There is no ${location} here. Without a policy the broker denies every request, and jobs get no token.`,
    };
  }
  const parsed = parsePolicy(text);
  if (parsed.ok) {
    const { rules } = parsed.policy;
    return { check, status: 'ok', message: `The policy is valid: ${counted(rules.length, 'rule')}.`, rules };
  }
  const remedy =
    'Run `ptb policy check` to list every problem. Until they are corrected, the broker denies every request.';
  return { check, status: 'failed', message: parsed.problems[0] ?? 'The policy is not valid.', remedy };
}

async function* storageChecks(settings: Settings, hasManagedIdentity: boolean): AsyncGenerator<Check, void, undefined> {
  const identity = () =>
    azureIdentity({ hasManagedIdentity, managedIdentityClientId: settings.MANAGED_IDENTITY_CLIENT_ID });
  const storage = createStorage(settings, identity, systemClock);
  try {
    const client = await storage.table(journalTable);
    // Only a read: whoever runs this may not be allowed to create the table, which appears with the first rotation.
    await storageCall(() => unlessMissing(() => client.getEntity('credential', 'doctor')));
  } catch (thrown) {
    yield failed('Storage', toBrokerError(thrown));
    return;
  }
  yield { check: 'Storage', status: 'ok', message: 'The tables answer.' };
  yield await mapCheck(new MapBlobs(() => storage.container(mapContainer)));
}

/** Which permission map the broker judges by. */
async function mapCheck(blobs: MapBlobs): Promise<Check> {
  const check = 'Permission map';
  let stored: Awaited<ReturnType<MapBlobs['read']>>;
  try {
    stored = await blobs.read();
  } catch (cause) {
    return failed(check, new BrokerError('storage_unavailable', 'The permission map cannot be read.', { cause }));
  }
  if (stored === undefined || stored === 'unchanged') {
    return {
      check,
      status: 'ok',
      message: "The project's own table is in force. `ptb permissions update` loads Microsoft's.",
    };
  }
  try {
    const { origin, map } = readStoredMap(stored.text);
    const message = `In force: ${origin.source}, read ${origin.retrievedAt}, with ${map.permissions.length} permissions.`;
    return { check, status: 'ok', message };
  } catch (error) {
    const message = error instanceof Error ? error.message : 'The stored permission map cannot be read.';
    return {
      check,
      status: 'warning',
      message,
      remedy: 'Run `ptb permissions update`, or `ptb permissions rollback`.',
    };
  }
}

const failed = (check: string, failure: BrokerError): Check => ({
  check,
  status: 'failed',
  code: failure.code,
  message: failure.detail,
  remedy: nextStep(failure),
});
