import type { CloudName } from '../model/clouds.ts';
import type { TenantId } from '../model/identifiers.ts';

/**
 * The host that v1 tokens name as their issuer, per cloud. An application gets v1 tokens until its manifest sets
 * `requestedAccessTokenVersion` to 2 ("Access tokens", Microsoft identity platform). Azure Government uses the public name.
 */
const v1IssuerBase: Readonly<Record<CloudName, string>> = {
  public: 'https://sts.windows.net',
  usgovernment: 'https://sts.windows.net',
  china: 'https://sts.chinacloudapi.cn',
};

/** Issuer → token version, for one tenant. */
export type Issuers = ReadonlyMap<string, '1.0' | '2.0'>;

/** @param entraEndpoint Authority base without a trailing slash: `https://login.microsoftonline.com`. */
export function acceptedIssuers(entraEndpoint: string, cloud: CloudName, tenantId: TenantId): Issuers {
  return new Map([
    [`${entraEndpoint}/${tenantId}/v2.0`, '2.0'],
    [`${v1IssuerBase[cloud]}/${tenantId}/`, '1.0'],
  ]);
}
