import { assignmentsOf, type Relationship, relationshipsOf } from '../../population/relationships.ts';
import type { Declaration, Row, TenantView } from '../declaration.ts';
import { liveSet } from './live-set.ts';

/** What the partner's tenant knows of its customers. */

/** Only members of AdminAgents see delegated relationships. Others get an empty list, not an error. */
function relationships({ world, isAgent }: TenantView): readonly Relationship[] {
  if (!isAgent) return [];
  const { customers, seeded, clock, startMs } = world;
  const times = { startMs, nowMs: clock.nowMs() };
  return customers.flatMap((customer) => relationshipsOf(customer, seeded, times));
}

function accessAssignments(tenant: TenantView, id: string): readonly Row[] {
  const relationship = relationships(tenant).find((each) => each.id === id);
  const { partner, seeded, clock } = tenant.world;
  const customer = relationship === undefined ? undefined : tenant.world.findCustomer(relationship.customer.tenantId);
  if (relationship === undefined || customer === undefined) return [];
  return assignmentsOf(customer, relationship, clock.nowMs()).map(({ roleId, status }) => ({
    '@odata.etag': relationship['@odata.etag'],
    id: seeded.guid('access-assignment', relationship.id, roleId),
    status,
    createdDateTime: relationship.activatedDateTime,
    lastModifiedDateTime: relationship.lastModifiedDateTime,
    accessContainer: {
      accessContainerId: (partner.gdapGroups.get(roleId) ?? partner.adminAgents).id,
      accessContainerType: 'securityGroup',
    },
    accessDetails: { unifiedRoles: [{ roleDefinitionId: roleId }] },
  }));
}

function delegatedCustomers(tenant: TenantView): readonly Row[] {
  const named = new Map(relationships(tenant).map(({ customer }) => [customer.tenantId, customer.displayName]));
  return [...named].map(([tenantId, displayName]) => ({ id: tenantId, tenantId, displayName }));
}

const contracts = ({ world, customer }: TenantView): readonly Row[] =>
  customer === undefined
    ? world.customers
        .filter(({ sources }) => sources.contract)
        .map((each) => ({
          id: world.seeded.guid('contract', each.tenantId),
          deletedDateTime: null,
          contractType: 'ResellerPartner',
          customerId: each.tenantId,
          defaultDomainName: each.defaultDomain,
          displayName: each.contractName,
        }))
    : [];

function tenantInformation({ world }: TenantView, wanted = ''): Row | undefined {
  const customer = world.findCustomer(wanted);
  if (!world.isPartner(wanted) && (customer === undefined || customer.state === 'deleted')) return undefined;
  return {
    tenantId: customer?.tenantId ?? world.partner.tenantId,
    federationBrandName: null,
    displayName: customer?.name ?? world.partner.name,
    defaultDomainName: customer?.defaultDomain ?? world.partner.domain,
  };
}

const information = (path: string): Declaration => ({
  kind: 'singleton',
  path,
  type: 'microsoft.graph.tenantInformation',
  row: tenantInformation,
  live: true,
});

const delegated = 'tenantRelationships/delegatedAdminRelationships';

export const relationshipSets: readonly Declaration[] = [
  liveSet('contracts', 'contract', contracts),
  liveSet(delegated, 'delegatedAdminRelationship', (tenant) => relationships(tenant).map((each) => ({ ...each })), {
    maxTop: 300,
  }),
  liveSet(
    `${delegated}/{id}/accessAssignments`,
    'delegatedAdminAccessAssignment',
    (tenant, id = '') => accessAssignments(tenant, id),
    { maxTop: 300 },
  ),
  liveSet('tenantRelationships/delegatedAdminCustomers', 'delegatedAdminCustomer', delegatedCustomers, { maxTop: 300 }),
  information("tenantRelationships/findTenantInformationByTenantId(tenantId='{tenantId}')"),
  information("tenantRelationships/findTenantInformationByDomainName(domainName='{domainName}')"),
];
