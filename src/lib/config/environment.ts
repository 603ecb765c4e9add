import { personScope } from '../core/caller.ts';
import { parseGuid, type TenantId } from '../core/identifiers.ts';
import { defined } from '../core/objects.ts';
import { clouds, withEndpoints } from '../core/resources.ts';
import { presentIn, settingsSchema } from './settings.ts';

/** The authorization level that the Functions host enforces, in addition to the checks of the app. */
export type CallerAuthLevel = 'anonymous' | 'function';

/**
 * Reads FUNCTION_KEYS, which registrations need before the other settings are validated. Every value other than `off`
 * requires a key: a misspelt setting must not remove a check.
 */
export function callerAuthLevel(environment: Readonly<Record<string, string | undefined>>): CallerAuthLevel {
  const { FUNCTION_KEYS: value = '' } = environment;
  return value === '' || value === 'off' ? 'anonymous' : 'function';
}

/**
 * The address of the dashboard of this app, for links in notices. Undefined where no host names the app. The platform sets
 * `WEBSITE_HOSTNAME` to its own name of the app, and with a port only on a developer's machine.
 */
export function dashboardAddress(environment: Readonly<Record<string, string | undefined>>): string | undefined {
  const host = environment['WEBSITE_HOSTNAME'];
  if (host === undefined || host === '') return undefined;
  const isLocal = /^(?:localhost|127\.0\.0\.1)(?::\d+)?$/.test(host);
  return `${isLocal ? 'http' : 'https'}://${host}/api/dashboard`;
}

/**
 * Whether an app setting disables a function, so that the host never calls it ("How to disable functions in Azure
 * Functions", Microsoft Learn). Plans that allow no periods in setting names use single underscores instead.
 * Double underscores disable nothing (measured with host 4.1037).
 */
export function functionDisabled(environment: Readonly<Record<string, string | undefined>>, name: string): boolean {
  const settings = [`AzureWebJobs.${name}.Disabled`, `AzureWebJobs_${name}_Disabled`];
  return settings.some((setting) => ['true', '1'].includes(environment[setting]?.toLowerCase() ?? ''));
}

/** What a person's client needs to sign in: the dashboard, and `ptb login`. Nothing of it is secret. */
export interface SignInSettings {
  /** Base of the authorities, without a trailing slash. `/{tenantId}` follows. */
  readonly entraEndpoint: string;
  readonly tenantId: TenantId;
  /** The public client through which people sign in. */
  readonly clientId: string;
  /** The delegated scope of the broker's own application. */
  readonly scope: string;
}

const schema = settingsSchema.pick({
  PARTNER_TENANT_ID: true,
  MICROSOFT_CLOUD: true,
  CLOUD_ENDPOINTS: true,
  BROKER_AUDIENCES: true,
  SIGN_IN_CLIENT_ID: true,
});

/**
 * Reads the authority that issues tokens for the broker, and their scope. Other settings may be wrong.
 * @returns a sentence that says which setting is missing or wrong.
 */
export function authoritySettings(
  environment: Readonly<Record<string, string | undefined>>,
): (Omit<SignInSettings, 'clientId'> & { readonly clientId: string | undefined }) | string {
  const { success, data, error } = schema.safeParse(presentIn(environment));
  if (!success) return `The setting ${String(error.issues[0]?.path[0])} is missing or wrong.`;
  const { SIGN_IN_CLIENT_ID: clientId, PARTNER_TENANT_ID: tenantId, BROKER_AUDIENCES: audiences } = data;
  const resource = audiences.find((audience) => parseGuid(audience) === undefined) ?? audiences[0];
  const { endpoints } = withEndpoints(clouds[data.MICROSOFT_CLOUD], defined(data.CLOUD_ENDPOINTS ?? {}));
  return { entraEndpoint: endpoints.entra, tenantId, clientId, scope: `${resource}/${personScope}` };
}

/**
 * Reads the settings for the sign-in of people. Other settings may be wrong.
 * @returns a sentence that says which setting is missing or wrong, if people cannot sign in.
 */
export function signInSettings(environment: Readonly<Record<string, string | undefined>>): SignInSettings | string {
  const settings = authoritySettings(environment);
  if (typeof settings === 'string') return settings;
  const { clientId } = settings;
  return clientId === undefined ? 'The setting SIGN_IN_CLIENT_ID is missing.' : { ...settings, clientId };
}
