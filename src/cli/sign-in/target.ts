import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { settingsSchema } from '../../lib/config/settings.ts';
import { type Cloud, clouds, withEndpoints } from '../../lib/model/clouds.ts';
import { BrokerError } from '../../lib/model/errors.ts';
import type { TenantId } from '../../lib/model/identifiers.ts';
import { CommandFailure } from '../command-failure.ts';

/** Options that every command of the credential takes, in place of settings. */
export interface PlaceOptions {
  readonly tenant?: string;
  readonly vault?: string;
  /** What the command calls the option for the partner tenant, where `--tenant` is a customer. */
  readonly tenantOption?: string;
}

/** Where the credential lives. */
export interface Place {
  readonly partnerTenantId: TenantId;
  readonly keyVaultUrl: string;
  readonly cloud: Cloud;
  readonly managedIdentityClientId: string | undefined;
  readonly hasManagedIdentity: boolean;
}

type Variables = Readonly<Record<string, string | undefined>>;

const placeSchema = settingsSchema.pick({
  PARTNER_TENANT_ID: true,
  KEY_VAULT_URL: true,
  MICROSOFT_CLOUD: true,
  CLOUD_ENDPOINTS: true,
  MANAGED_IDENTITY_CLIENT_ID: true,
});

const localSettings = z.object({ Values: z.record(z.string(), z.string()).default({}) });

/** The app settings of a developer's machine, where `func` keeps them; none when there is no such file. */
export async function readLocalSettings(file = 'local.settings.json'): Promise<Variables> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch {
    return {};
  }
  try {
    // Azure's own tools write a byte order mark.
    return localSettings.parse(JSON.parse(text.replace(/^\uFEFF/, ''))).Values;
  } catch {
    const detail = `${file}: is not JSON with an object "Values" of texts.`;
    throw new CommandFailure('config_invalid', detail, 'Correct the file.');
  }
}

/**
 * Options before the environment before local.settings.json.
 * @throws BrokerError config_invalid that names every setting that is missing or wrong, and the option for it.
 */
export function parsePlace(options: PlaceOptions, environment: Variables, local: Variables): Place {
  const given: Variables = {
    ...present(local),
    ...present(environment),
    ...present({ PARTNER_TENANT_ID: options.tenant, KEY_VAULT_URL: options.vault }),
  };
  const parsed = placeSchema.safeParse(given);
  if (!parsed.success) {
    const optionFor: Readonly<Record<string, string>> = {
      PARTNER_TENANT_ID: ` (${options.tenantOption ?? '--tenant'})`,
      KEY_VAULT_URL: ' (--vault)',
    };
    const problems = parsed.error.issues.map(({ path, message }) => {
      const name = String(path[0]);
      return `${name}${optionFor[name] ?? ''}: ${given[name] === undefined ? 'is missing' : message}`;
    });
    throw new BrokerError('config_invalid', `${problems.join('; ')}.`);
  }
  const { data } = parsed;
  const replaced = Object.fromEntries(
    Object.entries(data.CLOUD_ENDPOINTS ?? {}).filter(([, url]) => url !== undefined),
  );
  return {
    partnerTenantId: data.PARTNER_TENANT_ID,
    keyVaultUrl: data.KEY_VAULT_URL,
    cloud: withEndpoints(clouds[data.MICROSOFT_CLOUD], replaced),
    managedIdentityClientId: data.MANAGED_IDENTITY_CLIENT_ID,
    hasManagedIdentity: given['IDENTITY_ENDPOINT'] !== undefined,
  };
}

const present = (variables: Variables): Variables =>
  Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== undefined && value !== ''));
