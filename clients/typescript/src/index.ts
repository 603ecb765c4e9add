export type { BrokerConnectionOptions, Clock, Fetch } from './broker-connection.ts';
export { BrokerRequestError } from './broker-request-error.ts';
export {
  GatewayClient,
  type GatewayClientOptions,
  type GatewayMethod,
  type GatewayRequestOptions,
} from './gateway-client.ts';
export { graphFetch, type GraphContext, graphMiddleware, type GraphMiddleware } from './graph-sdk.ts';
export {
  type JobHistory,
  jobHistory,
  type JobHistoryFilter,
  type ManyTenants,
  type OneTenant,
  type RunInHistory,
  type TenantInHistory,
} from './job-history.ts';
export { PartnerTokenCredential, type PartnerTokenCredentialOptions } from './partner-token-credential.ts';
export { type ResultRow, runResults, type RunResultsOptions } from './run-results.ts';
export { type Order, type ResourceNames, standardResources } from './scopes.ts';
export { type TenantEvent, tenantEvents, type TenantEventsFilter } from './tenant-events.ts';
