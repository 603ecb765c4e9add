import { dayMs } from '../clock.ts';
import type { Application, Credential } from '../directory/records.ts';
import { newApplication } from '../directory/tenant-directory.ts';
import { between, pick, type Seeded } from '../seeded.ts';
import type { CustomerTenant } from './tenant.ts';

const purposes = [
  'Backup',
  'Payroll import',
  'Scan to mail',
  'Website forms',
  'CRM sync',
  'Booking portal',
  'Reporting export',
] as const;

// Expired, expiring soon and expiring later: the cases of a report on expiring credentials.
const daysLeft = [-12, 2, 6, 13, 27, 45, 90, 180, 400, 700] as const;

/** Creates applications that a customer registered for itself, with credentials of various ages. */
export function createCustomerApplications(
  tenant: CustomerTenant,
  seeded: Seeded,
  nowMs: number,
): readonly Application[] {
  const random = seeded.random('applications', tenant.tenantId);
  const left = new Set<string>(purposes);
  return Array.from({ length: between(random, 1, 5) }, (_, index) => {
    const ids = {
      id: seeded.guid('customer-application', tenant.tenantId, index),
      appId: seeded.guid('customer-client', tenant.tenantId, index),
    };
    const wanted = pick(random, purposes);
    // Two applications of one name would be told apart by ids alone.
    const [purpose = wanted] = left.has(wanted) ? [wanted] : left;
    left.delete(purpose);
    const name = `${tenant.name} ${purpose}`;
    const application = newApplication(tenant.tenantId, name, nowMs - 400 * dayMs, ids);
    const credential = (kind: string, at: number): Credential => {
      const endMs = nowMs + pick(random, daysLeft) * dayMs;
      const keyId = seeded.guid(kind, tenant.tenantId, index, at);
      return { keyId, displayName: `${kind} ${at + 1}`, startMs: endMs - 365 * dayMs, endMs };
    };
    application.passwords = Array.from({ length: between(random, 0, 2) }, (__, at) => ({
      ...credential('secret', at),
      hint: 'abc',
      hash: '',
    }));
    application.keys = Array.from({ length: between(random, 0, 1) }, (__, at) => ({
      ...credential('certificate', at),
      type: 'AsymmetricX509Cert',
      usage: 'Verify',
      key: '',
      thumbprint: seeded
        .guid('thumbprint', tenant.tenantId, index, at)
        .replaceAll('-', '')
        .toUpperCase()
        .padEnd(40, '0'),
    }));
    return application;
  });
}
