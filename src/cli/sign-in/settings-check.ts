import { parseSettings } from '../../lib/config/settings.ts';
import { errorTable, toBrokerError } from '../../lib/errors.ts';
import type { Check } from '../../lib/setup/doctor.ts';
import { parsePlace, type PlaceOptions, readLocalSettings } from './environment.ts';

/**
 * The settings as they are here. What the commands need must be right; what only the function app needs is a notice,
 * because an operator's machine seldom has it.
 */
export async function settingsCheck(options: PlaceOptions): Promise<Check> {
  const check = 'Settings';
  try {
    const local = await readLocalSettings();
    parsePlace(options, process.env, local);
    try {
      const given = {
        ...local,
        ...process.env,
        ...(options.tenant === undefined ? {} : { PARTNER_TENANT_ID: options.tenant }),
        ...(options.vault === undefined ? {} : { KEY_VAULT_URL: options.vault }),
      };
      parseSettings(given);
      return { check, status: 'ok', message: 'All settings are there and valid.' };
    } catch (thrown) {
      const message = `What this command needs is there. For the function app: ${toBrokerError(thrown).detail}`;
      return { check, status: 'notice', message };
    }
  } catch (thrown) {
    const { code, detail } = toBrokerError(thrown);
    return { check, status: 'failed', code, message: detail, remedy: errorTable[code].advice };
  }
}
