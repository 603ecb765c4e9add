import { isoTime } from '../system-clock.ts';
import type { Seeded } from '../seeded.ts';
import type { CustomerTenant } from './tenant.ts';

/** A delegated relationship (GDAP) as Graph lists it. */
export interface Relationship {
  readonly '@odata.etag': string;
  readonly id: string;
  readonly displayName: string;
  readonly duration: string;
  readonly autoExtendDuration: string;
  readonly customer: { readonly tenantId: string; readonly displayName: string };
  readonly accessDetails: { readonly unifiedRoles: readonly { readonly roleDefinitionId: string }[] };
  readonly status: string;
  readonly createdDateTime: string;
  readonly activatedDateTime: string | null;
  readonly endDateTime: string | null;
  readonly lastModifiedDateTime: string;
}

const dayMs = 24 * 3600 * 1000;

/** Role template ids. Source: "Microsoft Entra built-in roles". */
const roles = {
  globalReader: 'f2ef992c-3afb-46b9-b7cf-a126ee74c451',
  directoryReaders: '88d8e3e3-8f55-4a1e-953a-9b9898b8876b',
  userAdministrator: 'fe930be7-5e62-47db-91af-98c3a49a38b1',
  exchangeAdministrator: '29232cdf-9323-42fd-ade2-1d097af3e4de',
  applicationAdministrator: '9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3',
  privilegedRoleAdministrator: 'e8611ab8-c189-46e8-94e1-60213ab1f814',
} as const;

const workingRoles = [
  roles.globalReader,
  roles.userAdministrator,
  roles.exchangeAdministrator,
  roles.applicationAdministrator,
  roles.privilegedRoleAdministrator,
];

interface Description {
  readonly name: string;
  readonly status: string;
  /** Days from now. */
  readonly endsInDays: number;
  readonly roles: readonly string[];
  readonly autoExtend?: boolean;
}

function describe(tenant: CustomerTenant): readonly Description[] {
  const { index, name, state, trait, sources } = tenant;
  const found: Description[] = [];
  if (state === 'gdap_expired') {
    const status = index % 2 === 0 ? 'expired' : 'terminated';
    found.push({ name: `${name} administration`, status, endsInDays: -20, roles: workingRoles });
  } else if (sources.relationship) {
    // Some end soon: what a warning must find.
    const endsInDays = index % 11 === 4 ? 12 : 90 + ((index * 37) % 600);
    found.push({
      name: `${name} administration`,
      status: 'active',
      endsInDays,
      roles: workingRoles,
      autoExtend: index % 4 === 0,
    });
  }
  if (trait === 'several_relationships' && sources.relationship) {
    found.push({ name: `${name} helpdesk`, status: 'active', endsInDays: 400, roles: [roles.userAdministrator] });
    found.push({ name: `${name} migration`, status: 'terminated', endsInDays: -200, roles: workingRoles });
  }
  // Led by Microsoft and read-only; and what is left of former agreements.
  if (index % 6 === 2 && sources.relationship && state !== 'gdap_expired') {
    found.push({
      name: `MLT_${name.replaceAll(' ', '')}`,
      status: 'active',
      endsInDays: 500,
      roles: [roles.directoryReaders],
    });
  }
  // A customer whose only relationship has ended cannot be reached, so its state would not be `ok`.
  if (index % 9 === 5 && sources.relationship)
    found.push({ name: `${name} former`, status: 'terminated', endsInDays: -90, roles: workingRoles });
  return found;
}

interface Made {
  readonly state: CustomerTenant['state'];
  readonly list: readonly Relationship[];
}

const made = new WeakMap<CustomerTenant, Made>();

/**
 * All relationships of a customer, those that have ended included.
 * @param nowMs when the cloud started: what a customer once has stays as it is until the customer's state changes.
 */
export function relationshipsOf(tenant: CustomerTenant, seeded: Seeded, nowMs: number): readonly Relationship[] {
  const known = made.get(tenant);
  if (known?.state === tenant.state) return known.list;
  const list = createRelationships(tenant, seeded, nowMs);
  made.set(tenant, { state: tenant.state, list });
  return list;
}

function createRelationships(tenant: CustomerTenant, seeded: Seeded, nowMs: number): readonly Relationship[] {
  return describe(tenant).map((described, at) => {
    const endMs = nowMs + described.endsInDays * dayMs;
    const activatedMs = endMs - 730 * dayMs;
    const id = `${seeded.guid('relationship', tenant.tenantId, at)}-${seeded.guid('relationship-version', tenant.tenantId, at)}`;
    return {
      '@odata.etag': `W/"${Buffer.from(id.slice(0, 12)).toString('base64')}"`,
      id,
      displayName: described.name,
      duration: 'P730D',
      autoExtendDuration: described.autoExtend ? 'P180D' : 'PT0S',
      customer: { tenantId: tenant.tenantId, displayName: tenant.name },
      accessDetails: { unifiedRoles: described.roles.map((roleDefinitionId) => ({ roleDefinitionId })) },
      status: described.status,
      createdDateTime: isoTime(activatedMs - dayMs),
      activatedDateTime: isoTime(activatedMs),
      endDateTime: isoTime(endMs),
      lastModifiedDateTime: isoTime(activatedMs),
    };
  });
}
