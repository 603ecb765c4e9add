import { randomUUID } from 'node:crypto';
import { partnerCenterAppId } from '../directory/microsoft-resources.ts';
import { type Caller, callerOf, identifyByToken } from '../resource/caller.ts';
import type { CustomerTenant } from '../population/tenant.ts';
import { type CloudRequest, headerOf, json, type Reply, type Service } from '../web/http.ts';
import { createRouter, route } from '../web/router.ts';
import type { World } from '../world.ts';
import { grantConsent, removeConsent } from './consents.ts';
import type { PartnerCenterContext } from './context.ts';
import { PartnerCenterError } from './partner-center-error.ts';

type Handler = (context: PartnerCenterContext) => Reply;

const router = createRouter<Handler>([
  route('GET', '/v1/customers', listCustomers),
  route('GET', '/v1/customers/{id}', (context) =>
    json(200, { ...customerJson(findCustomer(context)), allowDelegatedAccess: true }),
  ),
  route('POST', '/v1/customers/{id}/applicationconsents', (context) => grantConsent(context, findCustomer(context))),
  route('DELETE', '/v1/customers/{id}/applicationconsents/{appId}', (context) =>
    removeConsent(context, findCustomer(context)),
  ),
  route('GET', '/v1/profiles/organization', ({ world }) =>
    json(200, {
      id: world.partner.tenantId,
      companyName: world.partner.name,
      defaultAddress: { country: 'GB' },
      tenantId: world.partner.tenantId,
      domain: world.partner.domain,
    }),
  ),
]);

/** The part of the Partner Center REST API that delegated administration uses. */
export function createPartnerCenter(world: World): Service {
  return {
    name: 'partnerCenter',
    identify: identifyByToken,
    handle: async (request) => {
      let caller: Caller | undefined;
      try {
        caller = await authorize(world, request);
        if (!caller.isApplication && !caller.hasMfa) {
          throw new PartnerCenterError(
            401,
            900421,
            'Unauthorized - MFA required. The access token does not contain the MFA claim.',
          );
        }
        const found = router.find(request.method, request.path);
        if (typeof found === 'string') {
          request.facts.unmatched = true;
          throw new PartnerCenterError(404, 404, 'The requested resource does not exist.');
        }
        return withHeaders(request, found.handler({ world, request, caller, parameters: found.parameters }), caller);
      } catch (error) {
        if (!(error instanceof PartnerCenterError)) throw error;
        const body = { code: error.code, description: error.message, data: [], source: 'PartnerFD' };
        return withHeaders(request, json(error.status, body), caller);
      }
    },
  };
}

/** @throws PartnerCenterError 401 without a valid token (900420 for a wrong audience), 403 for the token of a customer tenant. */
async function authorize(world: World, request: CloudRequest): Promise<Caller> {
  const caller = await callerOf(world, request, partnerCenterAppId);
  if (caller === 'audience')
    throw new PartnerCenterError(
      401,
      900420,
      'The token audience is not supported. Use https://api.partnercenter.microsoft.com.',
    );
  if (typeof caller === 'string')
    throw new PartnerCenterError(401, 900401, 'Unauthorized. The token is missing, invalid or expired.');
  if (caller.customer !== undefined)
    throw new PartnerCenterError(403, 900308, 'Access denied: the token is not for the partner tenant.');
  return caller;
}

function withHeaders(request: CloudRequest, reply: Reply, caller: Caller | undefined): Reply {
  const asksForMfa = headerOf(request, 'validatemfa')?.toLowerCase() === 'true';
  return {
    ...reply,
    headers: {
      ...reply.headers,
      'ms-requestid': headerOf(request, 'ms-requestid') ?? randomUUID(),
      'ms-correlationid': headerOf(request, 'ms-correlationid') ?? randomUUID(),
      ...(asksForMfa && caller !== undefined ? { ismfacompliant: String(caller.isApplication || caller.hasMfa) } : {}),
    },
  };
}

function findCustomer({ world, parameters }: PartnerCenterContext): CustomerTenant {
  const customer = world.findCustomer(parameters['id'] ?? '');
  if (customer?.sources.customer || customer?.sources.relationship) return customer;
  throw new PartnerCenterError(404, 60003, 'The customer was not found.');
}

const customerJson = (customer: CustomerTenant): Readonly<Record<string, unknown>> => ({
  id: customer.tenantId,
  commerceId: customer.tenantId,
  companyProfile: {
    tenantId: customer.tenantId,
    domain: customer.defaultDomain,
    companyName: customer.name,
    attributes: { objectType: 'CustomerCompanyProfile' },
  },
  relationshipToPartner: customer.sources.contract ? 'reseller' : 'advisor',
  attributes: { objectType: 'Customer' },
});

/** Pages by a continuation token in a header instead of the address. */
function listCustomers({ world, request }: PartnerCenterContext): Reply {
  const size = Number(request.query.get('size') ?? 500);
  if (!Number.isInteger(size) || size < 1 || size > 500)
    throw new PartnerCenterError(400, 2000, 'The size is not valid.');
  const continued = request.query.get('seekOperation') === 'Next';
  const token = headerOf(request, 'ms-continuationtoken');
  if (continued && token === undefined) throw new PartnerCenterError(400, 2000, 'The continuation token is missing.');
  const from = continued ? Number(Buffer.from(token ?? '', 'base64url').toString('utf8')) : 0;
  const all = world.customers.filter(({ sources }) => sources.customer);
  const items = all.slice(from, from + size);
  const base = world.addresses().partnerCenter;
  const self = { uri: `${base}/v1/customers?size=${size}`, method: 'GET', headers: [] };
  const next = {
    uri: `${base}/v1/customers?size=${size}&seekOperation=Next`,
    method: 'GET',
    headers: [{ key: 'MS-ContinuationToken', value: Buffer.from(String(from + size)).toString('base64url') }],
  };
  const links = from + size < all.length ? { self, next } : { self };
  return json(200, {
    totalCount: items.length,
    items: items.map(customerJson),
    links,
    attributes: { objectType: 'Collection' },
  });
}
