import { notPermitted, unreadable } from '../../judge/refusal.ts';
import type { TenantId } from '../../core/identifiers.ts';

/** How a request names its tenant, and the tenant that it was found to be. */
export interface RequestedTenant {
  readonly asked: string;
  readonly tenantId: TenantId;
}

/** Exchange and its compliance service answer under several names. All of them read the tenant in the path. */
const exchangeDomains = [
  'outlook.office365.com',
  'outlook.office.com',
  'outlook.com',
  'office365.us',
  'webmail.apps.mil',
  'partner.outlook.cn',
];

/** Whether the address of a resource leads to Exchange. @param baseUrl '' if it is not known. */
export function isExchangeHost(baseUrl: string): boolean {
  if (!URL.canParse(baseUrl)) return false;
  const host = new URL(baseUrl).hostname.toLowerCase().replace(/\.$/, '');
  return exchangeDomains.some((domain) => host === domain || host.endsWith(`.${domain}`));
}

/**
 * The segments to send: in `/adminapi/VERSION/TENANT/…` the tenant by its id. Exchange reads the tenant in the path, so it
 * must be that of the request. Other paths stay as they are.
 * @throws Refusal for another tenant, and for an administration path of another form.
 */
export function adminSegments(segments: readonly string[], tenant: RequestedTenant): readonly string[] {
  const [root = '', version = '', named, ...rest] = segments;
  if (root.toLowerCase() !== 'adminapi') return segments;
  if (!/^(?:beta|v\d+\.\d+)$/i.test(version) || named === undefined) {
    throw unreadable('The path does not have the form /adminapi/beta/TENANT/NAME; send it so.');
  }
  if (!isTenant(named, tenant)) {
    throw notPermitted('The path names another tenant than the request; name the same tenant in both places.');
  }
  return ['adminapi', version.toLowerCase(), tenant.tenantId, ...rest];
}

/**
 * Checks `X-AnchorMailbox`, by which Exchange finds the server of a mailbox: `UPN:NAME@DOMAIN`, or the same with a tenant id.
 * @throws Refusal for a mailbox in another domain than the one that the request names.
 */
export function checkAnchor(anchor: string, tenant: RequestedTenant): void {
  const [name = '', domain, ...others] = anchor.split('@');
  if (name !== '' && domain !== undefined && others.length === 0 && isTenant(domain.trim(), tenant)) return;
  throw notPermitted(
    'X-AnchorMailbox names no mailbox of the tenant as the request names it; send UPN:NAME@TENANT, with TENANT as in the address.',
  );
}

function isTenant(named: string, { asked, tenantId }: RequestedTenant): boolean {
  const text = named.toLowerCase();
  return text === tenantId || text === asked.toLowerCase();
}
