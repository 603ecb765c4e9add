import { assignmentsOf, type Relationship, relationshipsOf } from '../population/relationships.ts';
import { createSubscriptions } from '../population/users.ts';
import type { CustomerTenant } from '../population/tenant.ts';
import type { Reply } from '../web/http.ts';
import type { World } from '../world.ts';
import { type GraphContext, graphRoute, listOptions } from './context.ts';
import type { Item } from './filter.ts';
import { notFound } from './graph-error.ts';
import { collection, single } from './query.ts';

const organizationRead =
  'User.Read Organization.Read.All Organization.ReadWrite.All Directory.Read.All Directory.ReadWrite.All';
const relationshipRead = 'DelegatedAdminRelationship.Read.All DelegatedAdminRelationship.ReadWrite.All';

function domainsOf({ world, caller }: GraphContext): readonly Item[] {
  const { customer } = caller;
  const names =
    customer === undefined ? [world.partner.domain] : [...new Set([customer.initialDomain, customer.defaultDomain])];
  const initial = names[0];
  const defaultDomain = customer?.defaultDomain ?? world.partner.domain;
  return names.map((name) => ({
    id: name,
    authenticationType: 'Managed',
    isAdminManaged: true,
    isDefault: name === defaultDomain,
    isInitial: name === initial,
    isRoot: true,
    isVerified: true,
    supportedServices: ['Email', 'OfficeCommunicationsOnline'],
  }));
}

function organizationJson(context: GraphContext): Item {
  const { world, caller } = context;
  return {
    id: caller.tenantId,
    deletedDateTime: null,
    businessPhones: [],
    city: null,
    countryLetterCode: 'GB',
    createdDateTime: '2019-03-11T09:20:00Z',
    defaultUsageLocation: 'GB',
    displayName: caller.customer?.name ?? world.partner.name,
    partnerTenantType: caller.customer === undefined ? 'breadthPartner' : null,
    tenantType: 'AAD',
    technicalNotificationMails: [],
    verifiedDomains: domainsOf(context).map(({ id, isDefault, isInitial }) => ({
      capabilities: 'Email',
      isDefault,
      isInitial,
      name: id,
      type: 'Managed',
    })),
    assignedPlans: [],
    provisionedPlans: [],
  };
}

/** The subscriptions of a tenant. The partner's own tenant has none. */
export function subscribedSkus(world: World, customer: CustomerTenant | undefined): readonly Item[] {
  if (customer === undefined) return [];
  return createSubscriptions(customer, world.seeded, world.usersOf(customer)).map(
    ({ sku, enabled, warning, suspended, consumed }) => ({
      accountName: customer.initialDomain.split('.')[0],
      accountId: customer.tenantId,
      appliesTo: 'User',
      capabilityStatus: enabled > 0 ? 'Enabled' : 'Warning',
      consumedUnits: consumed,
      id: `${customer.tenantId}_${sku.skuId}`,
      skuId: sku.skuId,
      skuPartNumber: sku.skuPartNumber,
      subscriptionIds: [world.seeded.guid('subscription', customer.tenantId, sku.skuId)],
      prepaidUnits: { enabled, suspended, warning, lockedOut: 0 },
      servicePlans: sku.servicePlans.map((plan) => ({ ...plan, provisioningStatus: 'Success' })),
    }),
  );
}

/** Only members of AdminAgents see delegated relationships. Others get an empty list, not an error. */
function isAgent({ world, caller }: GraphContext): boolean {
  if (caller.customer !== undefined) return false;
  const directory = world.partner.directory;
  const principal = caller.isApplication ? directory.servicePrincipalOf(caller.clientId)?.id : caller.objectId;
  return principal !== undefined && world.partner.adminAgents.members.has(principal);
}

function relationships(context: GraphContext): readonly Relationship[] {
  if (!isAgent(context)) return [];
  const { customers, seeded, clock, startMs } = context.world;
  const times = { startMs, nowMs: clock.nowMs() };
  return customers.flatMap((customer) => relationshipsOf(customer, seeded, times));
}

function findRelationship(context: GraphContext): Relationship {
  const id = context.parameters['id'] ?? '';
  const found = relationships(context).find((relationship) => relationship.id === id);
  if (found === undefined) throw notFound(id);
  return found;
}

function accessAssignments(context: GraphContext): Reply {
  const relationship = findRelationship(context);
  const { partner, seeded, clock } = context.world;
  const customer = context.world.findCustomer(relationship.customer.tenantId);
  const found = customer === undefined ? [] : assignmentsOf(customer, relationship, clock.nowMs());
  const items = found.map(({ roleId, status }) => ({
    '@odata.etag': relationship['@odata.etag'],
    id: seeded.guid('access-assignment', relationship.id, roleId),
    status,
    createdDateTime: relationship.activatedDateTime,
    lastModifiedDateTime: relationship.lastModifiedDateTime,
    accessContainer: {
      accessContainerId: partner.gdapGroups.get(roleId)?.id ?? '',
      accessContainerType: 'securityGroup',
    },
    accessDetails: { unifiedRoles: [{ roleDefinitionId: roleId }] },
  }));
  return collection(items, listOptions(context, 'accessAssignments'));
}

function delegatedCustomers(context: GraphContext): readonly Item[] {
  if (!isAgent(context)) return [];
  const named = new Map(relationships(context).map(({ customer }) => [customer.tenantId, customer.displayName]));
  return [...named].map(([tenantId, displayName]) => ({ id: tenantId, tenantId, displayName }));
}

function contracts({ world, caller }: GraphContext): readonly Item[] {
  if (caller.customer !== undefined) return [];
  return world.customers
    .filter(({ sources }) => sources.contract)
    .map((customer) => ({
      id: world.seeded.guid('contract', customer.tenantId),
      deletedDateTime: null,
      contractType: 'ResellerPartner',
      customerId: customer.tenantId,
      defaultDomainName: customer.defaultDomain,
      displayName: customer.contractName,
    }));
}

function tenantInformation(context: GraphContext, wanted: string): Reply {
  const { world } = context;
  const customer = world.findCustomer(wanted);
  const isOwn = world.isPartner(wanted);
  if (!isOwn && (customer === undefined || customer.state === 'deleted')) throw notFound(wanted);
  return single(
    {
      tenantId: customer?.tenantId ?? world.partner.tenantId,
      federationBrandName: null,
      displayName: customer?.name ?? world.partner.name,
      defaultDomainName: customer?.defaultDomain ?? world.partner.domain,
    },
    listOptions(context, 'microsoft.graph.tenantInformation'),
  );
}

const delegated = '/v1.0/tenantRelationships/delegatedAdminRelationships';

export const tenantRoutes = [
  graphRoute('GET', '/v1.0/organization', organizationRead, (context) =>
    collection([organizationJson(context)], listOptions(context, 'organization')),
  ),
  graphRoute('GET', '/v1.0/organization/{id}', organizationRead, (context) => {
    const id = context.parameters['id'] ?? '';
    if (id !== context.caller.tenantId) throw notFound(id);
    return single(organizationJson(context), listOptions(context, 'organization'));
  }),
  graphRoute('GET', '/v1.0/domains', 'Domain.Read.All Directory.Read.All Directory.ReadWrite.All', (context) =>
    collection(domainsOf(context), listOptions(context, 'domains')),
  ),
  graphRoute(
    'GET',
    '/v1.0/subscribedSkus',
    'Organization.Read.All Organization.ReadWrite.All Directory.Read.All Directory.ReadWrite.All',
    (context) =>
      collection(subscribedSkus(context.world, context.caller.customer), listOptions(context, 'subscribedSkus')),
  ),
  graphRoute('GET', '/v1.0/contracts', 'Directory.Read.All Directory.ReadWrite.All', (context) =>
    collection(contracts(context), listOptions(context, 'contracts')),
  ),
  graphRoute('GET', delegated, relationshipRead, (context) =>
    collection(
      [...relationships(context)].map((each) => ({ ...each })),
      listOptions(context, 'tenantRelationships/delegatedAdminRelationships', { maxTop: 300 }),
    ),
  ),
  graphRoute('GET', `${delegated}/{id}`, relationshipRead, (context) =>
    single({ ...findRelationship(context) }, listOptions(context, 'tenantRelationships/delegatedAdminRelationships')),
  ),
  graphRoute('GET', `${delegated}/{id}/accessAssignments`, relationshipRead, accessAssignments),
  graphRoute('GET', '/v1.0/tenantRelationships/delegatedAdminCustomers', relationshipRead, (context) =>
    collection(
      delegatedCustomers(context),
      listOptions(context, 'tenantRelationships/delegatedAdminCustomers', { maxTop: 300 }),
    ),
  ),
  graphRoute(
    'GET',
    "/v1.0/tenantRelationships/findTenantInformationByTenantId(tenantId='{wanted}')",
    'CrossTenantInformation.ReadBasic.All Directory.Read.All',
    (context) => tenantInformation(context, context.parameters['wanted'] ?? ''),
  ),
  graphRoute(
    'GET',
    "/v1.0/tenantRelationships/findTenantInformationByDomainName(domainName='{wanted}')",
    'CrossTenantInformation.ReadBasic.All Directory.Read.All',
    (context) => tenantInformation(context, context.parameters['wanted'] ?? ''),
  ),
];
