import { aadGraphAppId } from '../directory/microsoft-resources.ts';
import { type Caller, callerOf, identifyByToken } from '../resource/caller.ts';
import { createTenantTraits } from '../resource/tenant-traits.ts';
import { json, type Reply, type Service } from '../web/http.ts';
import type { World } from '../world.ts';
import { subscribedSkus } from './subscribed-skus.ts';

type Item = Readonly<Record<string, unknown>>;

const failure = (status: number, code: string, value: string): Reply =>
  json(status, { 'odata.error': { code, message: { lang: 'en', value } } });

const readers = ['Directory.AccessAsUser.All', 'Directory.Read.All'];

/** Azure AD Graph 1.6, which Microsoft has retired: the lists that old scripts read. */
export function createAadGraph(world: World): Service {
  const traits = createTenantTraits();
  return {
    name: 'aadGraph',
    identify: identifyByToken,
    handle: async (request) => {
      const caller = await callerOf(world, request, aadGraphAppId);
      if (typeof caller === 'string') {
        return failure(
          401,
          caller === 'expired' ? 'Authentication_ExpiredToken' : 'Authentication_MissingOrMalformed',
          'Access Token missing or malformed.',
        );
      }
      const [, tenant = '', segment = '', ...rest] = request.path.split('/');
      if (!isTenantOf(world, caller, tenant))
        return failure(403, 'Authentication_Unauthorized', 'Invalid domain name in the request url.');
      if (request.query.get('api-version') === null)
        return failure(
          400,
          'Request_InvalidApiVersion',
          'The specified api-version is invalid. The value must exactly match a supported version.',
        );
      if (!readers.some((permission) => caller.permissions.has(permission))) {
        return failure(403, 'Authorization_RequestDenied', 'Insufficient privileges to complete the operation.');
      }
      const value =
        request.method === 'GET' && rest.length === 0 ? listOf(world, caller, segment.toLowerCase()) : undefined;
      if (value === undefined) {
        request.facts.unmatched = true;
        return failure(404, 'Request_ResourceNotFound', `Resource not found for the segment '${segment}'.`);
      }
      const metadata = `${world.addresses().aadGraph}/${caller.tenantId}/$metadata#directoryObjects`;
      return (
        traits.throttle(caller.customer) ?? {
          ...json(200, { 'odata.metadata': metadata, value }),
          ...traits.slowness(caller.customer),
        }
      );
    },
  };
}

function isTenantOf(world: World, caller: Caller, tenant: string): boolean {
  if (tenant.toLowerCase() === 'myorganization') return true;
  return caller.customer === undefined ? world.isPartner(tenant) : world.findCustomer(tenant) === caller.customer;
}

function listOf(world: World, caller: Caller, segment: string): readonly Item[] | undefined {
  if (segment === 'subscribedskus') return subscribedSkus(world, caller.customer);
  if (segment === 'tenantdetails') return [tenantDetails(world, caller)];
  return undefined;
}

function tenantDetails(world: World, caller: Caller): Item {
  const { customer } = caller;
  const domains =
    customer === undefined ? [world.partner.domain] : [...new Set([customer.initialDomain, customer.defaultDomain])];
  const defaultDomain = customer?.defaultDomain ?? world.partner.domain;
  return {
    'odata.type': 'Microsoft.DirectoryServices.TenantDetail',
    objectType: 'Company',
    objectId: caller.tenantId,
    displayName: customer?.name ?? world.partner.name,
    countryLetterCode: 'GB',
    verifiedDomains: domains.map((name, index) => ({
      capabilities: 'Email',
      default: name === defaultDomain,
      initial: index === 0,
      name,
      type: 'Managed',
    })),
  };
}
