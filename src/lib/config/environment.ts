import { personScope } from '../core/caller.ts';
import { clouds, withEndpoints } from '../core/clouds.ts';
import { parseGuid, type TenantId } from '../core/identifiers.ts';
import { definedOnly, settingsSchema } from './settings.ts';

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
  const present = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const { success, data, error } = schema.safeParse(present);
  if (!success) return `The setting ${String(error.issues[0]?.path[0])} is missing or wrong.`;
  const { SIGN_IN_CLIENT_ID: clientId, PARTNER_TENANT_ID: tenantId, BROKER_AUDIENCES: audiences } = data;
  const resource = audiences.find((audience) => parseGuid(audience) === undefined) ?? audiences[0];
  const { endpoints } = withEndpoints(clouds[data.MICROSOFT_CLOUD], definedOnly(data.CLOUD_ENDPOINTS ?? {}));
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
