import type { CloudName } from '../../core/clouds.ts';
import type { TenantId } from '../../core/identifiers.ts';

/**
 * Base of the issuer of v1 tokens, per cloud. An application receives v1 tokens until its manifest sets
 * `requestedAccessTokenVersion` to 2 ("Access tokens", Microsoft identity platform). Azure Government uses the issuer of
 * the public cloud.
 */
const v1IssuerBase: Readonly<Record<CloudName, string>> = {
  public: 'https://sts.windows.net',
  usgovernment: 'https://sts.windows.net',
  china: 'https://sts.chinacloudapi.cn',
};

/** Accepted issuers of one tenant, each with the token version that it issues. */
export type Issuers = ReadonlyMap<string, '1.0' | '2.0'>;

/**
 * Returns the issuers of a tenant.
 * @param entraEndpoint Authority base without a trailing slash: `https://login.microsoftonline.com`.
 */
export function acceptedIssuers(entraEndpoint: string, cloud: CloudName, tenantId: TenantId): Issuers {
  return new Map([
    [`${entraEndpoint}/${tenantId}/v2.0`, '2.0'],
    [`${v1IssuerBase[cloud]}/${tenantId}/`, '1.0'],
  ]);
}
