import { randomUUID } from 'node:crypto';
import { partnerCenterAppId } from '../directory/microsoft-resources.ts';
import { type Caller, callerOf, identifyByToken } from '../resource/caller.ts';
import { type CloudRequest, headerOf, json, type Reply, type Service } from '../web/http.ts';
import { createRouter, route } from '../web/router.ts';
import type { World } from '../world.ts';
import { listAuditRecords } from './audit-records.ts';
import { grantConsent, removeConsent } from './consents.ts';
import type { PartnerCenterContext } from './context.ts';
import { listUsers, showUser } from './customer-users.ts';
import { findCustomer, listCustomers, showBillingProfile, showCompanyProfile, showCustomer } from './customers.ts';
import { listInvoices, listLineItems, listSummaries, showInvoice, showSummary } from './invoices.ts';
import { PartnerCenterError } from './partner-center-error.ts';
import { profileRoutes } from './profiles.ts';
import { listSubscribedSkus, listSubscriptions, showSubscription } from './subscriptions.ts';

type Handler = (context: PartnerCenterContext) => Reply;

const router = createRouter<Handler>([
  route('GET', '/v1/customers', listCustomers),
  route('GET', '/v1/customers/{id}', showCustomer),
  route('GET', '/v1/customers/{id}/profiles/company', showCompanyProfile),
  route('GET', '/v1/customers/{id}/profiles/billing', showBillingProfile),
  route('GET', '/v1/customers/{id}/subscriptions', listSubscriptions),
  route('GET', '/v1/customers/{id}/subscriptions/{subscriptionId}', showSubscription),
  route('GET', '/v1/customers/{id}/subscribedskus', listSubscribedSkus),
  route('GET', '/v1/customers/{id}/users', listUsers),
  route('GET', '/v1/customers/{id}/users/{userId}', showUser),
  route('POST', '/v1/customers/{id}/applicationconsents', (context) => grantConsent(context, findCustomer(context))),
  route('DELETE', '/v1/customers/{id}/applicationconsents/{appId}', (context) =>
    removeConsent(context, findCustomer(context)),
  ),
  route('GET', '/v1/invoices', listInvoices),
  route('GET', '/v1/invoices/summary', showSummary),
  route('GET', '/v1/invoices/summaries', listSummaries),
  route('GET', '/v1/invoices/{id}', showInvoice),
  route('GET', '/v1/invoices/{id}/lineitems/OneTime/BillingLineItems', listLineItems),
  route('GET', '/v1/auditrecords', listAuditRecords),
  route('GET', '/auditactivity/v1/auditrecords', listAuditRecords),
  ...profileRoutes,
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
