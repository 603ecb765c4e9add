export { BrokerRequestError } from './broker-request-error.ts';
export { PartnerTokenCredential, type PartnerTokenCredentialOptions } from './partner-token-credential.ts';
export { type Order, type ResourceNames, standardResources } from './scopes.ts';
