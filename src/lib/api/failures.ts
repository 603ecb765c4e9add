import { type ErrorCode, errorTable } from '../core/errors.ts';
import type { RouteContract } from './route.ts';

/** Failures of the broker's own credential, confirmed in the partner's own tenant. */
const credentialFailures = [
  'credential_missing',
  'credential_expired',
  'credential_revoked',
  'client_credential_rejected',
  'consent_required',
  'interaction_required',
  'blocked_by_policy',
] as const satisfies readonly ErrorCode[];

/** Failures of reading the list of tenants. */
export const directoryFailures = [
  ...credentialFailures,
  'directory_unavailable',
] as const satisfies readonly ErrorCode[];

/** Failures of obtaining a token for a caller in the tenant that it names, and of recording it. */
export const tenantTokenFailures = [
  'resource_not_allowed',
  'tenant_unknown',
  'tenant_not_delegated',
  'tenant_excluded',
  'policy_missing',
  ...directoryFailures,
  'resource_unavailable',
  'access_denied',
  'throttled',
  'entra_request_rejected',
  'key_vault_unavailable',
  'storage_unavailable',
  'audit_unavailable',
] as const satisfies readonly ErrorCode[];

/** Failures to meet the condition of a rule. */
export const conditionFailures = [
  'approval_ended',
  'too_many_approvals',
  'reason_required',
] as const satisfies readonly ErrorCode[];

/** Codes that the pipeline may answer with before the handler runs. */
function commonFailures({ access, query, body, rawBody }: RouteContract): readonly ErrorCode[] {
  const request: readonly ErrorCode[] = [
    ...(query === undefined && body === undefined && !rawBody ? [] : (['request_invalid'] as const)),
    ...(body === undefined && !rawBody ? [] : (['request_too_large'] as const)),
    'internal',
  ];
  if (access === 'anonymous') return request;
  const gate: readonly ErrorCode[] = ['caller_unauthenticated', 'caller_throttled', 'entra_unavailable', ...request];
  return access === 'optional' ? gate : ['config_invalid', ...gate, 'caller_forbidden'];
}

/** All codes that a route may answer with, in the order of the error table. */
export function failuresOf(route: RouteContract): readonly ErrorCode[] {
  const codes = new Set<ErrorCode>([...commonFailures(route), ...route.failures]);
  return (Object.keys(errorTable) as ErrorCode[]).filter((code) => codes.has(code));
}
