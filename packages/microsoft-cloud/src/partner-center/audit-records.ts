import { dayMs, isoTime } from '../clock.ts';
import type { CustomerTenant } from '../population/tenant.ts';
import type { Reply } from '../web/http.ts';
import type { World } from '../world.ts';
import type { PartnerCenterContext } from './context.ts';
import { type FilterFields, filtered } from './field-filter.ts';
import { PartnerCenterError } from './partner-center-error.ts';
import { pageOf, type Resource } from './resources.ts';

interface AuditRecord {
  readonly customer: CustomerTenant;
  readonly atMs: number;
}

/** "Get a record of Partner Center activity": records are kept for 90 days, and a request covers at most 30. */
const keptMs = 90 * dayMs;
const windowMs = 30 * dayMs;

/** The partner has changed the licences of one user of each customer, at some time in every 30 days. Newest first. */
function recordsOf(world: World, fromMs: number, untilMs: number): readonly AuditRecord[] {
  const records: AuditRecord[] = [];
  for (const customer of world.customers) {
    if (!customer.sources.contract || customer.state === 'deleted') continue;
    const offsetMs = Math.floor(world.seeded.random('audit', customer.tenantId)() * windowMs);
    const first = Math.ceil((fromMs - offsetMs) / windowMs);
    for (let atMs = first * windowMs + offsetMs; atMs < untilMs; atMs += windowMs) records.push({ customer, atMs });
  }
  return records.toSorted((one, other) => other.atMs - one.atMs);
}

function recordJson(world: World, { customer, atMs }: AuditRecord): Resource {
  const users = world.usersOf(customer).filter(({ licences }) => licences.length > 0);
  const user = users[Math.floor(atMs / windowMs) % Math.max(1, users.length)];
  return {
    id: `${world.partner.tenantId}_${customer.tenantId}_updatecustomeruserlicenses_${atMs}`,
    partnerId: world.partner.tenantId,
    customerId: customer.tenantId,
    customerName: customer.name,
    userPrincipalName: world.partner.serviceAccount.userPrincipalName,
    applicationId: 'Partner Center Native App',
    resourceType: 'license',
    resourceNewValue: JSON.stringify({ LicensesToAssign: (user?.licences ?? []).map((SkuId) => ({ SkuId })) }),
    operationType: 'update_customer_user_licenses',
    operationDate: isoTime(atMs),
    operationStatus: 'succeeded',
    customizedData: [{ key: 'CustomerUserId', value: user?.id ?? '' }],
    attributes: { objectType: 'AuditRecord' },
  };
}

const filterFields: FilterFields<AuditRecord> = {
  companyname: { operators: ['substring'], valueOf: ({ customer }) => customer.name },
  customerid: { operators: ['equals'], valueOf: ({ customer }) => customer.tenantId },
  resourcetype: { operators: ['equals'], valueOf: () => 'license' },
};

/**
 * `GET /v1/auditrecords` and `/auditactivity/v1/auditrecords`.
 * @throws PartnerCenterError 400 without a start date, and for dates out of range.
 */
export function listAuditRecords({ world, request }: PartnerCenterContext): Reply {
  const nowMs = world.clock.nowMs();
  const dateOf = (name: string): number => Date.parse(request.query.get(name) ?? '');
  const fromMs = dateOf('startDate');
  // A date without a time stands for the whole day.
  const untilMs = request.query.has('endDate') ? dateOf('endDate') + dayMs : Math.min(fromMs + windowMs, nowMs);
  const invalid = (description: string): PartnerCenterError => new PartnerCenterError(400, 2000, description);
  if (Number.isNaN(fromMs) || Number.isNaN(untilMs)) throw invalid('startDate is required, and dates must be valid.');
  if (fromMs < nowMs - keptMs) throw invalid('The start date is more than 90 days ago.');
  const records = recordsOf(world, fromMs, Math.min(untilMs, nowMs));
  const wanted = filtered(records, request.query.get('filter'), filterFields);
  return pageOf(request, wanted, (record) => recordJson(world, record), { maxSize: 500 });
}
