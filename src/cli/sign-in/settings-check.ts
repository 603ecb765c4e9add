import { readFile } from 'node:fs/promises';
import { azureIdentity } from '../../lib/azure/identity.ts';
import { createStorage } from '../../lib/azure/storage.ts';
import { parsePolicy } from '../../lib/callers/parse-policy.ts';
import { parseSettings, type Settings } from '../../lib/config/settings.ts';
import { journalTable, TableCredentialJournal } from '../../lib/credential/table-credential-journal.ts';
import { type BrokerError, toBrokerError } from '../../lib/model/errors.ts';
import type { Check } from '../../lib/setup/doctor.ts';
import { nextStep } from '../command-failure.ts';
import { parsePlace, type PlaceOptions, readLocalSettings } from './target.ts';

/**
 * The settings as they are here, and what they lead to. What the commands need must be right; what only the function
 * app needs is a notice, because an operator's machine seldom has it.
 */
export async function* settingsChecks(options: PlaceOptions): AsyncGenerator<Check, void, undefined> {
  let given: Readonly<Record<string, string | undefined>>;
  try {
    const local = await readLocalSettings();
    parsePlace(options, process.env, local);
    given = {
      ...local,
      ...process.env,
      ...(options.tenant === undefined ? {} : { PARTNER_TENANT_ID: options.tenant }),
      ...(options.vault === undefined ? {} : { KEY_VAULT_URL: options.vault }),
    };
  } catch (thrown) {
    yield failed('Settings', toBrokerError(thrown));
    return;
  }
  let settings: Settings;
  try {
    settings = parseSettings(given);
  } catch (thrown) {
    const message = `What this command needs is there. For the function app: ${toBrokerError(thrown).detail}`;
    yield { check: 'Settings', status: 'notice', message };
    return;
  }
  yield { check: 'Settings', status: 'ok', message: 'All settings are there and valid.' };
  yield await policyCheck(settings);
  yield await storageCheck(settings, given['IDENTITY_ENDPOINT'] !== undefined);
}

/** The policy beside host.json; one in a blob is the function app's to read. */
async function policyCheck({ ACCESS_POLICY: place }: Settings): Promise<Check> {
  const check = 'Access policy';
  if (place.startsWith('https://'))
    return { check, status: 'notice', message: `It is at ${place}; not read from here.` };
  let text: string;
  try {
    text = await readFile(place, 'utf8');
  } catch {
    return {
      check,
      status: 'notice',
      message: `There is no ${place} here; without one the broker denies every request.`,
    };
  }
  const parsed = parsePolicy(text);
  if (parsed.ok) return { check, status: 'ok', message: `${parsed.policy.rules.length} rule(s).` };
  const remedy = '`ptb policy check` lists every problem; until then every request is denied.';
  return { check, status: 'failed', message: parsed.problems[0] ?? 'It is broken.', remedy };
}

async function storageCheck(settings: Settings, hasManagedIdentity: boolean): Promise<Check> {
  const identity = () =>
    azureIdentity({ hasManagedIdentity, managedIdentityClientId: settings.MANAGED_IDENTITY_CLIENT_ID });
  const storage = createStorage(settings, identity);
  try {
    await new TableCredentialJournal(() => storage.table(journalTable)).read('doctor');
    return { check: 'Storage', status: 'ok', message: 'The tables answer.' };
  } catch (thrown) {
    return failed('Storage', toBrokerError(thrown));
  }
}

const failed = (check: string, failure: BrokerError): Check => ({
  check,
  status: 'failed',
  code: failure.code,
  message: failure.detail,
  remedy: nextStep(failure),
});
