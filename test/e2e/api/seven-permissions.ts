import type { CloudDocument } from 'microsoft-cloud';
import { decodeJwt } from 'jose';
import { applicationToken, consentTo } from '../../support/consent-to.ts';

/** The permissions of Microsoft Graph that the customer consents to. */
export const sevenPermissions = [
  'Application.Read.All',
  'AuditLog.Read.All',
  'Group.Read.All',
  'LicenseAssignment.Read.All',
  'Organization.Read.All',
  'User.Read.All',
  'User.ReadWrite.All',
] as const;

/** Replaces the consent of a customer for the broker's application: seven permissions of Graph, and Exchange. */
export const consentToSeven = (cloud: CloudDocument, tenantId: string): Promise<void> =>
  consentTo(cloud, tenantId, sevenPermissions);

/** The permissions in the application's token for Graph in this tenant, sorted. */
export async function consentedPermissions(cloud: CloudDocument, tenantId: string): Promise<readonly string[]> {
  const { scp } = decodeJwt<{ scp: string }>(await applicationToken(cloud, tenantId, 'https://graph.microsoft.com'));
  return scp.split(' ').toSorted();
}
