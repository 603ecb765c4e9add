import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { presentIn, settingsFailure, settingsSchema } from '../../lib/config/settings.ts';
import { type Cloud, clouds, withEndpoints } from '../../lib/core/resources.ts';
import type { TenantId } from '../../lib/core/identifiers.ts';
import { defined } from '../../lib/core/objects.ts';
import { CommandFailure } from '../command-failure.ts';
import type { DemoAccount } from '../demo/running-demo.ts';
import { progress } from './output.ts';

/** Options that replace settings in every command that works on the credential. */
export interface TargetOptions {
  readonly partnerTenant?: string;
  readonly vault?: string;
}

/** The partner tenant and the vault that a command works on. */
export interface Target {
  readonly partnerTenantId: TenantId;
  readonly keyVaultUrl: string;
  readonly cloud: Cloud;
  readonly managedIdentityClientId: string | undefined;
  readonly hasManagedIdentity: boolean;
}

/** The partner tenant, for a command that needs no vault. */
export type DirectoryTarget = Pick<Target, 'partnerTenantId' | 'cloud'>;

type Variables = Readonly<Record<string, string | undefined>>;

const directorySchema = settingsSchema.pick({ PARTNER_TENANT_ID: true, MICROSOFT_CLOUD: true, CLOUD_ENDPOINTS: true });
const vaultSchema = settingsSchema.pick({ KEY_VAULT_URL: true, MANAGED_IDENTITY_CLIENT_ID: true });
const targetSchema = directorySchema.extend(vaultSchema.shape);

const localSettings = z.object({ Values: z.record(z.string(), z.string()).default({}) });

/** Reads the app settings that `func` keeps on a developer's machine. Returns none if the file does not exist. */
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
    const detail = `${file}: is not JSON with an object "Values" of strings.`;
    throw new CommandFailure('config_invalid', detail, 'Correct the file.');
  }
}

/**
 * The settings of local.settings.json. If nothing at all names a partner tenant or a vault, the environment gets the
 * settings of the demo that runs in this folder.
 * @param person who signs in to the demo.
 */
export async function readKnownSettings(options: TargetOptions, person?: DemoAccount): Promise<Variables> {
  const local = await readLocalSettings();
  const given = givenVariables(options, process.env, local);
  if (given['PARTNER_TENANT_ID'] !== undefined || given['KEY_VAULT_URL'] !== undefined) return local;
  const { adoptDemo } = await import('../demo/running-demo.ts');
  if (await adoptDemo(person)) progress('No settings are given, so this works on the demo of this folder.');
  return local;
}

/**
 * Options win over the environment, which wins over local.settings.json.
 * @throws BrokerError config_invalid that names every missing or wrong setting, and the option for it.
 */
export function parseTarget(options: TargetOptions, environment: Variables, local: Variables): Target {
  const given = givenVariables(options, environment, local);
  const data = parsed(targetSchema, given);
  return {
    ...directoryOf(data),
    keyVaultUrl: data.KEY_VAULT_URL,
    managedIdentityClientId: data.MANAGED_IDENTITY_CLIENT_ID,
    hasManagedIdentity: given['IDENTITY_ENDPOINT'] !== undefined,
  };
}

/** As {@link parseTarget}, without the vault. @throws BrokerError config_invalid. */
export function parseDirectory(options: TargetOptions, environment: Variables, local: Variables): DirectoryTarget {
  return directoryOf(parsed(directorySchema, givenVariables(options, environment, local)));
}

const givenVariables = (options: TargetOptions, environment: Variables, local: Variables): Variables => ({
  ...presentIn(local),
  ...presentIn(environment),
  ...presentIn({ PARTNER_TENANT_ID: options.partnerTenant, KEY_VAULT_URL: options.vault }),
});

function parsed<Schema extends z.ZodType>(schema: Schema, given: Variables): z.output<Schema> {
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const optionFor: Readonly<Record<string, string>> = {
    PARTNER_TENANT_ID: ' (--partner-tenant)',
    KEY_VAULT_URL: ' (--vault)',
  };
  const problems = result.error.issues.map(({ path, message }) => {
    const name = String(path[0]);
    return `${name}${optionFor[name] ?? ''}: ${given[name] === undefined ? 'is missing' : message}`;
  });
  throw settingsFailure(problems, given);
}

function directoryOf(data: z.output<typeof directorySchema>): DirectoryTarget {
  const replaced = defined(data.CLOUD_ENDPOINTS ?? {});
  return { partnerTenantId: data.PARTNER_TENANT_ID, cloud: withEndpoints(clouds[data.MICROSOFT_CLOUD], replaced) };
}
